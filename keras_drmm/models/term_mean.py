"""TermMean: a term of the objective over the rows of several batches."""

import math

import keras
from keras import ops


class TermMean(keras.metrics.Metric):
    """The mean of a term over the rows that it is about; NaN where there was none.

    Args:
        name: of the term.

    Shapes:
        `update_state`: values and weights (), the sum of the weights of the rows.
    """

    def __init__(self, name):
        super().__init__(name=name, dtype="float32")
        self.total = self.add_variable((), initializer="zeros", name="total")
        self.rows = self.add_variable((), initializer="zeros", name="rows")

    def update_state(self, value, sample_weight=1.0):
        weight = ops.cast(sample_weight, "float32")
        self.total.assign_add(weight * ops.cast(value, "float32"))
        self.rows.assign_add(weight)

    def result(self):
        rows = ops.convert_to_tensor(self.rows)
        # Any positive number keeps 0 / 0 away, which warns on some machines.
        mean = self.total / ops.where(rows > 0, rows, 1.0)
        return ops.where(rows > 0, mean, math.nan)
