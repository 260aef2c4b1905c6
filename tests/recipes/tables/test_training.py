"""How a cell's model is made and trained, and how it is described."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, Level, data, zoo
from keras_drmm.data.batch_plan import plan_batches
from recipes.common import measure
from recipes.tables import augmentations, training
from recipes.tables.cells import SEMI_SUPERVISED, Cell, all_cells


def model_and_data():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 8, 8), dtype="uint8")
    dataset = data.semi_supervised(
        x, np.arange(60) % 3, 6, batch_size=10, validation=9, seed=1
    )
    levels = [Level(4, 3, pool_size=2, batch_norm=True)]
    model = DRMM(levels, num_classes=3, input_shape=(8, 8, 1))
    # The step counter, the moments of Adam and the warm-up must be restored as well.
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
def test_batches_of_few_labels_have_16_labelled_rows():
    """The default of `semi_supervised` is what the tables' rows were learned by."""
    cells = [*all_cells(), Cell(4, SEMI_SUPERVISED, "drmm_conv_large", 4000)]
    few = [v for v in cells if v.learns_without_labels and v.labels < 10_000]
    sizes = {(v.labels, 50_000 if v.data == "cifar10" else 60_000) for v in few}
    assert sizes >= {(100, 60_000), (3000, 60_000), (4000, 50_000)}
    for labels, images in sizes:
        default = plan_batches(labels, images - labels, 100, None)
        assert default.is_labelled.sum() == 16
        given = plan_batches(labels, images - labels, 100, 16)
        np.testing.assert_array_equal(default.is_labelled, given.is_labelled)
        assert default.num_batches == given.num_batches


@pytest.mark.smoke
def test_digits_are_moved_and_not_mirrored():
    images = np.zeros((90, 12, 12), "uint8")
    images[:, 5, 4:7] = 255
    images[:, 6, 4] = 255
    cell = Cell(1, "semi-supervised, shift", "rfm", 90)
    moved = training.make_dataset(cell, images, np.arange(90) % 3)[0][0][..., 0]
    for image in moved:
        _, columns = np.nonzero(image)
        # The lowest pixel stays below the leftmost of the row above.
        assert columns[-1] == columns[0]
    assert len({image.tobytes() for image in moved}) > 15


@pytest.mark.smoke
def test_colour_images_are_moved_and_mirrored_where_the_setting_says_so():
    images = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 3), dtype="uint8")
    labels = np.arange(90) % 3
    batches = {
        setting: training.make_dataset(Cell(4, setting, "rfm", 90), images, labels)[0]
        for setting in ("supervised", "supervised, shift and mirror")
    }
    (plain, targets), (shifted, same) = batches.values()
    np.testing.assert_array_equal(targets, same)
    unmoved = (plain == shifted).all(axis=(1, 2, 3))
    # One of 25 moves moves nothing, of the half that is not mirrored.
    assert unmoved.mean() < 0.2
    assert abs(plain.mean() - shifted.mean()) < 0.02


def test_rows_that_all_have_labels_need_no_entropy():
    for labels, terms in ((4000, True), (50_000, False)):
        cell = Cell(4, SEMI_SUPERVISED, "drmm_lenet", labels)
        algorithm = training.make_model(cell, 1, (32, 32, 3)).algorithm
        found = "entropy" in algorithm.weights, "marginal_kl" in algorithm.weights
        assert found == (terms, terms)
        # Colour images are not disturbed by noise.
        assert algorithm.augmentation is None


@pytest.mark.smoke
def test_error_is_the_share_of_wrong_classes():
    logits = np.eye(4)[[0, 1, 2, 3, 0, 0, 0, 0]]
    model = SimpleNamespace(predict=lambda x, **_: logits)
    assert measure.error(model, None, np.array([0, 1, 2, 3, 1, 1, 1, 0])) == 37.5


LABELS = np.arange(6000) % 3
IMAGES = np.random.default_rng(0).integers(0, 256, (6000, 2, 2), dtype="uint8")


def seen_in_an_epoch(dataset):
    """Return the numbers of labelled and of unlabelled rows in an epoch."""
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
        # All labels except those of validation images, and all labels.
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
    log = training.EpochLog(None, None, epochs)
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
        (1, "semi-supervised, shift", "drmm_conv_small", 100, 4),
        (1, "semi-supervised, second network", "drmm_conv_small", 100, 3),
        (5, "labeled-only", "drmm_conv_small", 100, 500),
        (5, "labeled-only", "rfm", 1000, 250),
        (5, "labeled-only", "convnet_1", 3000, 83),
        (3, "supervised", "rfm", 60_000, 10),
        (3, "supervised", "convnet", 60_000, 5),
        (3, "semi-supervised", "drmm_lenet", 60_000, 10),
        (4, "semi-supervised", "drmm_lenet", 4000, 30),
        (4, "semi-supervised", "drmm_conv_large", 4000, 6),
        (4, "semi-supervised", "drmm_conv_large", 50_000, 6),
        (4, "supervised", "convnet_9", 50_000, 6),
        (4, "supervised", "convnet_9", 4000, 50),
        (4, "supervised", "convnet_2", 50_000, 30),
    ],
)
def test_epochs_by_default(table, setting, model, labels, epochs):
    assert training.default_epochs(Cell(table, setting, model, labels)) == epochs


def test_fixmatch_and_mean_teacher_are_told_of_the_nuisances():
    for name, term, weak in (
        ("fixmatch", "unlabelled 1", ", weakly Pose"),
        ("mean_teacher", "consistency", ""),
    ):
        cell = Cell(1, SEMI_SUPERVISED, name, 100)
        words = training.objective_of(training.make_model(cell, 10, (28, 28, 1)))
        assert words.startswith(f"cross_entropy 1, {term}")
        assert words.endswith(f", Pose and RandomErasing{weak}")


@pytest.mark.smoke
def test_the_objective_in_words_is_that_of_the_model():
    model = zoo.rfm((12, 12, 1))
    model.compile(algorithm=EG(reconstruction=0, entropy=0.25, nonnegativity=0))
    assert training.objective_of(model) == (
        "cross_entropy 1, entropy 0.25, marginal_kl 1"
    )
    found = [
        training.objective_of(
            training.make_model(Cell(1, setting, name, 100), 10, (28, 28, 1))
        )
        for setting, name in (
            ("semi-supervised", "rfm"),
            ("semi-supervised, nuisances", "drmm_conv_small"),
            ("semi-supervised", "pseudo_label"),
            ("labeled-only", "convnet_1"),
            ("labeled-only", "rfm"),
        )
    ]
    assert found[0].endswith("consistency 2, GaussianNoise")
    assert found[1].endswith("consistency 1, Pose and RandomErasing")
    assert found[2].startswith("cross_entropy 1, pseudo_label ")
    assert found[3] == "cross_entropy 1"
    # Every row has a label.
    assert "entropy" not in found[4].replace("cross_entropy", "")
    assert "marginal_kl" not in found[4]


def settings_of(setting, name, **changes):
    """The settings of a run of 7 epochs, of a cell of small images."""
    cell = Cell(1, setting, name, 100)
    model = training.make_model(cell, 10, (28, 28, 1))
    if changes:
        model.compile(model.optimizer, algorithm=EG(**changes))
    text = training.settings_json(cell, model, 7, "mixed_bfloat16")
    found = json.loads(text)
    assert text == json.dumps(found, sort_keys=True)
    assert (found["epochs"], found["dtype"]) == (7, "mixed_bfloat16")
    return found


@pytest.mark.smoke
def test_settings_are_those_that_the_model_learned_by():
    found = settings_of("semi-supervised", "rfm")
    assert found == {
        "objective": {
            "cross_entropy": 1.0,
            "reconstruction": 0.05,
            "entropy": 1.0,
            "marginal_kl": 1.0,
            "consistency": 2.0,
            "augmentation": "GaussianNoise",
            "augmentation_divisor": 2,
            "render_divisor": 64,
            "warmup_steps": 1000,
        },
        "optimizer": {"name": "Adam", "learning_rate": 4e-3},
        "epochs": 7,
        "dtype": "mixed_bfloat16",
    }
    changed = settings_of("semi-supervised", "rfm", entropy=0.25, warmup_steps=9)
    assert changed["objective"]["entropy"] == 0.25
    assert changed["objective"]["warmup_steps"] == 9
    assert changed["objective"]["augmentation"] is None
    covered = settings_of("semi-supervised, nuisances", "drmm_lenet")["objective"]
    assert covered["augmentation"] == "Pose and RandomErasing"
    assert "augmentation_divisor" not in covered
    deep = settings_of("semi-supervised", "drmm_conv_small")["objective"]
    assert (deep["augmentation_divisor"], deep["entropy"]) == (3, 4.0)
    pretrained = settings_of("unsupervised-pretraining", "rfm")["pretraining"]
    assert (pretrained["images"], pretrained["sweeps"]) == (10_000, 5)


@pytest.mark.smoke
def test_settings_of_a_baseline_are_its_terms():
    """What it does not have is absent."""
    found = settings_of("semi-supervised", "pseudo_label")
    assert found["objective"] == {
        "cross_entropy": 1.0,
        "pseudo_label": 3.0,
        "augmentation": None,
    }
    assert found["optimizer"] == {"name": "Adam", "learning_rate": 2e-3}
    convnet = settings_of("labeled-only", "convnet_1")
    assert convnet["objective"] == {"cross_entropy": 1.0, "augmentation": None}
    assert set(convnet) == {"objective", "optimizer", "epochs", "dtype"}


def test_augmentation_covers_a_rectangle():
    """Its sides are a fifth to half of the image's, and each image has its own."""
    images = np.ones((200, 20, 20, 1), "float32")
    layer = augmentations.image_augmentation(seed=1)
    # The pose is left out, as it moves the border into the image.
    (_, covering) = layer.layers
    seen = covering(keras.ops.convert_to_tensor(images), training=True)
    covered = keras.ops.convert_to_numpy(seen)[..., 0] == 0
    heights, widths = covered.any(2).sum(1), covered.any(1).sum(1)
    np.testing.assert_array_equal(covered.sum((1, 2)), heights * widths)
    assert {*heights, *widths} == set(range(4, 11))
    assert len({rectangle.tobytes() for rectangle in covered}) > 150
    np.testing.assert_array_equal(layer(images, training=False), images)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("setting", "model", "labels", "noise"),
    [
        ("unsupervised-pretraining", "rfm", 100, 1.0),
        ("unsupervised-pretraining", "rfm", 600, 0.8),
        ("unsupervised-pretraining", "rfm", 1000, 0.4),
        ("unsupervised-pretraining", "drmm_conv_small", 100, 0.4),
        ("semi-supervised", "rfm", 100, 0.4),
    ],
)
def test_few_labels_above_pre_trained_templates_are_learned_under_more_noise(
    setting, model, labels, noise
):
    cell = Cell(1, setting, model, labels)
    made = training.make_model(cell, 10, (28, 28, 1))
    assert made.algorithm.augmentation.stddev == pytest.approx(noise)
    own = getattr(zoo, model)((28, 28, 1)).algorithm.augmentation
    assert own.stddev == pytest.approx(training.ZOO_NOISE)
    settings = json.loads(training.settings_json(cell, made, 3, "float32"))
    assert settings.get("noise", 0.4) == pytest.approx(noise)
