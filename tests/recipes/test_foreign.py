"""What is foreign in the recipe on foreign images, and how scores are judged."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recipes import foreign


def test_a_fifth_is_foreign_and_has_no_label():
    options = foreign.parse(["--short"])
    x, y, (x_valid, _), kinds = foreign.load(options)
    assert x.shape == (475, 28, 28, 1)
    assert [int((kinds == k).sum()) for k in ("", "shapes", "patches", "letters")] == (
        [400, 25, 25, 25]
    )
    assert (y[kinds != ""] == -1).all()
    assert np.bincount(y + 1).tolist() == [375, *[10] * 10]
    # No validation image is learned.
    seen = {image.tobytes() for image in x}
    assert not any(image.tobytes() in seen for image in x_valid)
    assert (x.min(), x.max()) == (0, 1)


def test_areas_are_of_unlabelled_rows():
    kinds = np.array(["", "", "", "", "shapes", "shapes", "letters"])
    labels = np.array([3, -1, -1, -1, -1, -1, -1])
    score = np.array([-9.0, 5.0, 4.0, 1.0, 2.0, 0.0, 4.5])
    found = foreign.areas(score, labels, kinds)
    own, shapes = [5.0, 4.0, 1.0], [2.0, 0.0]
    wanted = roc_auc_score([1, 1, 1, 0, 0], own + shapes)
    assert found["shapes"] == pytest.approx(wanted, abs=1e-4)
    assert found["letters"] == pytest.approx(1 / 3, abs=1e-4)
    assert set(found) == {"all", "shapes", "letters"}


def test_messages_are_averaged():
    messages = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
    wanted = messages.reshape(1, 2, 2, 2, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(foreign.pool(messages), wanted)


def test_photographs_are_asked_for():
    with pytest.raises(SystemExit):
        foreign.parse([])
