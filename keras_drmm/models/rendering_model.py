"""RenderingModel: what every rendering model offers its users."""

import keras
import numpy as np
from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.layers.arguments import (
    check_keywords,
    check_names,
    standardize_boolean,
    standardize_input_shape,
    standardize_integer,
    standardize_pixel_range,
)
from keras_drmm.layers.deprecation import warn_renamed
from keras_drmm.layers.weight_budget import CountsWeights
from keras_drmm.models import checks
from keras_drmm.models.compile_arguments import (
    OPTIONS,
    check_algorithm,
    standardize_loss,
    takes_unlabelled,
)
from keras_drmm.models.learner import Learner
from keras_drmm.models.named_classes import NamedClasses
from keras_drmm.models.sampling import numpy_generator


class RenderingModel(CountsWeights, NamedClasses, Learner):
    """Base of the models: learning, inference in batches, sampling, export.

    A subclass defines `classify`, `e_step` or `infer`, `_sample`, `num_classes`,
    `class_prior` or `prior`, and `noise_variance`.
    `compile(algorithm=...)` chooses how it learns: the algorithm binds itself to the
    model as a `Trainer`, which has the objective and its terms. Without an algorithm
    the model is a Keras classifier that returns logits.

    Args:
        input_shape: (H, W, C) of an image, the model's `image_shape`.
        pixel_range: (lowest, highest) value of a pixel.
        **kwargs: `name`, `dtype` of `keras.Model`.
    """

    algorithm = None

    def __init__(self, input_shape, pixel_range, **kwargs):
        check_keywords(type(self), kwargs)
        if kwargs.get("activity_regularizer") is not None:
            raise ValueError(
                "`activity_regularizer` must be None: it would add to the loss what "
                "is no activity, such as switches and images. Regularize templates."
            )
        super().__init__(**kwargs)
        self.image_shape = standardize_input_shape(input_shape)
        self.pixel_range = standardize_pixel_range(pixel_range)

    def compile(
        self,
        optimizer="adam",
        loss=None,
        *,
        algorithm=None,
        metrics=("accuracy",),
        jit_compile="auto",
        **kwargs,
    ):
        """Configure learning.

        Args:
            optimizer: a Keras optimizer or its name; closed forms do not use it.
            loss: an ordinary Keras loss, which learns the logits alone; None with an
                `algorithm`.
            algorithm: for example `EG()`.
            metrics: Keras metrics of labels and logits, in any form that Keras takes;
                None for none. They see labelled rows only, and are NaN where there is
                none.
            jit_compile: as in Keras; "auto" leaves TensorFlow on a CPU to its own
                convolutions, which are faster there than XLA's.
            **kwargs: further arguments of `keras.Model.compile`.

        Raises:
            ValueError: both or neither of `algorithm` and `loss` are given, the model
                cannot learn by the algorithm, the loss does not take integer labels
                and logits, or another argument is out of range.
            TypeError: an argument is not known.
        """
        check_names(
            f"{type(self).__name__}.compile",
            kwargs,
            ("algorithm", "loss", "metrics", *OPTIONS),
        )
        if hasattr(loss, "bind") and not isinstance(loss, type):
            warn_renamed("`compile(optimizer, algorithm)`", "`algorithm=` as a keyword")
            loss, algorithm = None, loss
        if (algorithm is None) == (loss is None):
            raise ValueError(
                "Give either `algorithm`, for example "
                "`compile('adam', algorithm=keras_drmm.EG())`, or a Keras `loss`."
            )
        # Before anything changes: a model whose `compile` failed stays as it was.
        if loss is not None:
            loss = standardize_loss(loss, self.num_classes)
        else:
            check_algorithm(algorithm)
        own = {"algorithm": algorithm}
        with replicas.scope(self):
            trainer = None if algorithm is None else self._bind(algorithm)
            self._compile(
                trainer, optimizer, metrics, jit_compile, own, loss=loss, **kwargs
            )
        self.algorithm = algorithm

    def infer(self, x, y=None, batch_size=100):
        """Run the E-step on images.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            y: integer labels (N,), -1 for an unlabelled row, or None. A labelled row
                has the class of its label.
            batch_size: images at a time.

        Returns:
            An `EStep` of NumPy arrays.

        Raises:
            ValueError: images or labels are not what the model takes.

        Warns:
            UserWarning: some logits are not finite.
        """

        def run(images, labels):
            images = ops.convert_to_tensor(images, self._image_dtype)
            return keras.tree.map_structure(_to_numpy, self.e_step(images, labels))

        e_step = self._batched(run, x, batch_size, y)
        checks.warn_unless_finite(e_step.logits)
        return e_step

    def reconstruct(self, x, batch_size=100):
        """Return Î of images (N, H, W, C), in batches, as a NumPy array."""
        return self._batched(
            lambda x, _: self.infer(x, batch_size=len(x)).reconstruction, x, batch_size
        )

    def sample(self, n, classes=None, seed=None, noise=True):
        """Draw images from the model.

        Images of a model with a prior of switches that it takes for another class are
        drawn again; see `DRMM.fit_prior`.

        Args:
            n: how many.
            classes: integers (n,); None draws them from π_c.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.
            noise: whether to add the pixel noise N(0, σ²); without it images are the
                means that classes and nuisances render.

        Returns:
            (images (n, H, W, C), classes (n,)), NumPy arrays. Pixels may leave
            `pixel_range`, as the noise is Gaussian.

        Raises:
            ValueError: a class is out of range, or there are not `n`.
        """
        n = standardize_integer(n, "n")
        noise = standardize_boolean(noise, "noise")
        return self._sample(n, classes, numpy_generator(seed), noise)

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Write a file that computes the logits; see `keras.Model.export`."""
        # A functional model shows PyTorch its weights. It was never called, which
        # Keras' writer of ONNX asks for where it is not told the input.
        images = keras.Input(self.image_shape, name="images")
        spec = keras.InputSpec(shape=(None, *self.image_shape), dtype="float32")
        kwargs.setdefault("input_signature", [spec])
        keras.Model(images, self(images)).export(filepath, format, **kwargs)

    @classmethod
    def from_preset(cls, name_or_path, load_weights=True, num_classes=None):
        """Return a trained model of the zoo; see `keras_drmm.zoo.from_preset`.

        Raises:
            ValueError: the preset is of another kind of model.
        """
        from keras_drmm.zoo import from_preset

        model = from_preset(name_or_path, load_weights, num_classes)
        if not isinstance(model, cls):
            found = type(model).__name__
            raise ValueError(
                f"The preset {str(name_or_path)!r} is a `{found}`, not a "
                f"`{cls.__name__}`: load it by `{found}.from_preset` or "
                "`keras_drmm.zoo.from_preset`."
            )
        return model

    def save_to_preset(self, preset_dir, card=None, overwrite=False):
        """Write a preset of the zoo; see `keras_drmm.zoo.save_to_preset`."""
        from keras_drmm.zoo import save_to_preset

        return save_to_preset(preset_dir, self, card, overwrite)

    @property
    def prior(self):
        """π_c, (num_classes,), a NumPy array."""
        return ops.convert_to_numpy(self.class_prior)

    @property
    def initialized(self):
        """Whether EM can start: after `initialize`, or after any training step."""
        flags = (self._initialized, self.steps)
        return any(ops.convert_to_numpy(flag) > 0 for flag in flags)

    def _after_learning(self):
        if self.trainer is None:
            # A trainer counts its steps.
            self.mark_initialized()

    def mark_initialized(self):
        """Let EM start from the weights as they are, which were learned elsewhere."""
        self._initialized.assign(1.0)

    def initialize(self, x, y=None, seed=None):
        """Choose the parameters that EM starts from.

        `fit` by EM does it itself on a model that has learned nothing yet. What is
        chosen is described at the trainers, `RMMTrainer` and `DRMMTrainer`.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`; of many some are used.
            y: integer labels (N,), -1 for an unlabelled row, or None.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.

        Raises:
            ValueError: images or labels are not what the model takes, or the model was
                not compiled with an EM algorithm.
        """
        initialize = getattr(self.trainer, "initialize", None)
        if initialize is None:
            raise ValueError(
                "`initialize` chooses what EM starts from: compile the model with "
                "`algorithm=keras_drmm.HardEM()` or `SoftEM()` first."
            )
        x, y = self._standardize(x, y)
        images = ops.convert_to_numpy(x)
        labels = None if y is None else ops.convert_to_numpy(y).reshape(-1)
        if not self.trainable:
            # Nothing of a frozen model moves.
            return
        initialize(images, labels, numpy_generator(seed))
        self.mark_initialized()

    def learn_priors(self, e_step, labels=None, sample_weight=None):
        """Move priors towards what a training batch has; most models have fixed ones.

        Args:
            e_step: the `EStep` of the batch.
            labels: integers (B,), -1 for an unlabelled row, or None.
            sample_weight: (B,), how many rows each row counts as; None for 1.
        """

    def get_config(self):
        return {
            **super().get_config(),
            "input_shape": self.image_shape,
            "num_classes": self.num_classes,
            "pixel_range": self.pixel_range,
        }

    @property
    def _image_dtype(self):
        """The dtype of the images that `e_step` is given."""
        return self.compute_dtype

    def _batched(self, function, x, batch_size, y=None):
        """Join what `function` returns for parts of images and labels.

        Args:
            function: of some rows' images and labels, the latter a tensor (B,) or None;
                returns a structure of NumPy arrays.
            x: images (N, H, W, C).
            batch_size: images at a time.
            y: integer labels (N,), or None.
        """
        x, y = self._standardize(x, y)
        size = standardize_integer(batch_size, "batch_size")
        if y is not None:
            y = ops.convert_to_numpy(y).reshape(-1)
        parts = []
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            labels = None if y is None else ops.convert_to_tensor(y[rows])
            parts.append(function(x[rows], labels))
        return keras.tree.map_structure(_join, *parts)

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

    def _add_progress(self):
        """Add the weights that tell how far learning is."""
        self.steps = self.add_weight(
            name="steps", shape=(), dtype="int", initializer="zeros", trainable=False
        )
        self._initialized = self._add_state("initialized", (), 0.0)

    def _bind(self, algorithm):
        """Return the algorithm's `Trainer` for this model."""
        return algorithm.bind(self)

    def check_data(self, x, y=None, learning=False):
        has_loss = learning and self.compiled and self.algorithm is None
        return checks.standardize_data(
            x,
            y,
            image_shape=self.image_shape,
            pixel_range=self.pixel_range,
            num_classes=self.num_classes,
            needs_labels=learning
            and (has_loss or getattr(self.algorithm, "needs_labels", False)),
            takes_unlabelled=not has_loss or takes_unlabelled(self.loss),
        )

    def _standardize(self, x, y=None):
        """Return images and labels as arrays that the model can take."""
        return checks.standardize_arrays(
            x, y, self.image_shape, self.pixel_range, self.num_classes
        )


def _to_numpy(value):
    return None if value is None else ops.convert_to_numpy(value)


def _join(*parts):
    return None if parts[0] is None else np.concatenate(parts)
