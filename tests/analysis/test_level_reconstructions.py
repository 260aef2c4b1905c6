"""Images from one level, against sparse products and SciPy's line of least squares."""

import numpy as np
import pytest
from scipy import stats

from keras_drmm import DRMM, RMM, Level, zoo
from keras_drmm.analysis import (
    ActivePaths,
    level_reconstructions,
    plot_level_reconstructions,
    reconstruct_from_level,
)
from tests.analysis.test_active_paths import image_of, with_random_weights

pytestmark = pytest.mark.every_backend


def build():
    levels = [
        Level(4, 3, strides=2, padding="full", pool_size=2, batch_norm=True),
        Level(5, 2, padding="same", pool_size=(2, 3)),
    ]
    return with_random_weights(DRMM(levels, (9, 11, 2), 3))


def images_of(model, count=3):
    return np.stack([image_of(model, seed) for seed in range(count)])


@pytest.mark.parametrize("level", [1, 2])
def test_the_message_goes_down_a_product_of_sparse_maps(level):
    model = build()
    images = images_of(model)
    found = reconstruct_from_level(model, level, images)
    messages = model.infer(images).messages[level]
    for image, message, picture in zip(images, messages, found, strict=True):
        z = message.ravel().astype("float64")
        for affine in reversed(ActivePaths(model, image).maps[:level]):
            z = affine @ z
        line = stats.linregress(z, image.ravel())
        assert abs(line.slope) > 0
        wanted = line.intercept + line.slope * z
        np.testing.assert_allclose(picture.ravel(), wanted, rtol=1e-4, atol=1e-4)


def test_a_level_that_is_off_knows_the_mean_alone():
    model = DRMM([Level(2, 3)], (4, 4, 1), 2)
    model.levels[0].conv.kernel.assign(-np.ones((3, 3, 1, 2), "float32"))
    images = np.random.default_rng(0).random((2, 4, 4, 1)).astype("float32")
    found = reconstruct_from_level(model, 1, images)
    means = images.reshape(2, -1).mean(axis=1)
    np.testing.assert_allclose(found.reshape(2, -1), means[:, None] * np.ones(16), 1e-6)


def test_the_picture_has_all_levels_and_their_shares_of_variance(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        level_reconstructions, "save_grid", lambda *given: drawn.extend(given)
    )
    model = with_random_weights(DRMM([Level(3, 3), Level(4, 3)], (6, 6, 1), 3))
    images = images_of(model, 5)
    # The last image has no contrast.
    images[4] = 0.5
    plot_level_reconstructions(model, images, [2, 0, 2, 0, 1], "path")
    rows, pixel_range, path, captions = drawn
    shown = images[[1, 4, 0]]
    assert (pixel_range, path) == (model.pixel_range, "path")
    assert list(rows) == ["image", "level 1", "level 2", "class"]
    np.testing.assert_array_equal(rows["image"], shown)
    for level in (1, 2):
        wanted = reconstruct_from_level(model, level, shown)
        np.testing.assert_array_equal(rows[f"level {level}"], wanted)
    rendered = model.infer(shown).reconstruction
    np.testing.assert_array_equal(rows["class"], rendered)
    assert list(captions) == ["level 1", "level 2", "class"]
    for name, texts in captions.items():
        for own in (0, 2):
            pair = shown[own].ravel(), rows[name][own].ravel()
            if name == "class":
                wanted = 1 - ((pair[0] - pair[1]) ** 2).mean() / pair[0].var()
            else:
                wanted = stats.pearsonr(*pair).statistic ** 2
            assert float(texts[own]) == pytest.approx(wanted, abs=0.006)
    assert captions["level 1"][1] == "1.00"


def test_channels_first_has_the_same_pictures(backend):
    if backend == "tensorflow":
        pytest.skip("TensorFlow has no convolution of channels_first on processors.")
    last = DRMM([Level(3, 3, pool_size=2), Level(4, 3)], (8, 6, 2), 3)
    first = DRMM(
        [level.fresh(data_format="channels_first") for level in last.levels],
        (2, 8, 6),
        3,
    )
    with_random_weights(last)
    # Offsets have an axis of channels, which is another one.
    for source, target in zip(last.weights, first.weights, strict=True):
        value = np.asarray(source)
        if value.shape != tuple(target.shape):
            value = value.transpose(*range(value.ndim - 3), -1, -3, -2)
        target.assign(value)
    images = images_of(last)
    wanted = reconstruct_from_level(last, 2, images)
    found = reconstruct_from_level(first, 2, images.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(
        found.transpose(0, 2, 3, 1), wanted, rtol=1e-3, atol=1e-4
    )


def test_factor_models_have_levels_and_rmms_none():
    model = zoo.rfm((8, 8, 1), 3)
    images = np.random.default_rng(0).random((2, 8, 8, 1)).astype("float32")
    assert reconstruct_from_level(model, 1, images).shape == images.shape
    with pytest.raises(ValueError, match="`level` must be from 1 to 1"):
        reconstruct_from_level(model, 2, images)
    with pytest.raises(TypeError, match="has no `levels`"):
        reconstruct_from_level(RMM((8, 8, 1), 3, 2), 1, images)
    with pytest.raises(TypeError, match="has no `levels`"):
        plot_level_reconstructions(RMM((8, 8, 1), 3, 2), images, [0, 1], "path")
