"""SweepMetric: sums over the batches of a sweep, and how M-steps read them."""

import keras
from keras import ops

from keras_drmm.layers import replicas


class SweepMetric(keras.metrics.Metric):
    """Base of the statistics of EM, which are sums over the batches of a sweep.

    A metric, as it is a sum over an epoch's batches that belongs to no saved model. It
    logs nothing.

    Args:
        name: of the metric.
    """

    def __init__(self, name):
        super().__init__(name=name, dtype="float32")

    def add_sum(self, name, shape):
        """Add a variable that starts at 0."""
        return self.add_variable(shape, initializer="zeros", name=name)

    def add_to(self, variable, values):
        """Add what a batch has, from every replica that shares the batch."""
        variable.assign_add(replicas.in_metric(ops.cast(values, "float32")))

    def reset_state(self):
        """Do nothing: `fit` resets metrics before validation, inside of a sweep."""

    def result(self):
        # An empty dictionary: Keras logs nothing under the metric's name.
        return {}

    def forget(self):
        """Set all sums to 0."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape))


def array(variable):
    """Return a variable as an array of float64."""
    return ops.convert_to_numpy(variable).astype("float64")
