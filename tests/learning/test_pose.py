"""What `Pose` does to an image, and what it leaves alone."""

import keras
import numpy as np
import pytest

from keras_drmm.learning import Pose

IMAGES = np.zeros((64, 21, 21, 1), "float32")
IMAGES[:, 9:12, 9:12] = 1.0


def centres(images):
    """Return the centre of mass of each image, (row, column)."""
    grid = np.arange(21)
    mass = images[..., 0].sum((1, 2))
    rows = (images[..., 0].sum(2) * grid).sum(1) / mass
    columns = (images[..., 0].sum(1) * grid).sum(1) / mass
    return np.stack([rows, columns], axis=1)


def posed(**options):
    layer = Pose(seed=0, **options)
    images = layer(keras.ops.convert_to_tensor(IMAGES), training=True)
    return keras.ops.convert_to_numpy(images)


def test_shifts_are_within_their_bound_and_reach_it():
    moved = centres(posed(rotation=0.0, zoom=0.0, shift=0.2)) - 10
    assert np.abs(moved).max() <= 0.2 * 21 + 0.01
    # The mean of |uniform(-4.2, 4.2)| is 2.1, its deviation over 128 values 0.11.
    assert np.abs(moved).mean() == pytest.approx(2.1, abs=0.5)


def test_zooms_change_the_area_and_not_the_centre():
    images = posed(rotation=0.0, zoom=0.3, shift=0.0)
    areas = images.sum((1, 2, 3)) / 9
    assert 0.3 < areas.min() < 0.85
    assert 1.2 < areas.max() < 2.2
    np.testing.assert_allclose(centres(images), 10, atol=0.3)


def test_rotations_keep_the_centre_and_turn_the_corners():
    images = posed(rotation=0.125, zoom=0.0, shift=0.0)
    np.testing.assert_allclose(centres(images), 10, atol=0.3)
    # Up to an eighth of a turn: a corner of the square is turned out of it.
    assert images[:, 9, 9, 0].min() < 0.8


def test_shift_and_zoom_of_an_image_are_drawn_apart():
    """One seed for all: the larger images would all be those that moved one way."""
    images = posed(rotation=0.0, zoom=0.3, shift=0.2)
    rows, columns = centres(images).T
    areas = images.sum((1, 2, 3))
    for first, second in ((rows, columns), (rows, areas), (columns, areas)):
        # 64 pairs that know nothing of each other have a deviation of 1/8.
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_builds_its_steps():
    """A file that is loaded builds its layers before any image is seen."""
    layer = Pose()
    layer.build(IMAGES.shape)
    assert all(step.built for step in layer.steps)


def test_images_stay_as_they_are_outside_of_training():
    images = Pose(seed=0)(keras.ops.convert_to_tensor(IMAGES))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(images), IMAGES)


@pytest.mark.smoke
def test_comes_back_from_its_configuration():
    layer = Pose(0.1, 0.2, 0.3, seed=4)
    assert Pose.from_config(layer.get_config()).get_config() == layer.get_config()
    assert [step.factor for step in layer.steps[:1]] == [(-0.1, 0.1)]
