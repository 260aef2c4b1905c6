"""The ways to a temperature: what each is given, and what is measured of it."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import auc

from keras_drmm import data, evaluation, zoo
from recipes import calibration

RNG = np.random.default_rng(0)


def drawn(probabilities):
    return np.array([RNG.choice(len(p), p=p) for p in probabilities])


class Sure:
    """Logits that are `factor` times those that labels are drawn from."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def predict(self, images, batch_size, verbose):
        pixels = np.asarray(images)[:, 0, 0, 0]
        return self.factor * np.stack([0 * pixels, 8 * pixels - 4], axis=1)


def test_agreement_is_the_temperature_of_the_other_one_s_answers():
    images = RNG.random((4000, 1, 1, 1))
    labels = drawn(softmax(Sure().predict(images, 1, 0), axis=1))
    found = calibration.agreement(Sure(3.0), images, labels)
    assert found == pytest.approx(3.0, rel=0.1)


def test_the_area_is_that_of_the_curve():
    labels = RNG.integers(0, 3, 200)
    p = softmax(2 * RNG.normal(size=(200, 3)) + np.eye(3)[labels], axis=1)
    sure = np.argsort(-p.max(axis=1))
    wrong = (p.argmax(axis=1) != labels)[sure]
    errors = 100 * np.cumsum(wrong) / np.arange(1, 201)
    assert calibration.area(p, labels) == pytest.approx(errors.mean())
    # By the trapezium rule about the same.
    assert calibration.area(p, labels) == pytest.approx(
        auc(np.arange(1, 201) / 200, errors), rel=0.05
    )


def test_rows_without_a_label_are_looked_at(monkeypatch):
    labels = np.where(np.arange(50) % 5, -1, 3)
    rows = calibration.choose_rows(labels, seed=0)
    assert sorted(rows) == np.flatnonzero(labels < 0).tolist()
    monkeypatch.setattr(calibration, "LOOKED_AT", 7)
    assert len(set(calibration.choose_rows(labels, seed=0))) == 7
    assert (labels[calibration.choose_rows(labels, seed=1)] < 0).all()


def test_each_way_is_a_row_and_hidden_labels_stay_hidden(monkeypatch):
    """A network that learns nothing, and a cross-validation that is looked at."""
    (x, y), test = data.load("mnist")
    test = test[0][:300], test[1][:300]
    monkeypatch.setattr(data, "load", lambda name: ((x, y), test))
    monkeypatch.setattr(calibration, "choose_backend", lambda name: None)
    monkeypatch.setattr(calibration.results, "origin", lambda backend: {})
    found: list = []
    monkeypatch.setattr(
        calibration.results, "record", lambda *given: found.append(given)
    )

    def cross_validated(build, images, labels, **options):
        assert (labels >= 0).sum() == 100
        assert len(images) == 300
        assert options == {"folds": 3, "epochs": 1, "seed": 5}
        assert build is zoo.drmm_lenet
        return 1.7

    monkeypatch.setattr(evaluation, "cross_validated_temperature", cross_validated)
    calibration.main(["--short", "--seed", "5", "--draw", "1"])
    assert [kept for *_, kept in found] == [False] * 4
    rows = {row["way"]: row for _, row, _ in found}
    assert list(rows) == ["none", "cross-validation", "moved copies", "test labels"]
    assert rows["none"]["temperature"] == 1
    assert rows["none"]["ece"] == rows["none"]["ece_unscaled"]
    assert rows["cross-validation"]["temperature"] == 1.7
    assert len({row["test_error"] for row in rows.values()}) == 1
    least = min(row["cross_entropy"] for row in rows.values())
    assert rows["test labels"]["cross_entropy"] == pytest.approx(least, abs=1e-4)
    assert rows["none"]["cross_entropy"] > least


def test_options():
    assert calibration.parse([]).preset is None
    assert calibration.parse(["--short"]).epochs == 1
    # Each has another one that learned the same labels.
    for name, other in calibration.SECOND.items():
        assert {name, other} <= set(zoo.presets())
        assert calibration.parse(["--preset", name]).preset == name
