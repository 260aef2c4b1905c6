"""Calibration, intervals, rejection and pseudo-labels, against computations by hand."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

from keras_drmm.evaluation import (
    calibration_error,
    confidence_interval,
    pseudo_label_quality,
    reject_curve,
    suspicious_labels,
)

RNG = np.random.default_rng(0)
P = softmax(2 * RNG.normal(size=(200, 4)), axis=1)
Y = RNG.integers(0, 4, 200)


def ece_by_hand(probabilities, labels, bins=15):
    """Bin by bin, as the equation reads."""
    total = 0.0
    for m in range(bins):
        inside = [
            i
            for i, row in enumerate(probabilities)
            if m / bins < max(row) <= (m + 1) / bins
        ]
        if inside:
            right = [probabilities[i].argmax() == labels[i] for i in inside]
            sure = [max(probabilities[i]) for i in inside]
            total += len(inside) * abs(np.mean(right) - np.mean(sure))
    return total / len(labels)


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_calibration_error_is_its_equation(bins):
    expected = ece_by_hand(P, Y, bins)
    assert calibration_error(P, Y[:, None], bins) == pytest.approx(expected, rel=1e-9)


def test_calibration_error_of_known_cases():
    sure = np.eye(3)[[0, 1, 2, 2]]
    assert calibration_error(sure, [0, 1, 2, 2]) == 0
    assert calibration_error(sure, [1, 2, 0, 0]) == 1
    # A confidence at the edge of two bins belongs to the lower one: both gaps count.
    edge = np.array([[0.6, 0.4], [0.7, 0.3]])
    assert calibration_error(edge, [0, 1], bins=5) == pytest.approx((0.4 + 0.7) / 2)
    # Half precision is as good; a sum a little above 1 is in the last bin.
    assert calibration_error(np.array([[1.001, 0.0]]), [0]) == pytest.approx(0.001)


def test_confidence_interval_is_wilson_s():
    for errors, total, level in ((3, 40, 0.95), (0, 10, 0.9), (10, 10, 0.5)):
        z, p = norm.ppf((1 + level) / 2), errors / total
        centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
        half = np.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
        half *= z / (1 + z**2 / total)
        found = confidence_interval(errors, np.int64(total), level)
        expected = (centre - half, centre + half)
        assert found == pytest.approx(expected, abs=1e-9)
    assert confidence_interval(5, 30) == confidence_interval(5, 30, level=0.95)


def test_reject_curve_counts_errors_of_the_surest_rows():
    curve = reject_curve(P, Y)
    confidence = P.max(axis=1)
    for k, threshold in enumerate(curve["threshold"]):
        kept = confidence >= threshold
        wrong = (P[kept].argmax(axis=1) != Y[kept]).mean()
        assert curve["answered"][k] == pytest.approx(kept.mean())
        assert curve["error"][k] == pytest.approx(wrong)
    assert len(curve["threshold"]) == 200
    assert (np.diff(curve["threshold"]) < 0).all()


def test_rows_of_equal_confidence_are_answered_together():
    curve = reject_curve([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]], [0, 0, 0])
    np.testing.assert_allclose(curve["threshold"], [0.9, 0.6])
    np.testing.assert_allclose(curve["answered"], [2 / 3, 1])
    np.testing.assert_allclose(curve["error"], [1 / 2, 1 / 3])


def test_pseudo_labels_are_counted_above_thresholds():
    labels = np.where(np.arange(200) < 120, Y, -1)
    thresholds = [0, 0.5, 0.75, 1]
    quality = pseudo_label_quality(P, labels, thresholds)
    for k, threshold in enumerate(thresholds):
        above = [i for i in range(200) if max(P[i]) >= threshold]
        known = [i for i in above if i < 120]
        assert quality["share"][k] == pytest.approx(len(above) / 200)
        assert quality["known"][k] == len(known)
        right = [P[i].argmax() == Y[i] for i in known]
        expected = np.mean(right) if known else np.nan
        assert quality["accuracy"][k] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(quality["accuracy"][-1])
    # A confidence that is the threshold is above it.
    at = pseudo_label_quality([[0.75, 0.25]], [0], [0.75])
    assert at["share"] == at["known"] == 1
    assert pseudo_label_quality(P, Y)["threshold"].tolist() == [
        *(0.5, 0.8, 0.9),
        *(0.95, 0.99),
    ]


def test_planted_wrong_labels_come_first():
    true = np.arange(120) % 3
    probabilities = softmax(4 * np.eye(3)[true] + RNG.normal(size=(120, 3)), axis=1)
    labels = true.copy()
    planted = [7, 30, 64, 101]
    labels[planted] = (true[planted] + 1) % 3
    labels[[50, 51]] = -1
    found = suspicious_labels(probabilities, labels, count=4)
    assert sorted(found["row"]) == planted
    assert found["flagged"].all()
    np.testing.assert_array_equal(found["suggested"], true[found["row"]])
    np.testing.assert_array_equal(found["label"], labels[found["row"]])
    everything = suspicious_labels(probabilities, labels, count=500)
    known = np.setdiff1d(np.arange(120), [50, 51])
    assert sorted(everything["row"]) == known.tolist()
    assert len(suspicious_labels(probabilities, labels)["row"]) == 25


def test_labels_are_compared_with_others_of_their_class():
    """By hand: class 0 is never sure, and 2 has no labels."""
    probabilities = np.array(
        [
            [0.50, 0.25, 0.25],
            [0.48, 0.27, 0.25],
            [0.01, 0.98, 0.01],
            [0.43, 0.55, 0.02],
            [0.60, 0.37, 0.03],
        ]
    )
    found = suspicious_labels(probabilities, [0, 0, 1, 1, 1], count=5)
    first, second = 0.49, (0.98 + 0.55 + 0.37) / 3
    assert found["row"].tolist() == [4, 3, 1, 0, 2]
    np.testing.assert_allclose(
        found["threshold"], [second, second, first, first, second]
    )
    np.testing.assert_allclose(found["probability"], [0.37, 0.55, 0.48, 0.5, 0.98])
    # Row 4 reaches the threshold of class 0; row 3 reaches none, row 1 neither.
    assert found["flagged"].tolist() == [True, False, False, False, False]
    assert found["suggested"].tolist() == [0, 0, 1, 1, 0]
