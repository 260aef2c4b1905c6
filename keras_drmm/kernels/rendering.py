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


def template_gradient(x, z, kernel_size, strides):
    r"""Sum the patches of x, weighted by z: the gradient of <conv_Γ(x), z> for Γ.

    $$G_{o, c, f} = \sum_{n, y} x_{n, s y + o, c}\, z_{n, y, f}$$

    Args:
        x: channels_last map (B, H, W, C).
        z: map of the shape of `ops.conv(x, Γ, strides, "valid")`, (B, h, w, filters).
        kernel_size: (kh, kw).
        strides: pair.

    Returns:
        (kh, kw, C, filters).
    """
    (kh, kw), (down, right) = kernel_size, strides
    h, w = z.shape[1:3]
    patches = [
        x[:, i : i + (h - 1) * down + 1 : down, j : j + (w - 1) * right + 1 : right]
        for i in range(kh)
        for j in range(kw)
    ]
    sums = [ops.einsum("nhwc,nhwf->cf", patch, z) for patch in patches]
    return ops.reshape(ops.stack(sums), (kh, kw, x.shape[3], z.shape[3]))
