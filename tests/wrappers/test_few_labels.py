"""DRMMClassifier on few rows and few labels: how long it learns, and what it tells."""

import dataclasses
import re
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_drmm import DRMM
from tests.wrappers.test_drmm_classifier import (
    DIGITS,
    few_digits,
    fitted,
    for_digits,
    one_level,
)

pytestmark = pytest.mark.once


def test_one_label_of_each_class_teaches():
    """Much better than the three labelled images alone, for as many steps."""
    X, y = DIGITS
    classes, scores = (0, 1, 4), []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        of_each = [rng.permutation(np.flatnonzero(y == c)) for c in classes]
        rows, first = np.concatenate(of_each), np.cumsum([0, *map(len, of_each[:2])])
        images, truth = X[rows], np.searchsorted(classes, y[rows])
        shown = np.full(len(rows), -1)
        shown[first] = truth[first]
        ours = fitted(images, shown, for_digits, epochs=20, random_state=seed)
        alone = fitted(
            images[first],
            shown[first],
            for_digits,
            epochs=int(keras.ops.convert_to_numpy(ours.model_.optimizer.iterations)),
            random_state=seed,
        )
        rest = shown < 0
        right = [np.mean(v.predict(images[rest]) == truth[rest]) for v in (ours, alone)]
        scores.append(right)
    (ours, alone) = np.mean(scores, axis=0)
    assert ours > 0.93
    assert ours > alone + 0.1


def test_few_rows_get_more_epochs_by_default(monkeypatch):
    X, y = few_digits()
    epochs = []

    def fit(self, dataset, **options):
        epochs.append((options["epochs"], len(dataset)))
        return SimpleNamespace(history={})

    monkeypatch.setattr(DRMM, "fit", fit)
    fitted(X, y, None)
    fitted(X, y, None, batch_size=10)
    fitted(np.tile(X, (200, 1, 1)), np.tile(y, 200), None)
    # A model that is given may learn by EM.
    fitted(X, y, one_level)
    fitted(X, y, None, epochs=3)
    (one, batches), (many, parts), (large, _), given, said = epochs
    assert (one, batches) == (1000, 1)
    assert many == int(np.ceil(1000 / parts)) < 1000
    assert large == given[0] == 10
    assert said[0] == 3


@pytest.mark.parametrize(("marginal_kl", "warns"), [(1.0, True), (0.0, False)])
def test_labels_of_other_shares_than_images_are_told(marginal_kl, warns):
    """Ten labels of two digits each, but nine times as many images of one."""
    X, y = DIGITS
    many, few = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    rows = np.concatenate([many[:145], few[:25]])
    shown = np.full(170, -1)
    shown[:10], shown[145:155] = 0, 1

    def pulled(image_shape, num_classes):
        model = one_level(image_shape, num_classes)
        algorithm = dataclasses.replace(model.algorithm, marginal_kl=marginal_kl)
        model.compile(keras.optimizers.Adam(0.02), algorithm=algorithm)
        return model

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier = fitted(X[rows], shown, pulled, epochs=20)
    told = [str(v.message) for v in caught if "other shares" in str(v.message)]
    assert len(told) == warns
    # It learned them nevertheless.
    assert np.mean(classifier.transduction_ == y[rows]) > 0.9
    if warns:
        shares = re.findall(r"\[(.*?)\]", told[0])
        assert shares[0] == "0.5, 0.5"
        ours = [float(v) for v in shares[1].split(", ")]
        np.testing.assert_allclose(ours, [0.9, 0.1], atol=0.1)
        assert "EG(marginal_kl=0)" in told[0]
