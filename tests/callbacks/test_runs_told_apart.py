"""`Resume` goes on with a run, and refuses one of other data or arguments."""

import keras
import numpy as np
import pytest

from keras_drmm import data
from keras_drmm.callbacks import Resume
from tests.callbacks.runs import BATCH, IMAGES, LABELS, MAKE, fit


@pytest.mark.once
def test_other_rows_of_a_data_set_are_refused(tmp_path):
    make = MAKE["EG"]
    fit(make(), Resume(tmp_path), epochs=1)
    other = data.semi_supervised(IMAGES, LABELS, 9, batch_size=BATCH, seed=2)
    with pytest.raises(ValueError, match="`data/shown labels` was"):
        fit(make(), Resume(tmp_path), epochs=1, x=other)


@pytest.mark.once
def test_a_row_that_no_first_batch_shows_is_told_from_another(tmp_path):
    """Labels that were corrected are learned, not the old ones answered."""
    few = np.where(np.arange(len(LABELS)) % 3, -1, LABELS)
    first = data.semi_supervised(IMAGES, few, None, batch_size=BATCH)
    fit(MAKE["EG"](), Resume(tmp_path), epochs=1, x=first)
    first.epoch = 0
    later = np.setdiff1d(first.labelled_indices, first._current_rows()[0])
    changes = {
        "shown labels": {"labels": (few, later[0], (few[later[0]] + 1) % 3)},
        "images": {"images": (IMAGES, later[0], IMAGES[later[0]] ^ 1)},
    }
    for name, change in changes.items():
        given = {"images": IMAGES, "labels": few}
        for column, (array, row, value) in change.items():
            given[column] = array.copy()
            given[column][row] = value
        other = data.semi_supervised(*given.values(), None, batch_size=BATCH)
        with pytest.raises(ValueError, match=f"`data/{name}` was"):
            fit(MAKE["EG"](), Resume(tmp_path), epochs=1, x=other)


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 4),
        ("shuffle", False),
        ("class_weight", {0: 5.0}),
        ("validation_split", 0.5),
        ("steps_per_epoch", 1),
    ],
)
def test_a_run_of_other_arguments_is_refused(name, value, tmp_path):
    x = data.to_unit_range(IMAGES)
    given = {"x": x, "y": LABELS, "epochs": 1, "batch_size": 11, "shuffle": True}
    fit(MAKE["EG"](), Resume(tmp_path), **given)
    with pytest.raises(ValueError, match=f"`data/{name}"):
        fit(MAKE["EG"](), Resume(tmp_path), **{**given, name: value})


@pytest.mark.once
def test_another_form_of_a_data_set_is_told_from_one_of_other_rows(tmp_path):
    """What `fit` is given may say nothing of its rows, as `as_tf_dataset()` does."""

    class Form(keras.utils.PyDataset):
        def __init__(self, dataset):
            super().__init__()
            self.dataset = dataset

        def __len__(self):
            return len(self.dataset)

        def __getitem__(self, index):
            return self.dataset[index]

    for seed, message in ((0, None), (2, "`data/seed` was 0 and is 2")):
        dataset = data.semi_supervised(IMAGES, LABELS, 9, batch_size=BATCH, seed=seed)
        resume = Resume(tmp_path, dataset)
        if message is None:
            fit(MAKE["EG"](), resume, epochs=1, x=Form(dataset))
            continue
        with pytest.raises(ValueError, match=message):
            fit(MAKE["EG"](), resume, epochs=1, x=Form(dataset))
