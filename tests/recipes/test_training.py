"""A stopped run goes on as if it had not been stopped."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, Level, data
from recipes.common import measure
from recipes.tables import training
from recipes.tables.cells import Cell


def model_and_data():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 8, 8), dtype="uint8")
    dataset = data.semi_supervised(
        x, np.arange(60) % 3, 6, batch_size=10, validation=9, seed=1
    )
    model = DRMM([Level(4, 3, pool_size=2, batch_norm=True)], 3, (8, 8, 1))
    # A step counter, moments of Adam and the warm-up have to be restored as well.
    model.compile(keras.optimizers.Adam(0.01), algorithm=EG(warmup_steps=10))
    return model, dataset


def test_resumed_run_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    backend = keras.backend.backend()
    whole, parts = (tmp_path / name for name in ("whole", "parts"))
    for folder in (whole, parts):
        folder.mkdir()
    expected, dataset = model_and_data()
    training.train(expected, dataset, 3, whole, backend)

    begin = training.EpochLog.begin

    def stop(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    monkeypatch.setattr(training.EpochLog, "begin", stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(*model_and_data(), 3, parts, backend)
    monkeypatch.setattr(training.EpochLog, "begin", begin)
    resumed, dataset = model_and_data()
    seconds = training.train(resumed, dataset, 3, parts, backend)

    for ours, theirs in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    history = (parts / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in history] == ["epoch", "1", "2", "3"]
    assert seconds == pytest.approx(sum(float(v.split(",")[1]) for v in history[1:]))


@pytest.mark.smoke
def test_error_is_the_share_of_wrong_classes():
    logits = np.eye(4)[[0, 1, 2, 3, 0, 0, 0, 0]]
    model = SimpleNamespace(predict=lambda x, **_: logits)
    assert measure.error(model, None, np.array([0, 1, 2, 3, 1, 1, 1, 0])) == 37.5


LABELS = np.arange(6000) % 3
IMAGES = np.random.default_rng(0).integers(0, 256, (6000, 2, 2), dtype="uint8")


def seen_in_an_epoch(dataset):
    """Return (how many labelled rows, how many unlabelled) an epoch shows."""
    labels = np.concatenate([dataset[i][1] for i in range(len(dataset))])
    return int((labels >= 0).sum()), int((labels < 0).sum())


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("setting", "labels", "validation", "labelled", "unlabelled"),
    [
        # 5,910 unlabelled rows, 84 a batch.
        ("semi-supervised", 90, 5000, 70 * 16, 70 * 84),
        ("semi-supervised, second network", 90, 5000, 70 * 16, 70 * 84),
        ("labeled-only", 90, 5000, 50, 0),
        ("unsupervised-pretraining", 90, 5000, 50, 0),
        # All labels that validation leaves, and all.
        ("supervised", 1000, 5000, 1000, 0),
        ("supervised", 6000, 0, 6000, 0),
        ("semi-supervised", 6000, 0, 6000, 0),
    ],
)
def test_a_cell_shows_no_more_than_its_labels(
    setting, labels, validation, labelled, unlabelled
):
    cell = Cell(1, setting, "rfm", labels)
    dataset = training.make_dataset(cell, IMAGES, LABELS)
    assert seen_in_an_epoch(dataset) == (labelled, unlabelled)
    shown = set(dataset.labelled_indices)
    assert len(shown) == labels
    hidden = dataset.validation_indices
    assert len(hidden) == validation
    assert not shown & set(hidden)


@pytest.mark.smoke
@pytest.mark.parametrize("setting", ["semi-supervised", "supervised"])
def test_more_labels_than_images_are_refused(setting):
    with pytest.raises(ValueError, match="ask for at most 6000 labels"):
        training.make_dataset(Cell(3, setting, "rfm", 6001), IMAGES, LABELS)


@pytest.mark.smoke
@pytest.mark.parametrize(("epochs", "scores"), [(1, 1), (5, 5), (15, 15), (500, 10)])
def test_a_run_is_validated_some_ten_times(epochs, scores):
    log = training.EpochLog(None, None, None, None, epochs)
    validated = [epoch for epoch in range(epochs) if log.is_validated(epoch)]
    assert len(validated) == scores
    assert validated[-1] == epochs - 1


@pytest.mark.smoke
def test_models_of_a_draw_are_validated_on_the_same_rows():
    cells = [Cell(1, "semi-supervised", "rfm", n, 3) for n in (30, 90)]
    cells.append(Cell(5, "labeled-only", "convnet", 30, 3))
    first, *others = (training.make_dataset(cell, IMAGES, LABELS) for cell in cells)
    for dataset in others:
        np.testing.assert_array_equal(
            dataset.validation_indices, first.validation_indices
        )
    np.testing.assert_array_equal(others[1].labelled_indices, first.labelled_indices)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("table", "setting", "model", "labels", "epochs"),
    [
        (1, "semi-supervised", "rfm", 100, 8),
        (1, "semi-supervised", "swwae", 1000, 1),
        (1, "semi-supervised", "pseudo_label", 1000, 5),
        (1, "semi-supervised, nuisances", "drmm_conv_small", 100, 8),
        (1, "semi-supervised, second network", "drmm_conv_small", 100, 3),
        (5, "labeled-only", "drmm_conv_small", 100, 500),
        (5, "labeled-only", "rfm", 1000, 250),
        (5, "labeled-only", "convnet_1", 3000, 83),
        (3, "supervised", "rfm", 60_000, 10),
        (3, "supervised", "convnet", 60_000, 5),
        (3, "semi-supervised", "drmm_lenet", 60_000, 10),
        (4, "semi-supervised", "drmm_lenet", 4000, 100),
    ],
)
def test_epochs_by_default(table, setting, model, labels, epochs):
    assert training.default_epochs(Cell(table, setting, model, labels)) == epochs
