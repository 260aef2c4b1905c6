"""`ActivePaths` against the model itself, and against every path of a small one."""

import itertools

import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, Level, data, zoo
from keras_drmm.analysis import ActivePaths

pytestmark = [pytest.mark.smoke, pytest.mark.every_backend]


def with_random_weights(model, seed=0):
    """Give every weight a value, variances and priors positive ones."""
    random = np.random.default_rng(seed)
    values = []
    for weight in model.weights:
        value = random.normal(0.1, 0.5, weight.shape)
        if "variance" in weight.path or "prior" in weight.path:
            value = np.abs(value) + 0.1
        values.append(value.astype("float32"))
    model.set_weights(values)
    return model


def small(rectifies=True, pooling="mean"):
    levels = [
        Level(2, 2, strides=1, padding="valid", pool_size=2),
        Level(3, (2, 1), padding="same", batch_norm=True),
    ]
    model = DRMM(levels, (5, 4, 2), 3, pooling=pooling)
    return with_random_weights(model)


def image_of(model, seed=1):
    random = np.random.default_rng(seed)
    return random.random(model.image_shape).astype("float32")


@pytest.mark.parametrize(
    "model",
    [
        small(),
        small(pooling=None),
        with_random_weights(
            DRMM(
                [
                    Level(4, 3, strides=2, padding="full", pool_size=2),
                    Level(5, 2, padding="same", pool_size=(2, 3)),
                ],
                (9, 11, 3),
                4,
            )
        ),
    ],
)
@pytest.mark.parametrize("label", [None, 2])
def test_sums_are_the_render_and_the_logits(model, label):
    image = image_of(model)
    paths = ActivePaths(model, image, label)
    e_step = model.infer(image[None], None if label is None else np.array([label]))
    assert paths.label == e_step.classes[0]
    np.testing.assert_allclose(
        paths.render(), e_step.reconstruction[0], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(paths.logits(), e_step.logits[0], rtol=1e-4, atol=1e-5)


def test_sums_of_a_trained_model_are_its_render_and_logits():
    model = zoo.from_preset("drmm_conv_small_mnist_100")
    (x, _), _ = data.load("mnist")
    image = data.to_unit_range(x[:1])[0]
    paths, e_step = ActivePaths(model, image), model.infer(image[None])
    np.testing.assert_allclose(paths.render(), e_step.reconstruction[0], atol=1e-5)
    np.testing.assert_allclose(paths.logits(), e_step.logits[0], rtol=1e-4)
    assert paths.sparsity == [float((s >= 0).mean()) for s in e_step.switches]
    # More than could be listed one by one.
    assert paths.count_to_pixels().max() > 1e6


def every_path(model, image, label):
    """Return {(unit of I^(0), I^(1), I^(2)): product}, listed one by one in NumPy.

    Of a model as `small` makes them: the first level valid, of 2x2 templates and
    pooled; the second of 2x1, "same": one zero row after the last.
    """
    e_step = model.infer(image[None], np.array([label]))
    first, second = (s[0].astype(int) for s in e_step.switches)
    kernels = [ops.convert_to_numpy(level.conv.kernel) for level in model.levels]
    _, middle, top = (z[0] for z in e_step.rendered)
    found = {}
    for unit in np.ndindex(second.shape):
        if second[unit] < 0 or top[unit] <= 0:
            continue
        i, j, c = unit
        for step, below in itertools.product(range(2), range(2)):
            part = (i + step, j, below)
            if part[0] >= first.shape[0] or first[part] < 0 or middle[part] <= 0:
                continue
            weight = top[unit] * kernels[1][step, 0, below, c]
            row, column = 2 * part[0] + first[part] // 2, 2 * j + first[part] % 2
            for down, right, channel in itertools.product(range(2), repeat=3):
                pixel = (row + down, column + right, channel)
                value = weight * kernels[0][down, right, channel, below]
                found[pixel, part, unit] = value
    return found


@pytest.mark.parametrize("label", [0, 1])
def test_paths_are_those_that_are_listed_one_by_one(label):
    model = small()
    image = image_of(model)
    paths = ActivePaths(model, image, label)
    listed = every_path(model, image, label)
    assert len(listed) > 20
    counts = np.zeros(model.image_shape)
    for pixel, *_ in listed:
        counts[pixel] += 1
    np.testing.assert_array_equal(paths.count_to_pixels(), counts)
    pixel = np.unravel_index(counts.argmax(), counts.shape)
    wanted = {units: v for units, v in listed.items() if units[0] == pixel}
    every = paths.strongest_to_pixel(pixel, count=1000)
    assert {tuple(path.units) for path in every} == set(wanted)
    for path in every:
        np.testing.assert_allclose(path.value, wanted[tuple(path.units)], rtol=1e-5)
    sizes = [abs(path.value) for path in every]
    assert sizes == sorted(sizes, reverse=True)
    two = paths.strongest_to_pixel(pixel, count=2)
    assert [path.units for path in two] == [path.units for path in every[:2]]


def test_paths_to_a_logit_are_counted():
    """By hand: of 3 pixels in a row, the middle one 0, and templates of 2 pixels."""
    model = DRMM([Level(1, (1, 2), padding="valid")], (1, 3, 1), 2)
    for weight in model.levels[0].conv.weights:
        weight.assign(np.ones(weight.shape))
    image = np.array([1.0, 0.0, 1.0], "float32").reshape(1, 3, 1)
    # Each of the two templates sees one pixel that is not 0.
    assert ActivePaths(model, image).count_to_logit() == 2


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (zoo.rmm((8, 8, 1), 3), "has no `levels`"),
        (zoo.rfm((8, 8, 1), 3), "no factor model"),
        (DRMM([Level(2, 3)], (8, 8, 1), 3, nonnegative=False), "must not be signed"),
        (DRMM([Level(2, 3, top_down_batch_norm=True)], (8, 8, 1), 3), "normalises"),
    ],
)
def test_other_models_are_refused(model, message):
    with pytest.raises(TypeError, match=message):
        ActivePaths(model, np.zeros((8, 8, 1), "float32"))


def test_images_labels_and_pixels_are_checked():
    model = small()
    with pytest.raises(ValueError, match=r"one image of shape \(5, 4, 2\), got"):
        ActivePaths(model, np.zeros((1, 5, 4, 2), "float32"))
    with pytest.raises(ValueError, match="from 0 to 2"):
        ActivePaths(model, image_of(model), label=3)
    paths = ActivePaths(model, image_of(model))
    for pixel in ((5, 0, 0), (0, 4, 0), (0, 0, -1), (0, 0)):
        with pytest.raises(ValueError, match="`pixel` must be"):
            paths.strongest_to_pixel(pixel)
    with pytest.raises(ValueError, match="`count`"):
        paths.strongest_to_pixel((0, 0, 0), count=0)
