"""SwitchPrior: switches of all levels that agree, because they share a style."""

import math

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    check_choice,
    check_keywords,
    standardize_integer,
)
from keras_drmm.layers.class_styles import ClassStyles
from keras_drmm.layers.rendering_conv2d import RenderingConv2D
from keras_drmm.layers.style_factors import StyleFactors
from keras_drmm.layers.switch_max_pool import SwitchMaxPool
from keras_drmm.layers.weight_budget import reserve

# Standard deviation of the last kernels at the start. From 0 on, no gradient would
# reach the style at first, and the KL term would teach the encoder to say nothing.
START = 0.02


@keras.saving.register_keras_serializable(package="keras_drmm")
class SwitchPrior(keras.layers.Layer):
    r"""The prior of all switches given the class, with a style u that they share.

    $$p(g \mid c) = \int p(u \mid c) \prod_\ell \prod_x p(g_x^{(\ell)} \mid u)\, du$$

    Switches that are independent, as those of `NuisancePrior` are, render blots: each
    stroke needs switches that agree. Given u they are independent, and u goes down the
    levels as an image does, by small convolutions that mirror those of the levels:

    $$h^{(L)} = \mathrm{ReLU}(A u + a), \qquad
    h^{(\ell-1)} = \mathrm{ReLU}(\mathrm{conv}^T(\mathrm{upsample}(h^{(\ell)})) + b)$$

    $$\ln \frac{p(g_x^{(\ell)} = s \mid u)}{p(g_x^{(\ell)} = \mathrm{OFF} \mid u)} =
    \ln \frac{\pi_x^{(\ell)}(s)}{\pi_x^{(\ell)}(\mathrm{OFF})} + (W_\ell h_x^{(\ell)} +
    b_\ell)_s$$

    With W = 0 and b = 0, near which the layer starts, this is the independent prior π.

    Args:
        geometry: for each level, the finest first, a dictionary of `kernel_size`,
            `strides`, `padding` and `pool_size`; see `geometry_of`.
        num_classes: number of classes.
        style_size: d, the number of values of a style u.
        width: channels of each h.
        components: Gaussians of each class in `ClassStyles`.
        num_factors: factors of the model, which `StyleFactors` then has a prior of; 0
            for a model without.
        data_format: "channels_last" or "channels_first".
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Shapes:
        built for the shapes of I^(0..L); `call`: styles (B, d) and the independent
        log-odds -> log-odds of each level, (B, h, w, positions, C), or (B, positions,
        C, h, w) for channels_first.

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> level = {"kernel_size": 3, "strides": 1, "padding": "same", "pool_size": 2}
    >>> prior = SwitchPrior([level], num_classes=10, style_size=4)
    >>> prior.build([(None, 8, 8, 1), (None, 4, 4, 5)])
    >>> independent = [keras.ops.zeros((4, 4, 4, 5))]
    >>> (log_odds,) = prior(np.zeros((2, 4), "float32"), independent)
    >>> tuple(log_odds.shape)
    (2, 4, 4, 4, 5)

    Source: none in the paper. Nguyen et al. (2018), arXiv 1811.02657, couple switches
    over levels by the rendered path.
    """

    def __init__(
        self,
        geometry,
        num_classes,
        style_size=64,
        width=64,
        components=1,
        num_factors=0,
        data_format="channels_last",
        **kwargs,
    ):
        check_keywords(type(self), kwargs)
        # Log-odds stay in full precision; the parts cast what they compute with.
        super().__init__(autocast=False, **kwargs)
        check_choice(data_format, "data_format", ("channels_last", "channels_first"))
        self.geometry = [dict(level) for level in geometry]
        self.style_size = standardize_integer(style_size, "style_size")
        self.width = standardize_integer(width, "width")
        self.data_format = data_format
        shared = {"data_format": data_format, "dtype": self.dtype_policy}
        self.pools = [
            SwitchMaxPool(level["pool_size"], name=f"pool_{n}", **shared)
            for n, level in enumerate(self.geometry, start=1)
        ]
        # Of the levels from the second on: the finest has no switches below it.
        self.convs = [
            RenderingConv2D(
                self.width,
                level["kernel_size"],
                level["strides"],
                level["padding"],
                kernel_initializer="he_normal",
                name=f"conv_{n}",
                **shared,
            )
            for n, level in enumerate(self.geometry[1:], start=2)
        ]
        self.styles = ClassStyles(
            num_classes, style_size, components, dtype="float32", name="styles"
        )
        num_factors = standardize_integer(num_factors, "num_factors", minimum=0)
        self.factors = None
        if num_factors:
            self.factors = StyleFactors(
                num_classes, style_size, num_factors, dtype="float32", name="factors"
            )

    def build(self, map_shapes):
        maps = [tuple(shape[1:]) for shape in map_shapes[1:]]
        first = self.data_format == "channels_first"
        # The axis of positions is put before that of channels.
        self.state_axis = 1 if first else 3
        hidden = [
            (self.width, *shape[1:]) if first else (*shape[:2], self.width)
            for shape in maps
        ]
        self._top_shape = hidden[-1]
        self.top = keras.layers.Dense(
            math.prod(hidden[-1]), "relu", dtype=self.dtype_policy, name="top"
        )
        reserve((self.style_size, self.top.units))
        self.top.build((None, self.style_size))
        for conv, pool, below in zip(self.convs, self.pools[1:], hidden, strict=False):
            conv.build((None, *below))
            pool.build(conv.compute_output_shape((None, *below)))
        self.heads, self._odds_shapes = [], []
        for n, (pool, shape) in enumerate(zip(self.pools, maps, strict=True), start=1):
            positions = math.prod(pool.pool_size)
            axis = self.state_axis - 1
            odds_shape = (*shape[:axis], positions, *shape[axis:])
            self._odds_shapes.append(odds_shape)
            channels = shape[0] if first else shape[2]
            head = keras.layers.Conv2D(
                positions * channels,
                1,
                data_format=self.data_format,
                kernel_initializer=keras.initializers.RandomNormal(0.0, START),
                dtype=self.dtype_policy,
                name=f"head_{n}",
            )
            reserve((self.width, head.filters))
            head.build((None, *hidden[n - 1]))
            self.heads.append(head)

    def call(self, styles, log_odds):
        """Return ln p(g = s | u) / p(g = OFF | u) of every switch.

        Args:
            styles: u, (B, d).
            log_odds: of each level, those of the independent prior.
        """
        hidden = ops.reshape(self.top(styles), (-1, *self._top_shape))
        found: list = []
        for n in reversed(range(len(self.heads))):
            change = ops.reshape(self.heads[n](hidden), (-1, *self._odds_shapes[n]))
            found.insert(0, ops.cast(change, "float32") + log_odds[n])
            if n:
                conv = self.convs[n - 1]
                rendered = conv.render(self.pools[n].spread(hidden))
                hidden = ops.relu(conv.add_bias(rendered))
        return found

    def log_prob(self, switches, log_odds):
        """Return Σ over levels and locations of ln p(g | u) in nats, (B,).

        Args:
            switches: ĝ^(1..L), int8.
            log_odds: as `call` returns them.
        """
        total = ops.zeros(())
        for inferred, odds in zip(switches, log_odds, strict=True):
            states = self._states(odds)
            if len(states) == 1:
                log_normaliser = ops.softplus(states[0])
            else:
                log_normaliser = ops.softplus(ops.logsumexp(odds, self.state_axis))
            log_p = -log_normaliser
            for position, state in enumerate(states):
                log_p = log_p + ops.where(inferred == position, state, 0.0)
            total = total + ops.sum(log_p, axis=(1, 2, 3))
        return total

    def mode(self, log_odds):
        """Return the most probable state of each switch, int8, of each level."""
        found = []
        for odds in log_odds:
            # OFF has log-odds of 0.
            states = self._states(odds)
            best = ops.zeros_like(states[0])
            chosen = ops.full_like(states[0], -1, dtype="int32")
            for position, state in enumerate(states):
                chosen = ops.where(state > best, position, chosen)
                best = ops.maximum(best, state)
            found.append(ops.cast(chosen, "int8"))
        return found

    def sample(self, log_odds, random):
        """Draw the state of each switch given u, int8 arrays, one of each level.

        Args:
            log_odds: as `call` returns them.
            random: a `numpy.random.Generator`.
        """
        found = []
        for odds in log_odds:
            odds = ops.convert_to_numpy(odds)
            # The largest of log-odds plus Gumbel noise is a draw; OFF has 0.
            off = np.zeros_like(odds.take([0], self.state_axis))
            states = np.concatenate([off, odds], self.state_axis)
            states = states + random.gumbel(size=states.shape)
            found.append((states.argmax(self.state_axis) - 1).astype("int8"))
        return found

    def _states(self, odds):
        """Return the maps of log-odds of each position."""
        return ops.unstack(odds, axis=self.state_axis)

    def get_config(self):
        return {
            **super().get_config(),
            "geometry": self.geometry,
            "num_classes": self.styles.num_classes,
            "style_size": self.style_size,
            "width": self.width,
            "components": self.styles.components,
            "num_factors": self.factors.num_factors if self.factors else 0,
            "data_format": self.data_format,
        }


def geometry_of(levels):
    """Return the geometry of levels as `SwitchPrior` takes it.

    Args:
        levels: list of `Level`, the finest first.
    """
    names = ("kernel_size", "strides", "padding", "pool_size")
    configs = [level.get_config() for level in levels]
    return [{name: config[name] for name in names} for config in configs]
