import numpy as np
import pytest
from scipy import ndimage

from keras_drmm.data import ShiftAndMirror, semi_supervised

pytestmark = pytest.mark.smoke
X = np.random.default_rng(0).random((40, 6, 7, 3)).astype("float32")
Y = np.arange(40) % 2


def _moves(image, largest):
    """Return all moves of an image, reflected at its borders, by SciPy."""
    steps = range(-largest, largest + 1)
    return [
        ndimage.shift(image, (down, right, 0), order=0, mode="mirror")
        for down in steps
        for right in steps
    ]


def test_images_are_moved_and_mirrored_in_every_second_epoch():
    augment, rows = ShiftAndMirror(shift=1), np.arange(40)
    mirrored = []
    for epoch in range(2):
        random = np.random.default_rng(epoch)
        found = augment(X, rows, epoch, random)
        kinds = []
        for image, changed in zip(X, found, strict=True):
            both = [_moves(v, 1) for v in (image, image[:, ::-1])]
            is_of = [any(np.array_equal(changed, v) for v in moves) for moves in both]
            assert sum(is_of) == 1
            kinds.append(is_of[1])
        mirrored.append(kinds)
        assert 10 < sum(kinds) < 30
    np.testing.assert_array_equal(mirrored[0], np.logical_not(mirrored[1]))


def test_every_move_comes():
    image = np.arange(25, dtype="float32").reshape(1, 5, 5, 1)
    augment = ShiftAndMirror(shift=2, mirror=False)
    random = np.random.default_rng(0)
    rows = np.zeros(1, int)
    found = {augment(image, rows, 0, random).tobytes() for _ in range(300)}
    assert found == {v.tobytes() for v in _moves(image[0], 2)}


def test_nothing_to_do_changes_nothing():
    augment = ShiftAndMirror(shift=0, mirror=False)
    found = augment(X, np.arange(40), 1, np.random.default_rng(0))
    np.testing.assert_array_equal(found, X)


def test_batches_are_augmented_by_seed_and_epoch():
    plain = semi_supervised(X, Y, 10, batch_size=20, validation=4)
    augmented, again, other = (
        semi_supervised(
            X, Y, 10, batch_size=20, validation=4, augment=augment, seed=seed
        )
        for augment, seed in ((ShiftAndMirror(), 0), (ShiftAndMirror(), 0), (_same, 0))
    )
    images, labels = augmented[0]
    np.testing.assert_array_equal(labels, plain[0][1])
    assert not np.array_equal(images, plain[0][0])
    # In another order, too.
    again[0]
    np.testing.assert_array_equal(again[0][0], images)
    np.testing.assert_array_equal(other[0][0], plain[0][0])
    np.testing.assert_array_equal(augmented.validation[0], plain.validation[0])
    only, wanted = (v.labelled_only(10)[0][0] for v in (augmented, plain))
    assert not np.array_equal(only, wanted)
    # Batches and epochs have draws of their own.
    random = [_Remember() for _ in range(3)]
    for draw, (epoch, index) in zip(random, ((0, 0), (0, 1), (1, 0)), strict=True):
        dataset = semi_supervised(X, Y, 10, batch_size=20, augment=draw)
        dataset.epoch = epoch
        dataset[index]
        assert draw.epoch == epoch
    assert len({draw.drawn for draw in random}) == 3


def test_rows_are_those_of_the_images():
    remember = _Remember()
    dataset = semi_supervised(X, Y, 10, batch_size=20, augment=remember)
    np.testing.assert_array_equal(dataset[0][0], X[remember.rows])


def test_what_augment_may_be():
    with pytest.raises(ValueError, match=r"`augment` must be a function.*'flip'"):
        semi_supervised(X, Y, 10, augment="flip")
    dataset = semi_supervised(X, Y, 10, augment=lambda images, *_: images[:, 1:])
    with pytest.raises(ValueError, match=r"`augment`.*which returned \(40, 5, 7, 3\)"):
        dataset[0]
    dataset = semi_supervised(X, Y, 10, augment=ShiftAndMirror(6))
    with pytest.raises(ValueError, match=r"`shift` must be less.* 6x7, got 6"):
        dataset[0]


def _same(images, rows, epoch, random):
    return images


class _Remember:
    def __call__(self, images, rows, epoch, random):
        self.rows, self.epoch, self.drawn = rows, epoch, random.random()
        return images
