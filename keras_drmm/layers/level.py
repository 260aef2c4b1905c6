"""Level: one level of abstraction, matched bottom-up and rendered top-down."""

import warnings

import keras
from keras import ops

from keras_drmm import kernels
from keras_drmm.layers.arguments import standardize_boolean
from keras_drmm.layers.fused_batch_normalization import FusedBatchNormalization
from keras_drmm.layers.image_layer import ImageLayer
from keras_drmm.layers.keeps_frozen import KeepsFrozen
from keras_drmm.layers.rendering_conv2d import RenderingConv2D
from keras_drmm.layers.switch_max_pool import SwitchMaxPool
from keras_drmm.layers.top_down_render import TopDownRender


@keras.saving.register_keras_serializable(package="keras_drmm")
class Level(KeepsFrozen, ImageLayer):
    r"""One level ℓ of a DRMM: convolution, switch and pool, and their rendering.

    Bottom-up (9), (40):

    $$I^{(\ell)} = \mathrm{MaxPool}(\mathrm{ReLU}(
        \mathrm{BN}_\uparrow(\mathrm{conv}(I^{(\ell-1)}, \Gamma^{(\ell)}) + b)))$$

    Top-down (36), with the same Γ and the switches that pooling inferred:

    $$\hat z^{(\ell-1)} = \mathrm{BN}_\downarrow(
        \Lambda_{\hat g}^{(\ell)} \hat z^{(\ell)} + \alpha^{(\ell)})$$

    Args:
        filters, kernel_size, strides, padding: of the level's `RenderingConv2D`.
        pool_size: of the level's `SwitchMaxPool`; 1 switches without pooling.
        batch_norm: whether matches are normalised bottom-up, over all rows of a
            batch; this also absorbs the bias b. A dictionary gives further arguments
            of `keras.layers.BatchNormalization`, for example {"momentum": 0.9}.
        top_down_batch_norm: whether rendered templates are normalised top-down, with
            statistics of their own; this also absorbs α. Or such a dictionary.
        data_format: "channels_last", "channels_first" or None for Keras' default.
        kernel_regularizer: of the templates Γ, as in `keras.layers.Conv2D`. Closed
            forms know none.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Shapes:
        `bottom_up`: (B, H, W, C) -> message and int8 switches (B, h, w, filters);
        `top_down` goes back.

    Raises:
        ValueError: an argument is out of range.
        TypeError: an argument is not known.

    Example:

    >>> level = Level(8, 3, pool_size=2)
    >>> message, switches = level.bottom_up(np.ones((2, 6, 6, 1), "float32"))
    >>> tuple(level.top_down(message, switches).shape)
    (2, 6, 6, 1)

    Source: Patel, Nguyen, Baraniuk (2016), equations (9), (36), (40).
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="same",
        pool_size=1,
        batch_norm=False,
        top_down_batch_norm=False,
        data_format=None,
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(data_format, **kwargs)
        self._norm_arguments = {
            name: given if isinstance(given, dict) else standardize_boolean(given, name)
            for name, given in (
                ("batch_norm", batch_norm),
                ("top_down_batch_norm", top_down_batch_norm),
            )
        }
        self.conv = RenderingConv2D(
            filters,
            kernel_size,
            strides,
            padding,
            use_bias=self._norm_arguments["batch_norm"] is False,
            data_format=data_format,
            kernel_initializer="he_normal",
            kernel_regularizer=kernel_regularizer,
            dtype=self.dtype_policy,
            name="conv",
        )
        self.pool = SwitchMaxPool(
            pool_size, data_format=data_format, dtype=self.dtype_policy, name="pool"
        )
        self.render = TopDownRender(
            self.conv, self.pool, dtype=self.dtype_policy, name="render"
        )
        self.batch_norm = self._normalisation("batch_norm")
        self.top_down_batch_norm = self._normalisation("top_down_batch_norm")
        self._freeze_parts()
        self._model_name: str | None = None
        self._map_shape: tuple = ()

    def prepare_for(self, model_name, input_shape):
        """Get ready to become a level of a model: build for its maps.

        Args:
            model_name: name of the model.
            input_shape: shape (batch, H, W, C) of the maps below.

        Raises:
            ValueError: the level belongs to a model already, or it was built for
                other maps.
        """
        if self._model_name is not None:
            raise ValueError(
                f"Level `{self.name}` stands in the model `{self._model_name}` already "
                f"and would share its weights with `{model_name}`. Give each model "
                "levels of its own: build new ones, for example by "
                "`Level.from_config(level.get_config())`."
            )
        if not self.built:
            self.build(input_shape)
        pairs = list(zip(self._map_shape, input_shape[1:], strict=True))
        if any(built not in (None, wanted) for built, wanted in pairs):
            raise ValueError(
                f"Level `{self.name}` was built for maps {self._map_shape}, and in "
                f"`{model_name}` it gets maps {tuple(input_shape[1:])}. Build a new "
                "one, for example by `Level.from_config(level.get_config())`."
            )
        if None in self._map_shape:
            # Built for maps of any size, which only now have one.
            self._map_shape = tuple(input_shape[1:])
            matched = self.conv.compute_output_shape(input_shape)
            self.conv.go_back_to(input_shape)
            self.pool.go_back_to(matched)

    def join(self, model_name):
        """Become a level of this model, and of no other."""
        self._model_name = model_name

    def build(self, input_shape):
        self._map_shape = tuple(input_shape[1:])
        self.conv.build(input_shape)
        matched = self.conv.compute_output_shape(input_shape)
        self.pool.build(matched)
        self.render.build(self.pool.compute_output_shape(matched)[0])
        if self.batch_norm is not None:
            self.batch_norm.build(matched)
        if self.top_down_batch_norm is not None:
            self.top_down_batch_norm.build(input_shape)
            self.alpha = None
        else:
            shape = [1, 1, 1]
            shape[self.channel_axis - 1] = input_shape[self.channel_axis]
            self.alpha = self.add_weight(name="alpha", shape=shape, initializer="zeros")

    def bottom_up(self, message, training=False, signs=None):
        r"""Infer the level's nuisances: I^(ℓ-1) -> I^(ℓ) and the switches ĝ^(ℓ).

        Args:
            message: I^(ℓ-1), (B, H, W, C).
            training: whether batch normalisation uses the batch's statistics.
            signs: s = sgn(z^(ℓ)), 1 or -1, (B, h, w, filters), None where z^(ℓ) >= 0.
                A negative z is best rendered where the match is most negative
                (30)-(33): $I^{(\ell)} = s \odot \mathrm{MaxPool}(\mathrm{ReLU}(s
                \odot u))$.

        Returns:
            (I^(ℓ), ĝ^(ℓ)), both (B, h, w, filters), the switches int8.
        """
        u = self.match(message, training)
        if signs is None:
            return self.pool(u)
        message, switches = self.pool(self.pool.spread(signs) * u)
        return signs * message, switches

    def match(self, message, training=False):
        """Return u, the normalised match of each template at each position."""
        if not self.built:
            # α is of the size of the level below.
            self.build(message.shape)
        u = self.conv(message)
        if self.batch_norm is not None:
            u = self.batch_norm(u, training=training)
        return u

    def without_normalisation(self):
        """Return a level of the same configuration that normalises nothing, not built.

        This is what closed-form M-steps take, which know no regularizer either.
        """
        return self.fresh(
            batch_norm=False, top_down_batch_norm=False, kernel_regularizer=None
        )

    def fresh(self, **changes):
        """Return a new level of the same configuration, not built and not frozen.

        Args:
            **changes: arguments that the new level has other values of.
        """
        learning = {"trainable": True, "frozen": []}
        return type(self).from_config({**self.get_config(), **learning, **changes})

    def both_signs(self, message, training=False):
        """Return `bottom_up` for s = 1 and for s = -1 everywhere, of one match."""
        u = self.match(message, training)
        minus, switches = self.pool(-u)
        return self.pool(u), (-minus, switches)

    def top_down(self, z, switches, training=False):
        """Render the level: ẑ^(ℓ) and ĝ^(ℓ) -> ẑ^(ℓ-1)."""
        z = self.render(z, switches)
        if self.top_down_batch_norm is not None:
            return self.top_down_batch_norm(z, training=training)
        # Called by `infer` as by a training step, which alone casts weights.
        return z + ops.cast(self.alpha, z.dtype)

    def call(self, message, training=False):
        # The message without the switches is stock pooling, which costs less.
        message, cell = self.match(message, training), self.pool.pool_size
        if cell != (1, 1):
            message = kernels.max_pool(message, cell, self.data_format)
        # max(ReLU(u)) = ReLU(max(u)), which is of fewer values.
        return ops.relu(message)

    def compute_output_shape(self, input_shape):
        matched = self.conv.compute_output_shape(input_shape)
        return self.pool.compute_output_shape(matched)[0]

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.conv.filters,
            "kernel_size": self.conv.kernel_size,
            "strides": self.conv.strides,
            "padding": self.conv.padding,
            "pool_size": self.pool.pool_size,
            **self._norm_arguments,
            "kernel_regularizer": keras.regularizers.serialize(
                self.conv.kernel_regularizer
            ),
        }

    def _normalisation(self, name):
        wanted = self._norm_arguments[name]
        if wanted is False:
            return None
        arguments = {} if wanted is True else wanted
        return FusedBatchNormalization(
            axis=self.channel_axis, dtype=self.dtype_policy, name=name, **arguments
        )


def warn_of_other_dtypes(levels, policy):
    """Warn if no level has the dtype policy that a model was given.

    Args:
        levels: the model's.
        policy: the model's.
    """
    found = sorted({level.dtype_policy.name for level in levels})
    if policy.name not in found:
        warnings.warn(
            f"`dtype` {policy.name!r} is that of the classes' templates alone: the "
            f"levels have {', '.join(map(repr, found))}. Give each of them "
            f"`dtype={policy.name!r}`.",
            stacklevel=4,
        )


def standardize_levels(levels):
    """Return the levels of a model as a list.

    Args:
        levels: list of `Level`, the finest first.

    Raises:
        ValueError: it is empty, something else is in it or a level is in it twice, a
            level regularizes its activity, or the levels have more than one
            `data_format`.
    """
    is_list = isinstance(levels, list | tuple)
    if is_list and not levels:
        raise ValueError("`levels` is empty: give one or more `Level`s.")
    if not is_list or not all(isinstance(level, Level) for level in levels):
        raise ValueError(
            f"`levels` must be a list of one or more `Level`s, the finest first, got "
            f"{levels!r}."
        )
    if len({id(level) for level in levels}) < len(levels):
        raise ValueError(
            f"`levels` must be different layers, got one of them twice: {levels!r}. "
            "Make a `Level` for each place."
        )
    for level in levels:
        if level.activity_regularizer is not None:
            raise ValueError(
                f"Level `{level.name}` has an `activity_regularizer`, which the E-step "
                "of a model would not see: leave it out. `kernel_regularizer` is seen."
            )
    formats = [level.data_format for level in levels]
    if len(set(formats)) > 1:
        raise ValueError(f"`levels` must have one `data_format`, got {formats}.")
    return list(levels)
