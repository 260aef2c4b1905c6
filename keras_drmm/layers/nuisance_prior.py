"""NuisancePrior: how often each switch of a level is on, and where."""

import keras
import numpy as np
from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.layers.arguments import (
    check_keywords,
    check_model,
    standardize_integer,
)
from keras_drmm.layers.weight_budget import CountsWeights

# Added to each probability: a switch that training never saw stays possible.
SMOOTHING = 1e-6


@keras.saving.register_keras_serializable(package="keras_drmm")
class NuisancePrior(CountsWeights, keras.layers.Layer):
    r"""The prior of a level's nuisances g = (t, a), which is learned by counting.

    $$p(g_x) = \pi_{a,x} \pi_{t,x}(t)\ \textrm{if ON}, \quad 1 - \pi_{a,x}\ \textrm{if
    OFF}$$

    independently for each location x and channel, as in (5). Nothing here has a
    gradient: `update` takes a running mean of what E-steps inferred, unless the layer
    is frozen.

    Args:
        positions: number of positions of a cell.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        switches (B, h, w, C); `probabilities` (1 + positions, h, w, C), OFF first.

    Raises:
        ValueError: `positions` or `n` is no integer of at least 1, or the switches are
            not those of the map that it was built for.

    Example:

    >>> prior = NuisancePrior(4)
    >>> prior.build((None, 2, 2, 3))
    >>> prior.sample(5, np.random.default_rng(0)).shape
    (5, 2, 2, 3)

    Source: Patel, Nguyen, Baraniuk (2016), equations (1), (5), Definition B.1.
    """

    def __init__(self, positions, **kwargs):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        self.positions = standardize_integer(positions, "positions")

    def build(self, map_shape):
        states = 1 + self.positions
        self.probabilities = self.add_weight(
            name="probabilities",
            shape=(states, *map_shape[1:]),
            dtype="float32",
            initializer=keras.initializers.Constant(1 / states),
            trainable=False,
            # Logarithms of what half precision rounds to 0 or 1 would be off.
            autocast=False,
        )

    @property
    def on(self):
        """π_a, the probability of ON, (h, w, C), a NumPy array."""
        return 1 - self._smoothed()[0]

    @property
    def position(self):
        """π_t, the probability of each position if ON, (positions, h, w, C)."""
        return self._smoothed()[1:] / self.on

    def update(self, switches, rate, sample_weight=None):
        """Move towards the frequencies in a batch, by `rate` of the way.

        Args:
            switches: int8 (B, h, w, C).
            rate: between 0 and 1.
            sample_weight: (B,), how many rows each row counts as; None for 1.
        """
        if self.trainable:
            update_together([(self, switches)], rate, sample_weight)

    def move(self, counts, rate):
        """Move towards the frequencies that counts say, by `rate` of the way.

        Args:
            counts: what `count` returns, of the rows of all replicas.
            rate: between 0 and 1.
        """
        # Each location has one state.
        rows = ops.sum(counts, axis=0)
        old = ops.convert_to_tensor(self.probabilities)
        # A batch of weight 0 says nothing.
        rate = ops.where(rows > 0, rate, 0.0)
        shares = counts / ops.where(rows > 0, rows, 1.0)
        self.probabilities.assign(old + rate * (shares - old))

    def count(self, switches, sample_weight=None):
        """Return how many rows have each state, of the shape of `probabilities`.

        Args:
            switches: int8 (B, h, w, C).
            sample_weight: as of `update`.
        """
        weights = 1.0
        if sample_weight is not None:
            weights = ops.reshape(sample_weight, (-1, 1, 1, 1))
        states = (ops.cast(v, "int8") for v in range(-1, self.positions))
        return ops.stack(
            [
                ops.sum(weights * ops.cast(switches == v, "float32"), axis=0)
                for v in states
            ]
        )

    def log_odds(self, axis):
        """Return ln p(g = s) / p(g = OFF) of each position s, a tensor.

        Args:
            axis: of the positions among those of a location, 0 on.
        """
        log_p = ops.log(ops.convert_to_tensor(self.probabilities) + SMOOTHING)
        return ops.moveaxis(log_p[1:] - log_p[:1], 0, axis)

    def log_prob(self, switches):
        """Return Σ_x ln p(g_x) in nats, (B,), a NumPy array.

        Args:
            switches: int8 (B, h, w, C), a NumPy array.
        """
        wanted = tuple(self.probabilities.shape[1:])
        if tuple(np.shape(switches)[1:]) != wanted:
            raise ValueError(
                f"`switches` must have shape {('batch', *wanted)}, got "
                f"{np.shape(switches)}."
            )
        lowest, highest = int(np.min(switches)), int(np.max(switches))
        if lowest < -1 or highest >= self.positions:
            raise ValueError(
                f"`switches` must be from -1 (OFF) to {self.positions - 1}, got values "
                f"from {lowest} to {highest}."
            )
        h, w, channels = np.ogrid[tuple(map(slice, switches.shape[1:]))]
        log_p = np.log(self._smoothed())
        return log_p[switches + 1, h, w, channels].sum(axis=(1, 2, 3))

    def sample(self, n, random):
        """Draw the switches of `n` images, int8 (n, h, w, C).

        Args:
            n: how many.
            random: a `numpy.random.Generator`.
        """
        n = standardize_integer(n, "n")
        check_model(
            random, "random", np.random.Generator, "Give `np.random.default_rng(seed)`."
        )
        # The state drawn is the number of cumulative probabilities below the draw.
        cumulative = np.cumsum(self._smoothed(), axis=0)[:-1]
        draws = random.random((n, *cumulative.shape[1:]))
        switches = np.full(draws.shape, -1, "int8")
        for below in cumulative:
            switches += draws > below
        return switches

    def get_config(self):
        return {**super().get_config(), "positions": self.positions}

    def _smoothed(self):
        p = ops.convert_to_numpy(self.probabilities).astype("float64") + SMOOTHING
        return p / p.sum(axis=0)


def update_together(pairs, rate, sample_weight=None):
    """Update several priors; what replicas tell each other of it is one message.

    Args:
        pairs: a list of (`NuisancePrior`, its switches, int8 (B, h, w, C)).
        rate: between 0 and 1.
        sample_weight: (B,), how many rows each row counts as; None for 1.
    """
    counts = [prior.count(switches, sample_weight) for prior, switches in pairs]
    for (prior, _), seen in zip(pairs, replicas.totals(counts), strict=True):
        prior.move(seen, rate)
