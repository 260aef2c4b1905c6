"""RenderingModel: how a rendering model meets Keras' fit, evaluate and predict."""

from types import SimpleNamespace

import keras
from keras import ops

from keras_drmm.models import checks
from keras_drmm.models.e_step import EStep
from keras_drmm.models.jit import resolve_jit


class RenderingModel(keras.Model):
    """Base of the models: an E-step inside Keras' own training loop.

    A subclass defines `e_step`, `num_classes`, `image_shape`, `pixel_range` and
    `prior`. `compile(algorithm=...)` says how it learns; the algorithm names its
    objective and its terms (see `keras_drmm.learning.EG`). Without an algorithm the
    model is a Keras classifier that returns logits.

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
            optimizer: a Keras optimizer or its name.
            algorithm: for example `EG()`; None for an ordinary Keras `loss`.
            metrics: Keras metrics of labels and logits. They see labelled rows only,
                and are 0 where there is none.
            jit_compile: as in Keras; "auto" leaves TensorFlow on a CPU to its own
                convolutions, which are faster there than XLA's.
            **kwargs: further arguments of `keras.Model.compile`.

        Raises:
            ValueError: both or neither of `algorithm` and `loss` are given.
        """
        if (algorithm is None) == (kwargs.get("loss") is None):
            raise ValueError(
                "Give either `algorithm`, for example "
                "`compile('adam', algorithm=keras_drmm.EG())`, or a Keras `loss`."
            )
        self._arguments = {
            "optimizer": optimizer,
            "algorithm": algorithm,
            "metrics": list(metrics),
            "jit_compile": jit_compile,
            **kwargs,
        }
        self.algorithm = algorithm
        names = [] if algorithm is None else algorithm.weights
        # A namespace, not a dictionary: Keras would track its metrics for ever, those
        # of an earlier `compile` too.
        self._term_metrics = SimpleNamespace(
            **{name: keras.metrics.Mean(name=name) for name in names}
        )
        super().compile(
            optimizer,
            weighted_metrics=list(metrics),
            jit_compile=resolve_jit(jit_compile),
            **kwargs,
        )

    def get_compile_config(self):
        return {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self._arguments.items()
        }

    def compile_from_config(self, config):
        self.compile(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )
        self.optimizer.build(self.trainable_variables)

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
        return super().train_step(*args[:-1], self._with_labels(args[-1]))

    def test_step(self, *args):
        return super().test_step(*args[:-1], self._with_labels(args[-1]))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if self.algorithm is None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        total, terms = self.algorithm.objective(y_pred, y, self.prior, self.steps)
        for name, value in terms.items():
            getattr(self._term_metrics, name).update_state(value)
        if training:
            self.steps.assign_add(1)
        for penalty in self.losses:
            total = total + penalty
        return _mean(total)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        logits = y_pred.logits if isinstance(y_pred, EStep) else y_pred
        if y is None:
            # Keras builds metrics by their first labels: show it unlabelled ones.
            y = ops.full(ops.shape(logits)[:1], -1)
        labelled = ops.cast(y >= 0, "float32")
        if sample_weight is not None:
            labelled = labelled * ops.cast(sample_weight, "float32")
        # Unlabelled rows are shown as class 0 with weight 0.
        return super().compute_metrics(x, ops.maximum(y, 0), logits, labelled)

    @property
    def metrics(self):
        terms = getattr(self, "_term_metrics", SimpleNamespace())
        return super().metrics + list(vars(terms).values())

    def fit(self, x=None, y=None, *args, **kwargs):
        """Learn; see `keras.Model.fit`.

        Args:
            x: images, floats in `pixel_range`, or a data set of (images, labels)
                batches.
            y: integer labels, -1 for an unlabelled row; None with a data set, or where
                the algorithm needs no labels.
            *args: further arguments of `keras.Model.fit`.
            **kwargs: further arguments of `keras.Model.fit`.

        Raises:
            ValueError: images or labels are not what the model takes, or no row is
                labelled. Arrays are checked whole, data sets by their first batch,
                before any weight changes.
        """
        self._check(x, y, learning=True)
        validation = kwargs.get("validation_data")
        if isinstance(validation, tuple):
            self._check(*validation[:2])
        elif validation is not None:
            self._check(validation)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Measure objective and metrics; see `keras.Model.evaluate` and `fit`."""
        self._check(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Return logits; see `keras.Model.predict`. Images are checked as in `fit`."""
        self._check(x, None)
        return super().predict(x, *args, **kwargs)

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
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if y is None:
            return {"images": x}, None, sample_weight
        if not keras.backend.is_int_dtype(y.dtype):
            raise ValueError(
                f"Labels must be integers (-1: unlabelled), got dtype {y.dtype}. "
                "Give class numbers, not one-hot rows or probabilities."
            )
        y = ops.reshape(y, (-1,))
        return {"images": x, "labels": y}, y, sample_weight


class _Mean(keras.losses.Loss):
    """The objective as a Keras loss, so that tf.distribute scales it by replicas."""

    def call(self, y_true, y_pred):
        return y_pred


def _mean(total):
    total = ops.reshape(total, (1,))
    return _Mean(name="objective")(total, total)
