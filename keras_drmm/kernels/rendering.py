"""Rendering without padding: the transpose of a convolution, in `keras.ops`."""

from keras import ops


def overlap_add(z, kernel, strides, data_format):
    """Add the template of every channel, weighted by z, at every position.

    The transpose of `ops.conv(x, kernel, strides, "valid")`.

    Args:
        z: map of shape (B, h, w, C) or (B, C, h, w).
        kernel: (kh, kw, C_below, C).
        strides: pair.
        data_format: "channels_last" or "channels_first".

    Returns:
        Map of (h - 1) * stride + kh rows (h * stride if the stride is larger than kh),
        columns likewise, and C_below channels.
    """
    return ops.conv_transpose(z, kernel, strides, "valid", data_format=data_format)
