"""RenderingModel: how a rendering model meets Keras' fit, evaluate and predict."""

from contextlib import nullcontext
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.arguments import standardize_integer
from keras_drmm.models import checks
from keras_drmm.models.learner import Learner, objective_loss, unpack_batch
from keras_drmm.models.sampling import numpy_generator

# Rows of a data set that an algorithm's starting point is made from.
INITIAL_ROWS = 5000


class RenderingModel(Learner):
    """Base of the models: an E-step inside Keras' own training loop.

    A subclass defines `e_step`, `infer`, `_sample`, `num_classes`, `image_shape`,
    `pixel_range`, `prior` and `noise_variance`. `compile(algorithm=...)` says how it
    learns; the algorithm names its objective and its terms (see
    `keras_drmm.learning.EG`). Without an algorithm the model is a Keras classifier that
    returns logits. A subclass that also has the methods named in
    `keras_drmm.em.em` learns by closed forms.

    Keras' training step is kept for all backends, so that JAX's state, loss scaling,
    gradient accumulation, weight averaging, jit and callbacks work as in any model.
    """

    def compile(
        self,
        optimizer="adam",
        algorithm=None,
        metrics=("accuracy",),
        jit_compile="auto",
        **kwargs,
    ):
        """Configure learning.

        Args:
            optimizer: a Keras optimizer or its name; closed forms do not use it.
            algorithm: for example `EG()`; None for an ordinary Keras `loss`.
            metrics: Keras metrics of labels and logits. They see labelled rows only,
                and are 0 where there is none.
            jit_compile: as in Keras; "auto" leaves TensorFlow on a CPU to its own
                convolutions, which are faster there than XLA's.
            **kwargs: further arguments of `keras.Model.compile`.

        Raises:
            ValueError: both or neither of `algorithm` and `loss` are given, or the
                model has no closed forms for an algorithm that learns by them.
        """
        if (algorithm is None) == (kwargs.get("loss") is None):
            raise ValueError(
                "Give either `algorithm`, for example "
                "`compile('adam', algorithm=keras_drmm.EG())`, or a Keras `loss`."
            )
        # Before anything changes: a model whose `compile` failed stays as it was.
        self._check_algorithm(algorithm)
        self.closed_form = getattr(algorithm, "closed_form", False)
        self._accumulates = False
        self.algorithm = algorithm
        # Kept here as well, so that Keras tracks the state of its random numbers.
        self._nuisance = getattr(algorithm, "nuisance", None)
        names = [] if algorithm is None else algorithm.weights
        # A namespace, not a dictionary: Keras would track its metrics for ever, those
        # of an earlier `compile` too.
        self._term_metrics = SimpleNamespace(
            **{name: keras.metrics.Mean(name=name) for name in names}
        )
        own = {"algorithm": algorithm}
        self._compile_keeping(optimizer, metrics, jit_compile, own, **kwargs)

    def call(self, inputs, training=False):
        """Return logits; inside a training or test step, the whole E-step."""
        if isinstance(inputs, dict):
            images, labels = inputs["images"], inputs.get("labels")
            return self.algorithm.e_step(self, images, labels, training)
        return self.classify(inputs, training=training)

    # The steps take (data) on TensorFlow and PyTorch, (state, data) on JAX. They read
    # as Algorithm 1: `call` is the E-step, `compute_loss` the objective for the
    # inferred (ĉ, ĝ), and Keras' optimizer step on it the G-step.

    def train_step(self, *args):
        if self.closed_form:
            return self._sweep_step(*args)
        return super().train_step(*args[:-1], self._with_labels(args[-1]))

    def test_step(self, *args):
        return super().test_step(*args[:-1], self._with_labels(args[-1]))

    def _sweep_step(self, *args):
        """Run the E-step on a batch and add its statistics to the sweep's.

        Learning by closed forms has no gradient: this is Keras' test step, which also
        writes the model's non-trainable weights. The M-step follows the sweep.
        """
        *state, data = args
        self._accumulates = True
        try:
            with _no_graph():
                data = self._with_labels(data)
                if not state:
                    return super().test_step(data)
                trainable, non_trainable, optimizer, metrics = state[0]
                logs, (trainable, non_trainable, metrics) = super().test_step(
                    (trainable, non_trainable, metrics), data
                )
                return logs, (trainable, non_trainable, optimizer, metrics)
        finally:
            # A graph is traced for training or for testing: it keeps its choice.
            self._accumulates = False

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if self.algorithm is None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        total, terms = self.algorithm.objective(y_pred, y, self.prior, self.steps)
        for name, value in terms.items():
            getattr(self._term_metrics, name).update_state(value)
        if self._accumulates:
            self.accumulate(y_pred.statistics)
        if training:
            self.steps.assign_add(1)
        for penalty in self.losses:
            total = total + penalty
        return objective_loss(total)

    @property
    def metrics(self):
        terms = getattr(self, "_term_metrics", SimpleNamespace())
        return super().metrics + list(vars(terms).values())

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        *args,
        **kwargs,
    ):
        """Learn; see `keras.Model.fit`.

        Args:
            x: images, floats in `pixel_range`, or a data set of (images, labels)
                batches.
            y: integer labels, -1 for an unlabelled row; None with a data set, or where
                the algorithm needs no labels.
            batch_size: as in Keras, like the following.
            epochs: with closed forms, the number of sweeps over all rows.
            verbose: what is printed.
            callbacks: a callback or a list.
            validation_split: fraction of the rows, the last ones, kept for validation.
            validation_data: (images, labels) or a data set.
            *args: further arguments of `keras.Model.fit`.
            **kwargs: further arguments of `keras.Model.fit`.

        Raises:
            ValueError: images or labels are not what the model takes, or no row is
                labelled. Arrays are checked whole, data sets by their first batch,
                before any weight changes.
        """
        self._check(x, y, learning=True)
        if isinstance(validation_data, tuple):
            self._check(*validation_data[:2])
        elif validation_data is not None:
            self._check(validation_data)
        if self.closed_form:
            if not self.initialized:
                self.initialize(*_initial_rows(x, y, validation_split))
            callbacks = keras.tree.flatten(callbacks) if callbacks else []
            callbacks = callbacks + self.algorithm.callbacks()
        return super().fit(
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            validation_data,
            *args,
            **kwargs,
        )

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Measure objective and metrics; see `keras.Model.evaluate` and `fit`."""
        self._check(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Return logits; see `keras.Model.predict`. Images are checked as in `fit`."""
        self._check(x, None)
        return super().predict(x, *args, **kwargs)

    def reconstruct(self, x, batch_size=100):
        """Return Î of images (N, H, W, C), in batches, as a NumPy array."""
        return self._batched(lambda x: self.infer(x).reconstruction, x, batch_size)

    def sample(self, n, classes=None, seed=None):
        """Draw images from the model, pixel noise included.

        Args:
            n: how many.
            classes: integers (n,); None draws them from π_c.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.

        Returns:
            (images (n, H, W, C), classes (n,)), NumPy arrays. Pixels may leave
            `pixel_range`, as the noise is Gaussian.

        Raises:
            ValueError: a class is out of range, or there are not `n`.
        """
        n = standardize_integer(n, "n")
        return self._sample(n, classes, numpy_generator(seed))

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Write a file that computes the logits; see `keras.Model.export`."""
        # A functional model knows its input, and shows PyTorch its weights.
        images = keras.Input(self.image_shape, name="images")
        keras.Model(images, self(images)).export(filepath, format, **kwargs)

    def _batched(self, function, x, batch_size):
        """Join what `function` returns for parts of x, of `batch_size` rows."""
        checks.check_images(x, self.image_shape, self.pixel_range)
        starts = range(0, len(x), batch_size)
        return np.concatenate([function(x[s : s + batch_size]) for s in starts])

    def _log_likelihood(self, x, reconstruction):
        """Return ln N(I; Î, σ² 1) of images in nats, (B,), a NumPy array."""
        variance = float(ops.convert_to_numpy(self.noise_variance))
        squares = np.square(np.float64(x) - reconstruction).sum(axis=(1, 2, 3))
        normaliser = np.prod(self.image_shape) * np.log(2 * np.pi * variance)
        return -0.5 * (normaliser + squares / variance)

    def _add_state(self, name, shape, value=None):
        """Add a weight without gradient; without a value it is uniform."""
        value = 1 / shape[0] if value is None else value
        initial = keras.initializers.Constant(value)
        return self.add_weight(shape, initial, "float32", trainable=False, name=name)

    def _check_algorithm(self, algorithm):
        """Raise a ValueError unless the model can learn by `algorithm`."""
        closed_form = getattr(algorithm, "closed_form", False)
        if closed_form and getattr(self, "m_step", None) is None:
            raise ValueError(
                f"{type(self).__name__} has no closed-form M-step, which {algorithm} "
                "needs. Learn by gradients: `algorithm=keras_drmm.EG()`."
            )

    def _check(self, x, y=None, learning=False):
        needs_labels = (
            learning and self.algorithm is not None and self.algorithm.needs_labels
        )
        checks.check_data(
            x,
            y,
            image_shape=self.image_shape,
            pixel_range=self.pixel_range,
            num_classes=self.num_classes,
            needs_labels=needs_labels,
        )

    def _with_labels(self, data):
        """Give `call` the labels as well: labelled rows render their class."""
        if self.algorithm is None:
            return data
        x, y, sample_weight = unpack_batch(data)
        if y is None:
            return {"images": x}, None, sample_weight
        return {"images": x, "labels": y}, y, sample_weight


def _no_graph():
    """Return a context in which PyTorch records no operation for gradients."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()


def _initial_rows(x, y, validation_split):
    """Return training rows (images, labels or None) to initialize from, as arrays.

    Of arrays all that are not kept for validation, of a data set the first
    `INITIAL_ROWS` or, if a batch has more, its first batch.
    """
    if hasattr(x, "shape"):
        rows = int(len(x) * (1 - validation_split))
        return x[:rows], None if y is None else y[:rows]
    if hasattr(x, "__next__"):
        raise ValueError(
            "A generator's rows can be read only once: call `model.initialize(x, y)` "
            "on some of them before `fit`."
        )
    if isinstance(x, keras.utils.PyDataset):
        # An endless data set has no number of batches.
        batches = (x[index] for index in range(x.num_batches or INITIAL_ROWS))
    else:
        batches = iter(x)
    images, labels = [], []
    for batch in batches:
        batch = batch if isinstance(batch, tuple | list) else (batch,)
        images.append(ops.convert_to_numpy(batch[0]))
        if len(batch) > 1 and batch[1] is not None:
            labels.append(ops.convert_to_numpy(batch[1]).reshape(-1))
        if sum(map(len, images)) >= INITIAL_ROWS:
            break
    return np.concatenate(images), np.concatenate(labels) if labels else None
