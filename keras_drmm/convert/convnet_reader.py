"""ConvnetReader: which layers of a stock convnet are levels of a DRMM."""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_drmm.layers.geometry import Windows
from keras_drmm.layers.level import Level

_SUPPORTED = (
    "`from_convnet` takes a chain of Conv2D or Dense, optionally BatchNormalization, "
    "and ReLU, each optionally followed by a MaxPooling2D that steps by its own size; "
    "GlobalAveragePooling2D or Flatten; and a last Dense, linear or softmax. Dropout "
    "is left out; ZeroPadding2D may make a 'valid' convolution 'same' or 'full'."
)


@dataclass
class _Match:
    """What becomes a level, or the class templates: a Conv2D or Dense, and its parts.

    Attributes:
        layer: the Conv2D or Dense.
        kernel: (kh, kw, C_below, C), an array.
        strides, padding: as of `Level`.
        norm: the BatchNormalization that follows, or None.
        pool: the MaxPooling2D that follows, or None.
    """

    layer: Any
    kernel: Any
    strides: Any = (1, 1)
    padding: str = "valid"
    norm: Any = None
    pool: Any = None

    @property
    def bias(self):
        if not self.layer.use_bias:
            return np.zeros(self.kernel.shape[-1], self.kernel.dtype)
        return ops.convert_to_numpy(self.layer.bias)

    def level(self, data_format):
        return Level(
            self.kernel.shape[-1],
            self.kernel.shape[:2],
            self.strides,
            self.padding,
            pool_size=1 if self.pool is None else self.pool.pool_size,
            batch_norm=self.norm is not None and (norm_arguments(self.norm) or True),
            data_format=data_format,
            kernel_regularizer=self.layer.kernel_regularizer,
            dtype=self.layer.dtype_policy,
            name=self.layer.name,
        )

    def assign_to(self, level):
        level.conv.kernel.assign(self.kernel)
        level.conv.trainable = self.layer.trainable
        if self.norm is not None:
            level.batch_norm.trainable = self.norm.trainable
        if self.norm is None:
            level.conv.bias.assign(self.bias)
            return
        old, new = self.norm, level.batch_norm
        # By way of NumPy: on JAX both would hold one buffer, which steps give away.
        if old.scale:
            new.gamma.assign(ops.convert_to_numpy(old.gamma))
        if old.center:
            new.beta.assign(ops.convert_to_numpy(old.beta))
        new.moving_mean.assign(ops.convert_to_numpy(old.moving_mean) - self.bias)
        new.moving_variance.assign(ops.convert_to_numpy(old.moving_variance))
        if old.renorm:
            new.renorm_mean.assign(ops.convert_to_numpy(old.renorm_mean) - self.bias)
            for name in ("moving_stddev", "renorm_stddev"):
                value = ops.convert_to_numpy(getattr(old, name))
                getattr(new, name).assign(value)


def norm_arguments(norm):
    """Return what makes another BatchNormalization learn and normalise as one does."""
    config, default = norm.get_config(), layers.BatchNormalization().get_config()
    return {
        name: config[name] for name in _NORM_ARGUMENTS if config[name] != default[name]
    }


class ConvnetReader:
    """Reads a stock convnet layer by layer and collects what become levels.

    Args:
        convnet: a Sequential or functional `keras.Model`.

    Attributes:
        data_format: of the chain's layers.
        pooling: of the class templates, "mean" or None.
        dtype_policy: of the layers that have weights.
    """

    def __init__(self, convnet):
        self.data_format: Any = None
        self.pooling: Any = None
        self.dtype_policy: Any = None
        self._convnet = convnet
        self._shape: Any = None
        self._matches: list = []
        # The match that waits for its ReLU, the padding that waits for its Conv2D.
        self._open: Any = None
        self._zeros: Any = None
        # (height, width, channels) that a flat vector was, and whether the channels
        # came first in it.
        self._flat: Any = None
        self._is_softmax = False

    def read_all(self):
        """Return a match for each level, the finest first, and one for the classes.

        Raises:
            ValueError: a layer, which the error names, has no counterpart in a DRMM.
        """
        for layer in _chain(self._convnet):
            self._read(layer)
        return self._finish()

    def _read(self, layer):
        if self._shape is None:
            self._shape = self._convnet.input_shape
            if len(self._shape) != 4 or None in self._shape[1:]:
                raise _refusal(
                    self._convnet,
                    f"takes inputs of shape {self._shape}; a DRMM renders images of a "
                    "known height, width and number of channels.",
                )
        if type(layer) in _IDENTITIES:
            return
        if self._is_softmax:
            raise _refusal(layer, "follows a softmax, which ends what a DRMM computes.")
        if self._zeros is not None and type(layer) is not layers.Conv2D:
            raise _refusal(self._zeros, "is not followed by a Conv2D.")
        if type(layer) not in _READERS:
            raise _refusal(layer, "has no counterpart in a DRMM.")
        if getattr(layer, "quantization_mode", None) is not None:
            raise _refusal(layer, "is quantised.")
        self._check_learning(layer)
        _READERS[type(layer)](self, layer)
        self._shape = layer.compute_output_shape(self._shape)

    def _check_learning(self, layer):
        """Raise if a layer would learn in another way than its counterpart."""
        for name in _NOT_TAKEN:
            if getattr(layer, name, None) is not None:
                raise _refusal(layer, f"has `{name}`, for which a DRMM has no place.")
        if type(layer) not in (layers.Conv2D, layers.Dense, layers.BatchNormalization):
            return
        regularizer = getattr(layer, "kernel_regularizer", None)
        if not isinstance(regularizer, _REGULARIZERS | None):
            raise _refusal(
                layer,
                "has a `kernel_regularizer` that is none of L1, L2 and L1L2: it may "
                "depend on the kernel's shape, which changes.",
            )
        self.dtype_policy = self.dtype_policy or layer.dtype_policy
        if layer.dtype_policy != self.dtype_policy:
            raise _refusal(
                layer,
                f"has the dtype policy {layer.dtype_policy.name!r} and layers before "
                f"it have {self.dtype_policy.name!r}; a DRMM has one.",
            )

    def _finish(self):
        top = self._open
        if top is None or type(top.layer) is not layers.Dense:
            self._require_relu()
            raise _refusal(
                self._convnet, "does not end in a Dense that gives the logits."
            )
        if top.norm is not None:
            raise _refusal(top.norm, "follows the last Dense, without a ReLU.")
        if top.kernel.shape[-1] < 2:
            raise _refusal(top.layer, "has one unit; a DRMM has at least 2 classes.")
        if not self._matches:
            raise _refusal(top.layer, "has no level below it: a DRMM has at least one.")
        return [*self._matches, top]

    def _pad(self, layer):
        self._require_relu()
        self._check_format(layer)
        self._zeros = layer

    def _convolve(self, layer):
        self._require_relu()
        self._check_format(layer)
        if layer.groups != 1 or layer.dilation_rate != (1, 1):
            raise _refusal(layer, "has groups or is dilated.")
        self._open = _Match(
            layer,
            ops.convert_to_numpy(layer.kernel),
            layer.strides,
            self._padding(layer),
        )
        self._activate(layer)

    def _padding(self, layer):
        """Return the padding of a level for a Conv2D and the zeros before it."""
        if self._zeros is None:
            return layer.padding
        zeros, self._zeros = self._zeros, None
        if layer.padding == "valid":
            sizes = tuple(
                size - sum(around)
                for size, around in zip(self._sizes(), zeros.padding, strict=True)
            )
            for padding in ("valid", "same", "full"):
                windows = Windows(layer.kernel_size, layer.strides, padding)
                if windows.paddings(sizes) == zeros.padding:
                    return padding
        raise _refusal(
            zeros,
            f"pads by {zeros.padding}, which makes the {layer.padding!r} windows of "
            f"`{layer.name}` neither 'same' nor 'full'.",
        )

    def _connect(self, layer):
        self._require_relu()
        if self._flat is None:
            raise _refusal(layer, "is applied to a map that was not flattened.")
        (h, w, channels), channels_come_first = self._flat
        kernel = ops.convert_to_numpy(layer.kernel)
        if channels_come_first:
            kernel = kernel.reshape(channels, h, w, -1).transpose(1, 2, 0, 3)
        self._open = _Match(layer, kernel.reshape(h, w, channels, -1))
        self._flat = (1, 1, layer.units), False
        self._activate(layer)

    def _normalise(self, layer):
        if self._open is None or self._open.norm is not None:
            raise _refusal(layer, "does not stand between a Conv2D or Dense and ReLU.")
        axis = 1 if self.data_format == "channels_first" else len(self._shape) - 1
        if layer.axis % len(self._shape) != axis:
            raise _refusal(layer, "does not normalise over channels.")
        self._open.norm = layer

    def _rectify(self, layer):
        if type(layer) is layers.ReLU and (
            layer.max_value is not None or layer.negative_slope or layer.threshold
        ):
            raise _refusal(layer, "is bounded, leaky or has a threshold.")
        if self._open is None:
            # What a level gives is nonnegative already.
            if not self._matches:
                raise _refusal(layer, "follows no Conv2D or Dense.")
            return
        if self.pooling == "mean":
            raise _refusal(
                self._open.layer,
                "is hidden behind global pooling; only the last Dense can be.",
            )
        self._matches.append(self._open)
        self._open = None

    def _activate(self, layer):
        """Read the activation of a layer, or of a layer that is one."""
        if layer.activation is keras.activations.relu:
            self._rectify(layer)
        elif layer.activation is keras.activations.softmax:
            self._normalise_classes(layer)
        elif layer.activation is not keras.activations.linear:
            name = keras.activations.serialize(layer.activation)
            raise _refusal(layer, f"has the activation {name!r}.")

    def _normalise_classes(self, layer):
        if self._open is None or type(self._open.layer) is not layers.Dense:
            raise _refusal(layer, "applies a softmax to what is no Dense.")
        self._is_softmax = True

    def _pool(self, layer):
        self._require_relu()
        self._check_format(layer)
        if not self._matches or self._matches[-1].pool is not None:
            raise _refusal(layer, "does not follow a ReLU.")
        size = layer.pool_size
        if layer.strides != size:
            raise _refusal(
                layer, f"overlaps or skips: {size} by steps {layer.strides}."
            )
        if math.prod(size) > 127:
            raise _refusal(layer, "has over 127 positions a cell.")
        sizes = self._sizes()
        if layer.padding == "valid" and any(
            length % step for length, step in zip(sizes, size, strict=True)
        ):
            raise _refusal(
                layer, f"drops the rest of a {sizes} map: give it padding='same'."
            )
        self._matches[-1].pool = layer

    def _average(self, layer):
        self._require_relu()
        self._check_format(layer)
        if layer.keepdims:
            raise _refusal(layer, "keeps the averaged axes.")
        self.pooling = "mean"
        self._flat = (1, 1, self._channels()), False

    def _flatten(self, layer):
        self._require_relu()
        if len(layer.compute_output_shape(self._shape)) != 2:
            raise _refusal(layer, "gives no flat vector.")
        if self._flat is not None:
            return
        if self.data_format is None:
            self.data_format = getattr(layer, "data_format", None)
        self.data_format = self.data_format or keras.config.image_data_format()
        comes_first = self.data_format == "channels_first"
        # A Flatten for channels_first moves the channels to the end; Reshape does not.
        moves = getattr(layer, "data_format", None) == "channels_first"
        if moves and not comes_first:
            raise _refusal(layer, "has another data_format than the layers before it.")
        self._flat = (*self._sizes(), self._channels()), comes_first and not moves

    def _require_relu(self):
        if self._open is not None:
            raise _refusal(self._open.layer, "is not followed by a ReLU.")

    def _check_format(self, layer):
        self.data_format = self.data_format or layer.data_format
        if layer.data_format != self.data_format:
            raise _refusal(layer, "has another data_format than the layers before it.")

    def _sizes(self):
        """Return (height, width) of the map that was read so far."""
        rows = 2 if self.data_format == "channels_first" else 1
        return self._shape[rows : rows + 2]

    def _channels(self):
        return self._shape[1 if self.data_format == "channels_first" else 3]


_READERS: dict = {
    layers.Activation: ConvnetReader._activate,
    layers.BatchNormalization: ConvnetReader._normalise,
    layers.Conv2D: ConvnetReader._convolve,
    layers.Dense: ConvnetReader._connect,
    layers.Flatten: ConvnetReader._flatten,
    layers.GlobalAveragePooling2D: ConvnetReader._average,
    layers.MaxPooling2D: ConvnetReader._pool,
    layers.ReLU: ConvnetReader._rectify,
    layers.Reshape: ConvnetReader._flatten,
    layers.Softmax: ConvnetReader._normalise_classes,
    layers.ZeroPadding2D: ConvnetReader._pad,
}

# What leaves its input as it is when it does not train.
_IDENTITIES = (
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.SpatialDropout2D,
)


_NORM_ARGUMENTS = (
    "momentum",
    "epsilon",
    "center",
    "scale",
    "beta_regularizer",
    "gamma_regularizer",
    "beta_constraint",
    "gamma_constraint",
    "synchronized",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
)

# How a layer may learn, but no level and no class templates.
_NOT_TAKEN = (
    "activity_regularizer",
    "bias_constraint",
    "bias_regularizer",
    "kernel_constraint",
)

# They look at each value of a kernel by itself.
_REGULARIZERS = keras.regularizers.L1 | keras.regularizers.L2 | keras.regularizers.L1L2


def _chain(model):
    """Return the layers that an image passes, those of models in `model` included."""
    if not isinstance(model, keras.Model) or not hasattr(model, "outputs"):
        raise ValueError(
            f"{model!r} is no built Sequential or functional model. Build it, for "
            f"example by a `keras.Input`. {_SUPPORTED}"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _refusal(model, "has several inputs or outputs.")
    chain: list = []
    operation, node_index, _ = model.outputs[0]._keras_history
    while not isinstance(operation, layers.InputLayer):
        node = operation._inbound_nodes[node_index]
        if len(node.input_tensors) != 1:
            raise _refusal(operation, "joins branches.")
        if node.arguments.kwargs.get("training"):
            raise _refusal(operation, "is called with training=True.")
        is_model = isinstance(operation, keras.Model)
        chain[:0] = _chain(operation) if is_model else [operation]
        operation, node_index, _ = node.input_tensors[0]._keras_history
    for number, layer in enumerate(chain):
        if layer.weights and any(layer is other for other in chain[:number]):
            raise _refusal(layer, "is used twice, and levels share no weights.")
    return chain


def _refusal(layer, reason):
    kind = type(layer).__name__
    return ValueError(f"`{layer.name}` ({kind}) {reason} {_SUPPORTED}")
