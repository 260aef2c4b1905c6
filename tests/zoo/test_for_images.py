"""The zoo's model for images of any size."""

import numpy as np
import pytest

from keras_drmm import zoo

pytestmark = pytest.mark.once


def described(model):
    """Return what the levels are, without names."""
    return [
        {name: value for name, value in v.get_config().items() if name != "name"}
        for v in model.levels
    ]


def test_digits_get_the_conv_small_configuration():
    model, published = zoo.for_images((28, 28, 1), 10), zoo.drmm_conv_small()
    assert described(model) == described(published)
    # But for the pull towards classes of equal size, and less haste without it.
    theirs = {**published.algorithm.get_config(), "marginal_kl": 0, "entropy": 1}
    assert model.algorithm.get_config() == theirs
    assert model.message_shapes == published.message_shapes


@pytest.mark.parametrize(
    ("shape", "levels"),
    [((8, 8, 1), 3), ((19, 256, 1), 3), ((32, 32, 3), 5), ((75, 90, 3), 7)],
)
def test_the_top_sees_about_seven_pixels_of_the_shorter_side(shape, levels):
    model = zoo.for_images(shape, 6)
    assert len(model.levels) == levels
    assert 3 <= min(model.message_shapes[-1][1:3]) <= 11
    assert model.message_shapes[-1][3] == 6
    x = np.random.default_rng(0).random((2, *shape)).astype("float32")
    assert model.reconstruct(x).shape == x.shape


def test_the_largest_image_and_many_classes():
    model = zoo.for_images((256, 256, 3), 1000)
    widths = [shape[-1] for shape in model.message_shapes[1:]]
    assert widths == [32, 64, 64, 128, 128, 256, 256, 256, 256, 256, 1000]
    assert model.message_shapes[-1] == (None, 7, 7, 1000)


def test_images_in_colour_are_not_disturbed():
    grey, colour = (zoo.for_images((32, 32, c), 3).algorithm for c in (1, 3))
    assert grey.consistency > 0
    assert colour.consistency == 0
    assert colour.augmentation is None


@pytest.mark.parametrize(
    ("shape", "classes", "message"),
    [
        ((7, 28, 1), 10, "sides from 8 to 256"),
        ((28, 257, 1), 10, "sides from 8 to 256"),
        ((28, 28, 1), 1001, "at most 1000"),
        ((28, 28, 1), 1, "`num_classes` must be an integer of at least 2"),
    ],
)
def test_bad_arguments(shape, classes, message):
    with pytest.raises(ValueError, match=message):
        zoo.for_images(shape, classes)
