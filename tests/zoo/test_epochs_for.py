"""How long to learn from a data set, by its number of batches."""

import numpy as np
import pytest

from keras_drmm import data, zoo

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs"),
    [(600, 100, 167), (90, 100, 1000), (20_000, 100, 10), (20_000, 1000, 50)],
)
def test_at_least_a_thousand_steps_and_ten_epochs(rows, batch_size, epochs):
    y = np.arange(rows) % 2
    x = np.zeros((rows, 1, 1), "uint8")
    # Without a label for most, as many rows of a batch are unlabelled as there are.
    dataset = data.semi_supervised(x, y, None, batch_size=batch_size)
    assert zoo.epochs_for(dataset) == epochs
    assert epochs * len(dataset) >= 1000


@pytest.mark.parametrize("bad", [iter([1]), []])
def test_a_data_set_of_unknown_length(bad):
    with pytest.raises(ValueError, match="`dataset` must have at least one batch"):
        zoo.epochs_for(bad)
