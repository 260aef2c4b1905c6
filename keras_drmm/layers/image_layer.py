"""ImageLayer: what the layers on images and feature maps have in common."""

import keras

from keras_drmm.layers.arguments import check_choice, check_keywords
from keras_drmm.layers.weight_budget import CountsWeights


class ImageLayer(CountsWeights, keras.layers.Layer):
    """A layer on images or maps of four axes, with channels last or first.

    Args:
        data_format: "channels_last", "channels_first" or None for Keras' default.
        **kwargs: of `keras.layers.Layer`.

    Attributes:
        rows: axis of the rows; the axis of the columns follows.
        channel_axis: axis of the channels.
    """

    def __init__(self, data_format=None, **kwargs):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        if data_format is None:
            data_format = keras.config.image_data_format()
        check_choice(data_format, "data_format", ("channels_last", "channels_first"))
        self.data_format = data_format
        self.rows, self.channel_axis = (
            (1, 3) if data_format == "channels_last" else (2, 1)
        )
        # Of the input, which the way back goes to; any size if not known.
        self._built_sizes = (None, None)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}

    def go_back_to(self, input_shape):
        """Let the way back, `render` or `unpool`, end at the size of this shape."""
        self._built_sizes = self._sizes(input_shape)

    def _sizes(self, shape):
        """Return (height, width) of a map's shape."""
        sizes = tuple(shape[self.rows : self.rows + 2])
        if None in self._built_sizes:
            return sizes
        # PyTorch's tracers of ONNX and OpenVINO show as tensors sizes that they know.
        return tuple(int(n) if hasattr(n, "item") else n for n in sizes)

    def _with_sizes(self, shape, sizes, channels):
        """Return a map's shape with other (height, width) and channels."""
        shape = list(shape)
        shape[self.rows : self.rows + 2] = sizes
        shape[self.channel_axis] = channels
        return tuple(shape)

    def _check_map(self, shape, channels=None):
        """Raise unless `shape` has four axes and, if given, this many channels."""
        wanted = "(batch, height, width, channels)"
        if self.data_format == "channels_first":
            wanted = "(batch, channels, height, width)"
        if len(shape) != 4:
            advice = "Add the missing axis, for example `x[..., None]` for grey images."
            if len(shape) > 4:
                advice = "Leave out the axes that it has not."
            raise ValueError(
                f"`{self.name}` takes shape {wanted}, got {tuple(shape)}. {advice}"
            )
        # A size may be a tensor, where only a running graph knows it.
        if any(isinstance(size, int) and size < 1 for size in shape[1:]):
            raise ValueError(
                f"`{self.name}` takes shape {wanted} with at least one row, column and "
                f"channel, got {tuple(shape)}."
            )
        found = shape[self.channel_axis]
        if channels is not None and found != channels:
            raise ValueError(
                f"`{self.name}` takes {channels} channels, got {found} in shape "
                f"{tuple(shape)}, read as {wanted}. Give maps like those it was built "
                "for, or make another layer."
            )
