"""Rendered templates against sparse products and gradients of stock layers."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, Level, zoo
from keras_drmm.analysis import (
    ActivePaths,
    plot_rendered_filters,
    render_filters,
)
from tests.analysis.test_active_paths import image_of, with_random_weights
from tests.kernels.differentiate import vector_jacobian

pytestmark = [pytest.mark.smoke, pytest.mark.every_backend]
# Maps that pools do not divide, steps, zeros of all kinds, offsets and normalisation.
LEVELS = [
    Level(5, (3, 2), padding="full", pool_size=3, batch_norm=True),
    Level(6, 3, strides=2, padding="same"),
    Level(4, 2, padding="valid", pool_size=(2, 1), batch_norm=True),
]


def build():
    levels = [level.fresh() for level in LEVELS]
    return with_random_weights(DRMM(levels, (19, 17, 2), 3))


def zeros_around(size, kernel, stride, padding):
    """Return (before, after), as TensorFlow and MATLAB define them."""
    if padding == "full":
        return kernel - 1, kernel - 1
    if padding == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def padded(z, lengths, strides, padding):
    around = [
        zeros_around(z.shape[1 + n], lengths[n], strides[n], padding) for n in (0, 1)
    ]
    return ops.pad(z, [(0, 0), *around, (0, 0)])


def all_on(model, images, level):
    """Return I^(ℓ) if every template is ON in the middle of its cell: linear layers."""
    z = images
    for below in model.levels[:level]:
        conv, cell = below.conv, below.pool.pool_size
        z = padded(z, conv.kernel_size, conv.strides, conv.padding)
        kernel = ops.convert_to_tensor(conv.kernel)
        z = ops.conv(z, kernel, conv.strides, "valid", "channels_last")
        z = padded(z, cell, cell, "same")
        first, second = ((size - 1) // 2 for size in cell)
        z = z[:, first :: cell[0], second :: cell[1]]
    return z


@pytest.mark.parametrize("level", [1, 2, 3])
def test_all_on_is_the_gradient_of_linear_layers(level):
    model = build()
    _, height, width, filters = model.message_shapes[level]
    # The corner, whose cells have zeros around, and the middle.
    for place in [(0, 0), (height - 1, width - 1), None]:
        row, column = place or (height // 2, width // 2)
        upstream = np.zeros((filters, height, width, filters), "float32")
        upstream[np.arange(filters), row, column, np.arange(filters)] = 1
        images = np.zeros((filters, 19, 17, 2), "float32")
        wanted = vector_jacobian(
            lambda images: all_on(model, images, level), images, upstream
        )
        found = render_filters(model, level, place=place)
        assert np.abs(wanted).max(axis=(1, 2, 3)).min() > 0
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("level", [1, 3])
def test_switches_of_an_image_make_a_product_of_sparse_maps(level):
    model = build()
    images = np.stack([image_of(model, seed) for seed in (1, 2)])
    message = model.infer(images).messages[level]
    found = render_filters(model, level, images)
    at_corner = render_filters(model, level, images, place=(1, 0))
    products = []
    for image in images:
        product, *others = ActivePaths(model, image).maps[:level]
        for other in others:
            product = product @ other
        products.append(product.toarray())
    for channel in range(message.shape[-1]):
        own = message[..., channel]
        # The image and the place of most activity, and the image of most at a corner.
        most = np.unravel_index(own.argmax(), own.shape)
        corner = (own[:, 1, 0].argmax(), 1, 0)
        for (number, *place), pictures in ((most, found), (corner, at_corner)):
            unit = np.ravel_multi_index((*place, channel), message.shape[1:])
            wanted = products[number][:, unit].reshape(19, 17, 2)
            np.testing.assert_allclose(pictures[channel], wanted, rtol=1e-4, atol=1e-5)
    assert np.abs(found).max() > 0


def test_channels_that_are_off_render_nothing():
    model = DRMM([Level(2, 1)], (4, 4, 1), 2)
    kernel = np.array([1.0, -1.0], "float32").reshape(1, 1, 1, 2)
    model.levels[0].conv.kernel.assign(kernel)
    images = np.zeros((2, 4, 4, 1), "float32")
    images[1, 2, 3] = 0.5
    found = render_filters(model, 1, images)[..., 0]
    # Where and in which image the first channel is most active.
    wanted = np.zeros((2, 4, 4))
    wanted[0, 2, 3] = 1
    np.testing.assert_array_equal(found, wanted)


def test_factor_models_and_channels_first_have_templates_too(backend):
    model = zoo.rfm((8, 8, 1), 3)
    middle = render_filters(model, 1)[:, 2:7, 2:7]
    kernel = ops.convert_to_numpy(model.levels[0].conv.kernel)
    np.testing.assert_allclose(middle, np.moveaxis(kernel, 3, 0), atol=1e-6)
    if backend == "tensorflow":
        # Without a convolution for channels_first on CPUs.
        return
    levels = [Level(4, 3, pool_size=2), Level(5, 2, padding="valid")]
    last = with_random_weights(DRMM(levels, (9, 8, 2), 3))
    moved = [level.fresh(data_format="channels_first") for level in levels]
    first = with_random_weights(DRMM(moved, (2, 9, 8), 3))
    for here, there in zip(first.levels, last.levels, strict=True):
        here.conv.set_weights(there.conv.get_weights())
    images = np.stack([image_of(last, seed) for seed in (1, 2)])
    wanted = render_filters(last, 2, images)
    found = render_filters(first, 2, np.moveaxis(images, 3, 1))
    np.testing.assert_allclose(np.moveaxis(found, 1, 3), wanted, atol=1e-5)


def test_a_picture_has_a_row_for_each_level_and_way(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        "keras_drmm.analysis.rendered_filters.save_grid",
        lambda rows, pixel_range, path: drawn.update({path: rows}),
    )
    model, images = build(), image_of(build())[None]
    plot_rendered_filters(model, "path", images, columns=5)
    rows = list(drawn["path"].values())
    assert len(rows) == 6
    for number, row in enumerate(rows):
        given = images if number % 2 else None
        wanted = render_filters(model, number // 2 + 1, given)[:5]
        shown = 2 * row - 1
        # Level 3 has 4 channels: grey fills the row up.
        np.testing.assert_array_equal(shown[len(wanted) :], 0)
        for picture, template in zip(shown, wanted, strict=False):
            size = np.abs(template).max() or 1
            np.testing.assert_allclose(picture, template / size, atol=1e-5)
    plot_rendered_filters(model, "other")
    assert list(drawn["other"]) == ["level 1", "level 2", "level 3"]


def test_bad_arguments_are_named():
    model = build()
    with pytest.raises(ValueError, match="`level` must be from 1 to 3"):
        render_filters(model, 4)
    with pytest.raises(ValueError, match="`level` must be an integer"):
        render_filters(model, 0)
    height, width = model.message_shapes[1][1:3]
    assert height > width
    for place in [(height, 0), (0, width), (-1, 0), (0,)]:
        with pytest.raises(ValueError, match="`place` must be"):
            render_filters(model, 1, place=place)
    with pytest.raises(ValueError, match="images"):
        render_filters(model, 1, np.zeros((1, 4, 4, 2), "float32"))
    inputs = keras.Input((4, 4, 1))
    with pytest.raises(TypeError, match="has no `levels`"):
        render_filters(keras.Model(inputs, keras.layers.Flatten()(inputs)), 1)
