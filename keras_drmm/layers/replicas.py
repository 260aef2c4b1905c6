"""Replicas: what a step that sees some rows of a batch has to know of the others.

A batch may be shared by replicas of a model that take a step together: those of a
`tf.distribute` strategy, or processes of `torch.distributed`. A replica sees its rows
alone; what is summed over rows here is summed over all of them, so that objective,
priors and statistics are those of the whole batch, on each replica.

On JAX a step is one program about the whole batch, however that is spread: there is one
replica. Outside of a step there is one as well, and all functions are the identity.
"""

import math
from contextlib import contextmanager, nullcontext
from functools import cache

import keras
import numpy as np
from keras import ops

# Of a Keras metric's variable that is equal on each replica: how it is read.
FIRST_REPLICA = "only_first_replica"
# Numbers in a message of PyTorch: up to so many, and of all processes so many, are few.
SCALARS, FEW = 4, 32_768
_BACKEND = keras.backend.backend()
# Whether a step of PyTorch is under way whose rows are shared by processes.
_is_sharing = False


def count():
    """Return the number of replicas that share the batch of this step."""
    if _BACKEND == "tensorflow":
        context = _context()
        return 1 if context is None else context.num_replicas_in_sync
    return _processes() if _is_sharing else 1


def index():
    """Return the number of this replica, from 0."""
    if count() == 1:
        return 0
    if _BACKEND == "tensorflow":
        return _context().replica_id_in_sync_group
    import torch.distributed

    return torch.distributed.get_rank()


def total(x):
    """Return Σ over the replicas of a tensor, through which gradients pass.

    A gradient is summed over the replicas likewise: Σ is a part of each one's
    objective.
    """
    return x if count() == 1 else _sum(x)


def totals(tensors):
    """Return Σ over the replicas of several tensors, which travel in one message.

    A message makes each replica wait for the slowest one, however little it holds. So
    their gradients are not exchanged: what is computed of these sums must be the same
    on each replica, as an objective is, and its gradient is then, too.

    Args:
        tensors: a list of tensors whose shapes are known.
    """
    if count() == 1 or not tensors:
        return tensors
    sums = _packed(_sum, [ops.stop_gradient(x) for x in tensors], rows=0)
    # The difference is 0, and its gradient that of each replica's objective.
    return [
        found + count() * (x - ops.stop_gradient(x))
        for found, x in zip(sums, tensors, strict=True)
    ]


def join(x):
    """Return the rows of all replicas in one tensor, without gradient."""
    if count() == 1:
        return x
    if _BACKEND == "tensorflow":
        joined = ops.stop_gradient(_context().all_gather(_placed(x), axis=0))
        # TensorFlow forgets the shape.
        return ops.reshape(joined, (-1, *x.shape[1:]))
    import torch.distributed

    # Each has as many: `share` refuses other batches.
    parts = [torch.empty_like(x) for _ in range(count())]
    torch.distributed.all_gather(parts, x.detach().contiguous())
    return torch.cat(parts)


# What Keras' metrics sum, `tf.distribute` adds up over replicas as it is read.


def in_metric(x):
    """Return what a replica adds to a sum over rows that a Keras metric keeps."""
    return x if _BACKEND == "tensorflow" else total(x)


def metric_rows(tensors):
    """Return the rows that a replica shows to a Keras metric, of several tensors."""
    if _BACKEND == "tensorflow" or count() == 1:
        return tensors
    return _packed(join, tensors, rows=1)


def share(values):
    """Return this replica's rows of a batch: each R-th one, from its own number on.

    So the first rows of the batch are those of all replicas, and each has as much to do
    where a step renders or augments the first rows alone.

    Args:
        values: tensors (b, ...), or None for what a batch does not have. Processes of
            PyTorch have the whole batch each; what `tf.distribute` hands to its
            replicas is joined first.

    Raises:
        ValueError: the rows of the batch cannot be shared out evenly (PyTorch).
    """
    replicas = count()
    if replicas == 1:
        return values
    if _BACKEND == "tensorflow":
        values = [None if v is None else join(v) for v in values]
    else:
        check_batch_size(values[0].shape[0], replicas)
    return [None if v is None else v[index() :: replicas] for v in values]


def check_batch_size(rows, replicas):
    """Raise unless the rows of a batch can be shared out evenly.

    Args:
        rows: of the batch.
        replicas: their number.
    """
    if rows % replicas:
        raise ValueError(
            f"A batch has {rows} rows, which {replicas} replicas cannot share evenly: "
            f"give batches, the last one too, whose rows are a multiple of {replicas}. "
            "Of arrays leave some rows out, or choose another `batch_size`."
        )


def first_rows(rows, divisor):
    """Return how many of a replica's rows are among the first ceil(B / n) of a batch.

    Args:
        rows: of the replica, an integer or a tensor.
        divisor: n.
    """
    replicas = count()
    if replicas == 1:
        return -(-rows // divisor)
    first = -(-_batch_rows(rows) // divisor)
    return (first - index() + replicas - 1) // replicas


def by_row(function, x):
    """Return a random function of rows, by the draws that a whole batch has.

    The function sees the batch with this replica's rows at their places, and zeros at
    those of the others.

    Args:
        function: (B, ...) -> (B, ...), of each row by itself.
        x: this replica's rows, (b, ...).
    """
    replicas = count()
    if replicas == 1:
        return function(x)
    rows = ops.shape(x)[0]
    batch = _batch_rows(rows)
    most_rows = -(-batch // replicas)
    # (b, ...) -> (ceil(B / R), R, ...) -> (B, ...)
    padding = [(0, most_rows - rows)] + [(0, 0)] * (len(x.shape) - 1)
    place = ops.reshape(
        ops.one_hot(index(), replicas, dtype=x.dtype),
        (1, replicas) + (1,) * (len(x.shape) - 1),
    )
    spread = ops.expand_dims(ops.pad(x, padding), 1) * place
    whole = ops.reshape(spread, (-1, *x.shape[1:]))[:batch]
    return function(whole)[index() :: replicas]


@contextmanager
def sharing():
    """Within this, processes of PyTorch share the batch of a step, if there are some.

    On the other backends the engine itself says so.
    """
    global _is_sharing
    before, _is_sharing = _is_sharing, _processes() > 1
    try:
        yield
    finally:
        _is_sharing = before


def with_mean_gradients(loss, weights):
    """Return a loss whose gradients will be their means over processes of PyTorch.

    As in `DistributedDataParallel`, but all in one message after the backward pass. The
    optimizer of TensorFlow sums gradients itself, of a loss that Keras has divided.

    Args:
        loss: a tensor, from which a backward pass begins.
        weights: Keras variables.
    """
    if _BACKEND != "torch" or count() == 1 or not loss.requires_grad:
        return loss
    import torch.distributed

    def average():
        # What no gradient reaches is the same in each process.
        parameters = [v.value for v in weights if v.value.grad is not None]
        flat = torch.cat([p.grad.reshape(-1).float() for p in parameters])
        torch.distributed.all_reduce(flat)
        flat /= torch.distributed.get_world_size()
        sizes = [p.numel() for p in parameters]
        for p, mean in zip(parameters, flat.split(sizes), strict=True):
            p.grad.copy_(mean.reshape(p.shape))

    def hook(_):
        # Called once all gradients are there.
        torch.autograd.Variable._execution_engine.queue_callback(average)

    loss.register_hook(hook)
    return loss


def count_for(model):
    """Return the number of replicas or devices that will share batches of a `fit`.

    Args:
        model: a Keras model.
    """
    if _BACKEND == "tensorflow":
        return model.distribute_strategy.num_replicas_in_sync
    if _BACKEND == "torch":
        return _processes()
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    return mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]


def count_here(model):
    """Return how many replicas share the batches that this process is given.

    Args:
        model: a Keras model.
    """
    if not sees_part():
        return count_for(model)
    import jax

    return count_for(model) // jax.process_count()


def sees_part():
    """Return whether this process is given a part of the data alone, as on JAX."""
    if _BACKEND != "jax" or keras.distribution.distribution() is None:
        return False
    import jax

    return jax.process_count() > 1


def scope(model):
    """Return the context in which variables of TensorFlow are those of all replicas.

    Args:
        model: a Keras model.
    """
    if _BACKEND == "tensorflow" and count_for(model) > 1:
        return model.distribute_strategy.scope()
    return nullcontext()


def of_processes(model, values):
    """Return the values of all processes that learn together, outside of a step.

    Args:
        model: a Keras model.
        values: int64 (n,), NumPy, of this process.

    Returns:
        (number of processes, n), NumPy.
    """
    if _BACKEND == "torch":
        import torch.distributed

        found: list = [None] * _processes()
        torch.distributed.all_gather_object(found, values)
        return np.stack(found)
    if _BACKEND == "jax":
        from jax.experimental import multihost_utils

        # JAX has 32 bits; a checksum has as many.
        values = np.asarray(values, "uint32")
        found = multihost_utils.process_allgather(values)
        return np.reshape(found, (-1, len(values)))
    strategy = model.distribute_strategy
    if not hasattr(strategy, "cluster_resolver"):
        return values[None]
    found = strategy.gather(ops.convert_to_tensor(values)[None], axis=0)
    return ops.convert_to_numpy(found)


def _context():
    """Return TensorFlow's context of a replica, None outside of one."""
    import tensorflow as tf

    return tf.distribute.get_replica_context()


def as_logs(logs):
    """Return what a step logs as Keras reduces it over TensorFlow's processes.

    Keras 3.15 takes the mean over an axis of rows, which scalars do not have.

    Args:
        logs: {name: a scalar tensor}.
    """
    if _BACKEND != "tensorflow" or count() == 1:
        return logs
    strategy = _context().strategy
    if count() == len(strategy.extended.worker_devices):
        return logs
    return {name: ops.reshape(value, (1,)) for name, value in logs.items()}


def _placed(x):
    """Return a tensor that has a device, as strategies of several processes ask."""
    import tensorflow as tf

    devices = _context().strategy.extended.worker_devices
    if len(devices) > 1:
        # Each replica of a process is traced on its device.
        return x
    with tf.device(devices[0]):
        return tf.identity(x)


def _processes():
    """Return the number of processes of PyTorch that work together."""
    if _BACKEND != "torch":
        return 1
    import torch.distributed

    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 1
    return torch.distributed.get_world_size()


def _batch_rows(rows):
    """Return the rows of the whole batch."""
    if _BACKEND == "tensorflow":
        return _sum(ops.convert_to_tensor(rows))
    # Each has as many: `share` refuses other batches.
    return rows * count()


def _sum(x):
    """Return Σ over the replicas of one tensor."""
    if _BACKEND == "tensorflow":
        return _context().all_reduce("SUM", _placed(x))
    return _torch_total().apply(x)


def _packed(exchange, tensors, rows):
    """Exchange several tensors as one, and return what became of each.

    Args:
        exchange: function of one tensor, which keeps its last axis.
        tensors: a list of tensors.
        rows: 1 if their first axes are the rows of a replica, 0 if they have none.
    """
    shapes = [tuple(x.shape[rows:]) for x in tensors]
    sizes = [math.prod(shape) for shape in shapes]
    first = (-1,) * rows
    # Keras' `result_type` of single and double precision is single on PyTorch.
    types = {keras.backend.standardize_dtype(x.dtype) for x in tensors}
    dtype = "float64" if "float64" in types else "float32"
    flat = [
        ops.reshape(ops.cast(x, dtype), (*first, size))
        for x, size in zip(tensors, sizes, strict=True)
    ]
    exchanged = exchange(ops.concatenate(flat, axis=-1))
    ends = np.cumsum(sizes).tolist()
    return [
        ops.cast(
            ops.reshape(exchanged[..., end - size : end], (*first, *shape)), x.dtype
        )
        for end, size, shape, x in zip(ends, sizes, shapes, tensors, strict=True)
    ]


@cache
def _torch_total():
    """Return Σ over processes as a function that PyTorch differentiates."""
    import torch.distributed

    class Total(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            # Gloo hands over some hundred numbers in half the time in which it adds
            # them up, but to each process, of each.
            if x.numel() > SCALARS and x.numel() * count() <= FEW:
                return join(x[None]).sum(0)
            y = x.detach().clone(memory_format=torch.contiguous_format)
            torch.distributed.all_reduce(y)
            return y

        backward = forward

    return Total
