"""Learner: a model's trainer inside Keras' own training loop."""

import inspect
from types import SimpleNamespace

import keras
from keras import ops

from keras_drmm.data.autotuner import StrategyWithoutAutotuner
from keras_drmm.models.class_weights import apply_class_weight
from keras_drmm.models.trainer import Trainer


class Learner(keras.Model):
    """A Keras model whose steps are an E-step and what follows from it.

    The steps read as Algorithm 1: `call` runs the trainer's E-step on a batch,
    `compute_loss` its objective for what was inferred, and the trainer's `train_step`
    is the G-step, Keras' own step by gradients, or one of EM.

    A subclass defines `classify(images, training)`, which returns logits, and gives
    `_compile` a `Trainer`. Without one the model is an ordinary Keras classifier.

    Keras' training loop is kept for all backends, so that JAX's state, loss scaling,
    gradient accumulation, weight averaging, jit and callbacks work as in any model.
    """

    trainer: Trainer | None = None

    def _compile(self, trainer, optimizer, metrics, jit_compile, own, **kwargs):
        """Do what `compile` of a subclass does, and keep its arguments for saving.

        Args:
            trainer: the `Trainer`, or None for an ordinary Keras `loss`.
            optimizer: as in Keras.
            metrics: of labelled rows.
            jit_compile: "auto" leaves TensorFlow on a CPU to its own convolutions.
            own: {name: value} of arguments that Keras does not have.
            **kwargs: further arguments of `keras.Model.compile`.
        """
        self.trainer = trainer
        # Kept here as well, so that Keras tracks the state of their random numbers.
        self._trainer_layers = [] if trainer is None else list(trainer.layers)
        # A namespace, not a dictionary: Keras would track its metrics for ever, those
        # of an earlier `compile` too.
        names = () if trainer is None else trainer.terms
        self._term_metrics = SimpleNamespace(
            **{name: keras.metrics.Mean(name=name) for name in names}
        )
        arguments = {"optimizer": optimizer, "metrics": list(metrics)}
        self._arguments = {**arguments, "jit_compile": jit_compile, **own, **kwargs}
        super().compile(
            optimizer,
            weighted_metrics=list(metrics),
            jit_compile=resolve_jit(jit_compile),
            **kwargs,
        )

    if keras.config.backend() == "tensorflow":

        @property
        def distribute_strategy(self):
            """The model's strategy, which is handed all that it learns from."""
            strategy = super().distribute_strategy
            if strategy.num_replicas_in_sync > 1:
                return strategy
            return StrategyWithoutAutotuner(strategy)

    def call(self, inputs, training=False):
        """Return logits; inside a training or test step, the whole E-step."""
        if self.trainer is not None and isinstance(inputs, dict):
            images, labels = inputs["images"], inputs.get("labels")
            return self.trainer.e_step(images, labels, training)
        return self.classify(inputs, training=training)

    def fit(self, *args, **kwargs):
        """Learn; see `keras.Model.fit`."""
        given = inspect.signature(super().fit).bind(*args, **kwargs).arguments
        given["x"], given["class_weight"] = apply_class_weight(
            given.get("x"), given.get("class_weight"), self.num_classes
        )
        return super().fit(**given)

    # The steps take (data) on TensorFlow and PyTorch, (state, data) on JAX.

    def train_step(self, *args):
        if self.trainer is None:
            return super().train_step(*args)
        return self.trainer.train_step(*args[:-1], _with_labels(args[-1]))

    def test_step(self, *args):
        if self.trainer is None:
            return super().test_step(*args)
        return super().test_step(*args[:-1], _with_labels(args[-1]))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if self.trainer is None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        total, terms = self.trainer.objective(y_pred, y, training)
        for name, value in terms.items():
            getattr(self._term_metrics, name).update_state(value)
        return _objective_loss(total + sum(self.losses))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the metrics, which see the labelled rows alone."""
        logits = getattr(y_pred, "logits", y_pred)
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
        sums = () if self.trainer is None else self.trainer.metrics
        return [*super().metrics, *vars(terms).values(), *sums]

    def get_compile_config(self):
        if not self.compiled:
            return None
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


def resolve_jit(jit_compile):
    """Return what to pass to `keras.Model.compile` for `jit_compile`.

    "auto" is Keras' own choice except for TensorFlow on a machine without GPU, whose
    own convolutions are faster than XLA's.

    Args:
        jit_compile: True, False or "auto".
    """
    if jit_compile != "auto" or keras.backend.backend() != "tensorflow":
        return jit_compile
    import tensorflow as tf

    return "auto" if tf.config.list_physical_devices("GPU") else False


class _Objective(keras.losses.Loss):
    """The objective as a Keras loss, so that tf.distribute scales it by replicas."""

    def call(self, y_true, y_pred):
        return y_pred


def _objective_loss(total):
    """Return an objective, one number for a batch, as Keras reduces a loss."""
    total = ops.reshape(total, (1,))
    return _Objective(name="objective")(total, total)


def _with_labels(data):
    """Give `call` the labels as well: labelled rows render their class.

    Returns:
        ({"images": ..., "labels": (B,) if there are some}, labels, sample weights).

    Raises:
        ValueError: labels are not integers.
    """
    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if labels is None:
        return {"images": images}, None, sample_weight
    if not keras.backend.is_int_dtype(labels.dtype):
        raise ValueError(
            f"Labels must be integers (-1: unlabelled), got dtype {labels.dtype}. "
            "Give class numbers, not one-hot rows or probabilities."
        )
    labels = ops.reshape(labels, (-1,))
    return {"images": images, "labels": labels}, labels, sample_weight
