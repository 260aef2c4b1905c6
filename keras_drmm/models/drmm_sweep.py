"""DRMMSweep: what a DRMM adds up over a sweep of the data."""

import keras
import numpy as np
from keras import ops

from keras_drmm.models.level_statistics import LevelStatistics


class DRMMSweep:
    """The sufficient statistics of hard EM: a level's normal equations, and counts.

    They are metrics, as they are sums over an epoch's batches that belong to no saved
    model.

    Args:
        model: a `DRMM`.

    Attributes:
        levels: `LevelStatistics`, the finest first.
        steps: (L, 2), Σ ||ε^(ℓ)||² and Σ ||Λ^(1) .. Λ^(ℓ) ε^(ℓ)||².
        classes: (num_classes,), rows a class.
        gain: (2,), Σ <I^(L), ẑ^(L)> and Σ ||ẑ^(L)||².
        top: Σ ε^(L) of each class, (templates.shape[0], num_classes).
        switches: for each level, rows with each state at each location and channel.
    """

    def __init__(self, model):
        shape, self.levels = (None, *model.image_shape), []
        for number, level in enumerate(model.levels, start=1):
            self.levels.append(LevelStatistics(level, shape[1:], f"sweep_{number}"))
            shape = level.compute_output_shape(shape)
        templates = model.templates.templates.shape
        self.steps = _Sum((len(model.levels), 2), "sweep_steps")
        self.classes = _Sum(templates[1:], "sweep_classes")
        self.top = _Sum(templates, "sweep_top")
        self.gain = _Sum((2,), "sweep_gain")
        self.switches = [
            _Sum(prior.probabilities.shape, f"sweep_switches_{number}")
            for number, prior in enumerate(model.nuisance_priors, start=1)
        ]

    @property
    def metrics(self):
        """All sums, as Keras metrics."""
        sums = [self.steps, self.classes, self.top, self.gain]
        return [*self.levels, *sums, *self.switches]

    def forget(self):
        """Set all sums to 0."""
        for metric in self.metrics:
            for variable in metric.variables:
                variable.assign(np.zeros(variable.shape))


class _Sum(keras.metrics.Metric):
    """A sum over the batches of a sweep, which logs nothing."""

    def __init__(self, shape, name):
        super().__init__(name=name, dtype="float32")
        self.total = self.add_variable(shape, initializer="zeros", name="total")

    def update_state(self, values):
        self.total.assign_add(ops.cast(values, "float32"))

    def result(self):
        # An empty dictionary: Keras logs nothing under the metric's name.
        return {}

    def reset_state(self):
        """Do nothing: `fit` resets metrics before validation, inside of a sweep."""
