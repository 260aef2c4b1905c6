"""What `compile` is given: metrics, loss and algorithm in the forms that Keras has."""

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    check_choice,
    check_names,
    describe,
    standardize_integer,
)

# The further arguments of `keras.Model.compile`.
OPTIONS = (
    "auto_scale_loss",
    "loss_weights",
    "run_eagerly",
    "steps_per_execution",
    "weighted_metrics",
)
# Keras chooses these by the shape of the labels.
_BY_SHAPE = ("accuracy", "acc")


def check_options(called, own, optimizer, jit_compile, options):
    """Raise unless the arguments of `compile` are such as Keras takes.

    Args:
        called: name of what was called.
        own: names of the arguments that are not of Keras' own.
        optimizer: as in Keras.
        jit_compile: as in Keras.
        options: {name: value} of the further arguments.

    Raises:
        TypeError: an argument has a name that `compile` does not know.
        ValueError: an argument is out of range.
    """
    check_names(called, options, (*own, *OPTIONS))
    try:
        if optimizer is None:
            raise ValueError
        keras.optimizers.get(optimizer)
    except ValueError:
        raise ValueError(
            "`optimizer` must be a Keras optimizer or the name of one, for example "
            f"'adam', got {optimizer!r}."
        ) from None
    check_choice(jit_compile, "jit_compile", (True, False, "auto"))
    standardize_integer(options.get("steps_per_execution", 1), "steps_per_execution")


def check_algorithm(algorithm):
    """Raise unless `algorithm` is an `EG`, `HardEM` or `SoftEM`."""
    if isinstance(algorithm, type) and hasattr(algorithm, "bind"):
        raise ValueError(
            f"`algorithm` must be an instance, got the class {algorithm.__name__}. "
            f"Give `{algorithm.__name__}()`."
        )
    if not hasattr(algorithm, "bind"):
        raise ValueError(
            "`algorithm` must be an algorithm such as `keras_drmm.EG()`, "
            f"`keras_drmm.HardEM()` or `keras_drmm.SoftEM()`, got {algorithm!r}."
        )


def check_loss_weights(loss_weights):
    """Raise unless `loss_weights` is None: an objective has weights of its own."""
    if loss_weights is not None:
        raise ValueError(
            f"`loss_weights` must be None, got {loss_weights!r}: the weights of an "
            "objective's terms are arguments of its algorithm or model, for example "
            "`EG(reconstruction=0.1)`."
        )


def standardize_metrics(metrics, weighted_metrics=None, taken=()):
    """Return metrics, in any of the forms that Keras takes, as one list.

    Args:
        metrics: a Keras metric, its name or a function, a list of them, a dictionary
            of the one output that models have, or None for none.
        weighted_metrics: likewise. All metrics are weighted by `sample_weight`, so
            both are one list; what is in both is there once.
        taken: names under which something else is logged.

    Raises:
        ValueError: there is something that is no metric, or one of a name that is
            taken.
    """
    found: list = []
    for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        for metric in _listed(given, name):
            _check_metric(metric, name)
            called = metric if isinstance(metric, str) else getattr(metric, "name", "")
            if called in taken:
                raise ValueError(
                    f"`{name}` must not have a metric called {called!r}, as a term of "
                    "the objective is: give it another `name`."
                )
            if not any(metric is v or _are_equal_names(metric, v) for v in found):
                found.append(metric)
    return found


def standardize_loss(loss, num_classes):
    """Return a Keras loss if it takes integer labels and logits.

    Args:
        loss: a Keras loss, its name or a function, or a list or dictionary of one.
        num_classes: |C|.

    Raises:
        ValueError: it is no loss, or one of other labels, or of probabilities.
    """
    losses = _listed(loss, "loss")
    if len(losses) != 1:
        raise ValueError(
            f"`loss` must be one loss, as the model has one output, got {loss!r}."
        )
    (loss,) = losses
    advice = (
        "Give `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`, or "
        "`algorithm=keras_drmm.EG()` instead of a loss."
    )
    try:
        function = keras.losses.get(loss)
    except (ValueError, TypeError):
        raise ValueError(
            f"`loss` must be a Keras loss or its name, got {loss!r}. {advice}"
        ) from None
    name = getattr(function, "name", getattr(function, "__name__", describe(loss)))
    is_of_probabilities = getattr(function, "from_logits", None) is False
    if function is keras.losses.sparse_categorical_crossentropy or is_of_probabilities:
        raise ValueError(
            f"`loss` takes probabilities, and the model gives logits, got {name!r}. "
            f"{advice}"
        )
    # So many rows that no shape fits by chance.
    labels = np.zeros(num_classes + 2, "int32")
    logits = np.zeros((num_classes + 2, num_classes), "float32")
    try:
        shape = tuple(function(labels, logits).shape)
    except Exception as error:
        raise ValueError(
            f"`loss` must take integer labels (batch,) and logits (batch, "
            f"{num_classes}), got {name!r}, which fails on them "
            f"({type(error).__name__}). {advice}"
        ) from error
    if shape not in ((), labels.shape):
        raise ValueError(
            f"`loss` must give a number a row, got {name!r}, which gives shape {shape} "
            f"for {len(labels)} rows. {advice}"
        )
    return loss


def takes_unlabelled(loss):
    """Return whether a Keras loss leaves out rows of the label -1."""
    return getattr(loss, "ignore_class", None) == -1


def _listed(given, name):
    """Return one thing, several, nested ones or a dictionary of one as a list."""
    if given is None:
        return []
    if isinstance(given, dict) and not {"class_name", "config"} <= given.keys():
        if len(given) > 1:
            raise ValueError(
                f"`{name}` must name one output, as the model has no more, got those "
                f"of {sorted(given)}."
            )
        return [v for part in given.values() for v in _listed(part, name)]
    if isinstance(given, list | tuple):
        return [v for part in given for v in _listed(part, name)]
    return [given]


def _are_equal_names(a, b):
    return isinstance(a, str) and isinstance(b, str) and a == b


def _check_metric(metric, name):
    if isinstance(metric, str) and metric in _BY_SHAPE:
        return
    failure, reason = None, ""
    try:
        found = keras.metrics.get(metric)
        if _is_of(found, "categorical_accuracy", keras.metrics.CategoricalAccuracy):
            reason = "which takes one-hot labels and finds a class in a single number"
        elif _is_of_probabilities(found):
            reason = "which takes probabilities: give it `from_logits=True`"
        else:
            _try_metric(found)
    except Exception as error:
        failure, reason = error, "which fails on them"
    if reason:
        raise ValueError(
            f"`{name}` must hold Keras metrics of integer labels (batch,) and logits "
            f"(batch, classes), for example 'accuracy', got {describe(metric)}, "
            f"{reason}."
        ) from failure


def _is_of(metric, function, kind):
    """Return whether a metric is a function of Keras, or the metric made of it."""
    return metric is getattr(keras.metrics, function) or isinstance(metric, kind)


def _is_of_probabilities(metric):
    function = "sparse_categorical_crossentropy"
    kind = keras.metrics.SparseCategoricalCrossentropy
    if not _is_of(metric, function, kind):
        return False
    return not (isinstance(metric, kind) and metric.from_logits)


def _try_metric(metric):
    """Raise if a metric does not take integer labels and logits."""
    # So many rows that no shape fits by chance, and classes for any top k.
    labels, logits = np.zeros(4, "int32"), np.zeros((4, 99), "float32")
    if not isinstance(metric, keras.metrics.Metric):
        shape = tuple(ops.shape(metric(labels, logits)))
        if shape not in ((), labels.shape):
            raise ValueError(f"It gives shape {shape} for {len(labels)} rows.")
        return
    try:
        copy = type(metric).from_config(metric.get_config())
    except Exception:
        # One of the user's own that cannot be copied, and is not tried.
        return
    copy.update_state(labels, logits, sample_weight=np.ones(4, "float32"))
    copy.result()


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


def build_before_tracing(model, learns):
    """Build what a compiled model keeps for its steps, before one is traced.

    Else TensorFlow, where it would be made in the first trace of a step, throws that
    trace away and makes another one.

    Args:
        model: a compiled model.
        learns: whether its optimizer is needed too.
    """
    metrics = model._compile_metrics
    if metrics is not None and not metrics.built:
        metrics.build(ops.zeros((1,), "int32"), ops.zeros((1, model.num_classes)))
    if learns and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
