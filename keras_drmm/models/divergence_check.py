"""DivergenceCheck: what was first not finite as a model learned."""

import math

import keras
from keras import ops


class DivergenceCheck(keras.metrics.Metric):
    """Notes the first training step in which something was NaN or infinite, and what.

    A step looks at tensors in the order in which one spoils the next: the weights that
    it begins with, the logits, the terms of the objective. The sum of each is all that
    it costs. A metric, as `BatchCheck` is.

    Attributes:
        batches: how many steps there were.
        found: (3,), 1 + the place among the tensors (0: all were finite), the number of
            the batch, from 0, and the sum of the tensor.
        names: of the tensors, as they were given.
    """

    def __init__(self):
        super().__init__(name="divergence_check", dtype="float32")
        self.names = ()
        self.batches = self.add_variable((), initializer="zeros", name="batches")
        # Of replicas the first: what is not finite reaches all of them in a step.
        self.found = self.add_variable(
            (3,),
            initializer="zeros",
            aggregation="only_first_replica",
            name="found",
        )

    def update_state(self, values):
        """Look at a step.

        Args:
            values: {name: tensor}, of the same names in each step.
        """
        self.names = tuple(values)
        sums = ops.stack(
            [
                ops.sum(ops.cast(ops.stop_gradient(v), "float32"))
                for v in values.values()
            ]
        )
        wrong = ops.logical_not(ops.isfinite(sums))
        place = ops.argmax(ops.cast(wrong, "int32"))
        number = ops.cast(place + 1, "float32")
        row = ops.stack([number, self.batches * 1.0, ops.take(sums, place)])
        found = ops.convert_to_tensor(self.found)
        is_first = ops.logical_and(ops.any(wrong), found[0] == 0)
        self.found.assign(ops.where(is_first, row, found))
        self.batches.assign_add(1.0)

    def result(self):
        # An empty dictionary: Keras logs nothing under the metric's name.
        return {}

    def read(self):
        """Return (name, number of the batch, "NaN" or "infinite") of what was found.

        The name is None and the batch infinite if all was finite.
        """
        number, batch, total = ops.convert_to_numpy(self.found).tolist()
        if number == 0:
            return None, math.inf, ""
        kind = "NaN" if math.isnan(total) else "infinite"
        return self.names[int(number) - 1], int(batch), kind
