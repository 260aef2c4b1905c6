"""Probes find what was planted in messages, and as much as scikit-learn by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold

from keras_drmm import DRMM, Level
from keras_drmm.analysis import probe_nuisances
from tests.analysis.test_active_paths import with_random_weights

pytestmark = pytest.mark.smoke
ROWS = 90
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((ROWS, 6, 6, 1)).astype("float32")


def build():
    levels = [Level(4, 3, pool_size=2), Level(3, 2)]
    return with_random_weights(DRMM(levels, (6, 6, 1), 3))


def by_hand(units, values, penalty, seed):
    """Return R² or accuracy, the mean over 5 folds, of standardised units."""
    is_class = values.dtype.kind == "i"
    split = (StratifiedKFold if is_class else KFold)(5, shuffle=True, random_state=seed)
    found = []
    for fitted, held_out in split.split(units, values):
        deviation = units[fitted].std(axis=0)
        scale = np.where(deviation > 0, deviation, 1)
        x = (units - units[fitted].mean(axis=0)) / scale
        if is_class:
            probe = LogisticRegression(C=0.01, max_iter=1000)
            answers = probe.fit(x[fitted], values[fitted]).predict(x[held_out])
            found.append(np.mean(answers == values[held_out]))
            continue
        told = Ridge(penalty).fit(x[fitted], values[fitted]).predict(x[held_out])
        error = np.square(values[held_out] - told).sum()
        middle = values[held_out].mean(axis=0)
        found.append(1 - error / np.square(values[held_out] - middle).sum())
    return np.mean(found)


def test_scores_are_those_of_scikit_learn_by_hand(monkeypatch):
    monkeypatch.setattr("keras_drmm.analysis.nuisance_probe._PENALTIES", [3.0])
    model = build()
    angle = RANDOM.uniform(0, 6, ROWS)
    light = IMAGES.mean(axis=(1, 2, 3)).astype("float64")
    factors = {
        "class": np.arange(ROWS) % 3,
        "light": light,
        "angle": np.stack([np.sin(angle), 3 * np.cos(angle)], axis=1),
    }
    found = probe_nuisances(model, IMAGES, factors, seed=4)
    messages = model.infer(IMAGES).messages
    assert list(found) == list(factors)
    for name, values in factors.items():
        wanted = [
            by_hand(m.reshape(ROWS, -1).astype("float64"), values, 3.0, 4)
            for m in messages
        ]
        np.testing.assert_allclose(found[name], wanted, rtol=1e-5)
    # Light is the mean of the pixels, and the others are noise.
    assert found["light"][0] > 0.9
    assert found["angle"].max() < 0.3


def test_a_projection_keeps_distances_and_sees_no_image():
    """Many units: the probe of what a few numbers carry is nearly as good."""
    from keras_drmm.analysis.nuisance_probe import _project

    units = RANDOM.normal(size=(40, 3000)).astype("float32") + 5
    found = _project(units, 1000, 2)
    assert found.shape == (40, 1000)
    np.testing.assert_array_equal(_project(units, 1000, 2), found)
    assert not np.allclose(_project(units, 1000, 3), found)
    # It is one linear map: half an image's difference is half of what it is mapped to.
    halves = _project(np.concatenate([units, units / 2]), 1000, 2)
    np.testing.assert_allclose(
        halves[40] - halves[41], (halves[0] - halves[1]) / 2, rtol=1e-3, atol=1e-2
    )
    before = np.linalg.norm(units[:, None] - units, axis=2)
    after = np.linalg.norm(found[:, None] - found, axis=2) / np.sqrt(1000)
    off = ~np.eye(40, dtype=bool)
    np.testing.assert_allclose(after[off], before[off], rtol=5 * np.sqrt(2 / 1000))
    # Few units stay as they are.
    np.testing.assert_array_equal(_project(units[:, :7], 7, 2), units[:, :7])


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({}, "`factors` must be"),
        ({"a": np.zeros(ROWS)}, "vary over images"),
        ({"a": np.full(ROWS, np.nan)}, "finite"),
        ({"a": np.arange(ROWS - 1)}, "for N = 90 images"),
        ({"a": np.zeros((ROWS, 2), int)}, "for N = 90 images"),
        ({"a": np.arange(ROWS)}, "each class at least 5 times"),
    ],
)
def test_bad_factors_are_named(factors, message):
    with pytest.raises(ValueError, match=message):
        probe_nuisances(build(), IMAGES, factors)


def test_numbers_need_two_images_in_each_fold():
    factors = {"light": np.arange(5.0)}
    with pytest.raises(ValueError, match="must be at least 6, two for each"):
        probe_nuisances(build(), IMAGES[:5], factors, folds=3)
    found = probe_nuisances(build(), IMAGES[:5], factors, folds=2)
    assert np.isfinite(found["light"]).all()
