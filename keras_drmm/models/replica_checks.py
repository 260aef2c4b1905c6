"""check_replicas: whether several devices learn together what one would learn."""

import zlib

import keras
import numpy as np
from keras import ops

from keras_drmm.layers import replicas

_BACKEND = keras.backend.backend()
# Rows of arrays that processes compare.
_COMPARED = 100


def check_replicas(model, given):
    """Raise if a `fit` on several replicas would learn something else than on one.

    Args:
        model: the `Learner`.
        given: {name: value} of the arguments of `fit`, standardized.

    Raises:
        ValueError: the model's algorithm learns on one device alone; the variables are
            not those of the strategy; a batch has rows that the replicas cannot share;
            or processes would begin with different weights, random numbers or data.
    """
    if replicas.count_for(model) == 1:
        return
    count = replicas.count_here(model)
    _check_can_share(model, count)
    if _BACKEND == "tensorflow":
        _check_scope(model, count)
    else:
        _check_rows(given, count)
    _check_equal_start(model, given)


def check_devices_share(model, x, batch_size):
    """Raise unless devices of JAX can share the batches of a test or prediction.

    The other engines take batches of any size there.

    Args:
        model: the `Learner`.
        x: images, or a data set, which tells in the step.
        batch_size: of arrays, 32 by default.

    Raises:
        ValueError: they cannot.
    """
    if _BACKEND == "jax" and hasattr(x, "shape"):
        _check_batches(len(x), batch_size, replicas.count_here(model))


def _check_can_share(model, count):
    trainer = model.trainer
    if trainer is None:
        if getattr(model.loss, "ignore_class", None) is not None:
            raise ValueError(
                f"`loss` has ignore_class={model.loss.ignore_class}, of which each of "
                f"the {count} replicas takes the mean over its own rows. Learn by "
                "`algorithm=keras_drmm.EG()`, or on one device."
            )
    elif not trainer.shares_batches:
        raise ValueError(
            f"{type(model).__name__} learns on one device, got {count} replicas. Build "
            "and fit it outside of the strategy or the group of processes."
        )


def _check_scope(model, count):
    """Raise unless TensorFlow's strategy has made all variables."""
    created = model.distribute_strategy.extended.variable_created_in_scope
    variables = [
        *model.variables,
        *model.metrics_variables,
        *model.optimizer.variables,
    ]
    for variable in variables:
        if not created(variable.value):
            raise ValueError(
                f"The variable `{variable.path}` is not one of the strategy's, whose "
                f"{count} replicas would each change it: build the model and its "
                "optimizer, and call `compile`, within `strategy.scope()`."
            )


def _check_rows(given, count):
    """Raise if a batch of arrays cannot be shared; data sets tell in the step."""
    x, size, left = given["x"], given["batch_size"], 0
    if hasattr(x, "shape"):
        rows = int(len(x) * (1 - (given["validation_split"] or 0.0)))
        left = len(x) - rows
        _check_batches(rows, size, count)
    if isinstance(given["validation_data"], tuple):
        left = len(given["validation_data"][0])
    if left and _BACKEND == "jax":
        _check_batches(left, given["validation_batch_size"] or size, count)


def _check_batches(rows, batch_size, count):
    """Raise if some batch of so many rows cannot be shared."""
    batch_size = min(batch_size or 32, rows)
    for batch in (batch_size, rows % batch_size):
        replicas.check_batch_size(batch, count)


def _check_equal_start(model, given):
    """Raise unless all processes begin alike."""
    random = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    found = {
        "weights": [ops.convert_to_numpy(v) for v in model.variables],
        "random numbers": [random["key"], np.array(random["pos"])],
    }
    # Processes of JAX are given rows of their own.
    if hasattr(given["x"], "shape") and _BACKEND != "jax":
        rows = given["x"][:_COMPARED], given["y"]
        found["data"] = [ops.convert_to_numpy(v) for v in rows if v is not None]
    sums = []
    for arrays in found.values():
        checksum = 0
        for array in arrays:
            checksum = zlib.crc32(np.ascontiguousarray(array).tobytes(), checksum)
        sums.append(checksum)
    # (processes, what is compared)
    of_all = replicas.of_processes(model, np.array(sums, "int64"))
    different = [
        name
        for name, column in zip(found, of_all.T, strict=True)
        if len(set(column.tolist())) > 1
    ]
    if different:
        raise ValueError(
            f"The {len(of_all)} replicas' processes begin with different "
            f"{' and '.join(different)}: call `keras.utils.set_random_seed` with the "
            "same number in each process before the model is built, and give `fit` the "
            "same data."
        )
