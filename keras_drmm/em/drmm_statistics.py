"""DRMMStatistics: what a DRMM adds up over a sweep of the data."""

from keras_drmm.em.level_statistics import LevelStatistics
from keras_drmm.em.sweep_metric import SweepMetric


class DRMMStatistics:
    """The sufficient statistics of hard EM: a level's normal equations, and counts.

    They are metrics, as they are sums over an epoch's batches that belong to no saved
    model.

    Args:
        model: a `DRMM`.
        top_shape: (size, number) of the templates on top.
        soft: whether switches are probabilities.

    Attributes:
        error: (2,), the sum of the rows' errors a pixel and the number of rows.
        levels: `LevelStatistics`, the finest first.
        gains: (L, 2), Σ ||ε^(ℓ)||² and Σ ||Λ^(ℓ) ε^(ℓ)||².
        weights: Σ f fᵀ of what the templates on top are weighted with: the class,
            one-hot, and factors where there are some.
        top: Σ ε^(L) fᵀ.
        messages: Σ I^(L) fᵀ.
        switches: for each level, rows with each state at each location and channel.
    """

    def __init__(self, model, top_shape, soft):
        self.levels = [
            LevelStatistics(level, shape[1:], f"sweep_{number}", soft)
            for number, (level, shape) in enumerate(
                zip(model.levels, model.message_shapes, strict=False), start=1
            )
        ]
        size, columns = top_shape
        self.error = _Sum((2,), "sweep_error")
        self.gains = _Sum((len(model.levels), 2), "sweep_gains")
        self.weights = _Sum((columns, columns), "sweep_weights")
        self.top = _Sum((size, columns), "sweep_top")
        self.messages = _Sum((size, columns), "sweep_messages")
        self.switches = [
            _Sum(prior.probabilities.shape, f"sweep_switches_{number}")
            for number, prior in enumerate(model.nuisance_priors, start=1)
        ]

    @property
    def metrics(self):
        """All sums, as Keras metrics."""
        sums = [self.error, self.gains, self.weights, self.top, self.messages]
        return [*self.levels, *sums, *self.switches]

    def forget(self):
        """Set all sums to 0."""
        for metric in self.metrics:
            metric.forget()


class _Sum(SweepMetric):
    """One sum over the batches of a sweep."""

    def __init__(self, shape, name):
        super().__init__(name)
        self.total = self.add_sum("total", shape)

    def update_state(self, values):
        self.add_to(self.total, values)
