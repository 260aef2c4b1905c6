"""The drawn letters and objects: what they are like, and that they can be told."""

from pathlib import Path
from string import ascii_uppercase

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from recipes.untuned import letters
from recipes.untuned.letters import draw_letters
from recipes.untuned.objects import OUTLINES, draw_objects

pytest.importorskip("matplotlib")
DRAWN = [(draw_letters, 26, 28), (draw_objects, 12, 32)]


@pytest.mark.parametrize(("draw", "classes", "size"), DRAWN)
def test_images_are_of_every_class_and_the_same_by_a_seed(draw, classes, size):
    images, labels = draw(2 * classes + 1, np.random.default_rng(5))
    assert images.shape == (2 * classes + 1, size, size)
    assert images.dtype == np.uint8
    counts = np.bincount(labels, minlength=classes)
    assert sorted(counts) == [2] * (classes - 1) + [3]
    again = draw(2 * classes + 1, np.random.default_rng(5))
    np.testing.assert_array_equal(again[0], images)
    np.testing.assert_array_equal(again[1], labels)
    # Two of a class are not copies of each other, and each shows something.
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    assert np.all(np.ptp(images.reshape(len(images), -1).astype(int), axis=1) > 60)


@pytest.mark.parametrize(("draw", "classes", "size"), DRAWN)
def test_neighbours_tell_the_classes_by_many_labels(draw, classes, size):
    """Pixels tell some, so the labels are right, and not all."""
    count = 1300
    images, labels = draw(count + 300, np.random.default_rng(0))
    pixels = images.reshape(len(images), -1) / 255
    neighbours = KNeighborsClassifier(5).fit(pixels[:count], labels[:count])
    wrong = np.mean(neighbours.predict(pixels[count:]) != labels[count:])
    assert 0.1 < wrong < 0.65
    # Each class alone is told more often than by chance.
    found = neighbours.predict(pixels[count:])
    for label in range(classes):
        rows = labels[count:] == label
        assert np.mean(found[rows] == label) > 1 / classes


def test_each_font_has_each_letter():
    import matplotlib
    from matplotlib.ft2font import FT2Font

    assert len(set(letters.FONTS)) == 21
    for font in letters.FONTS:
        path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
        face = FT2Font(str(path))
        # The glyph 0 stands for characters that a font lacks.
        assert all(face.get_char_index(ord(v)) > 0 for v in ascii_uppercase), font


def test_outlines_stay_in_the_picture():
    """As large as they are drawn, and in the middle, before they are shifted."""
    for name, points in OUTLINES.items():
        assert np.abs(points).max() <= 1.15, name
        assert np.ptp(points, axis=0).min() > 0.6, name
