"""Arrays that are no logits, probabilities or labels: the error shows the value."""

import numpy as np
import pytest

from keras_drmm import evaluation as e

P = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
Y = np.array([0, 1, 1])
BOTH = [
    e.calibration_error,
    e.reject_curve,
    e.pseudo_label_quality,
    e.suspicious_labels,
]


def fit(logits, labels):
    return e.TemperatureScaling().fit(logits, labels)


def write(probabilities):
    e.write_annotation_csv("a.csv", [1, 2, 3], probabilities)


def transform(logits):
    return fit(P, Y).transform(logits)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (P[0], r"got shape \(2,\)"),
        (P[:, :1], r"at least two classes, got shape \(3, 1\)"),
        (P[:0], r"got shape \(0, 2\)"),
        ([[0.5, np.nan], [0.5, 0.5], [0, 1]], r"finite, got \[0.5, nan\] in row 0"),
        (P.astype(complex), "real numbers, got an array of complex128"),
        ("P", "got 'P'"),
    ],
)
def test_no_rows_of_numbers(bad, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for function in (*BOTH, fit):
        with pytest.raises(ValueError, match=message):
            function(bad, Y)
    for function in (e.images_to_label, write, transform):
        with pytest.raises(ValueError, match=message):
            function(bad)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [5 * P, P - 0.1, np.array([[1.5, -0.5]] * 3)])
def test_no_probabilities(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = f"got values from {bad.min()} to {bad.max()} and sums.*scipy.special"
    for function in BOTH:
        with pytest.raises(ValueError, match=message):
            function(bad, Y)
    for function in (e.images_to_label, write):
        with pytest.raises(ValueError, match=message):
            function(bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([0, 1, 2], "to 1, got values from 0 to 2"),
        ([0, 1, -2], "got values from -2 to 1"),
        ([0, 1], r"each of the 3 images, got shape \(2,\)"),
        ([0.0, 1.0, 1.0], "got dtype float64"),
        (["a", "b", "a"], "`labels` must be an array of numbers"),
        ([-1, -1, -1], "-1"),
    ],
)
def test_no_labels(bad, message):
    for function in (*BOTH, fit):
        with pytest.raises(ValueError, match=message):
            function(P, bad)


def test_where_every_label_must_be_known():
    for function in (e.calibration_error, e.reject_curve):
        with pytest.raises(ValueError, match="got 2 that are -1"):
            function(P, [-1, 0, -1])
    for function in (e.pseudo_label_quality, e.suspicious_labels, fit):
        function(P, [-1, 1, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: e.calibration_error(P, Y, bins=0), "`bins` .* got 0"),
        (lambda: e.confidence_interval(5, 4), "`errors` must be at most .* 4, got 5"),
        (lambda: e.confidence_interval(-1, 4), "`errors` .* got -1"),
        (lambda: e.confidence_interval(0, 0), "`total` .* got 0"),
        (lambda: e.confidence_interval(1, 4, 95), "`level` must be below 1, got 95"),
        (lambda: e.confidence_interval(1, 4, 0), "`level` .* got 0"),
        (lambda: e.pseudo_label_quality(P, Y, [90]), r"from 0 to 1, got \[90\]"),
        (lambda: e.pseudo_label_quality(P, Y, [-0.1]), r"from 0 to 1, got \[-0.1\]"),
        (lambda: e.pseudo_label_quality(P, Y, [np.nan]), r"from 0 to 1, got \[nan\]"),
        (lambda: e.pseudo_label_quality(P, Y, 0.9), "`thresholds` .* got 0.9"),
        (lambda: e.pseudo_label_quality(P, Y, ["a"]), "`thresholds` must be an array"),
        (lambda: e.pseudo_label_quality(P, Y, []), r"`thresholds` .* got \[\]"),
        (lambda: e.suspicious_labels(P, Y, count=0), "`count` .* got 0"),
        (lambda: e.images_to_label(P, count=0), "`count` .* got 0"),
        (lambda: e.images_to_label(P, seed=-1), "`seed` .* got -1"),
        (lambda: e.images_to_label(P, P[:2]), r"of the 3 images, got shape \(2, 2\)"),
        (lambda: e.images_to_label(P, [1, 2, 3]), r"got shape \(3,\)"),
        (lambda: e.images_to_label(P, P * np.inf), "`features` must be finite"),
        (lambda: e.write_annotation_csv("a", [1], P), r"each of the 3 rows .* \[1\]"),
        (
            lambda: e.write_annotation_csv("a", Y, P, class_names=["a"]),
            "2 different strings",
        ),
    ],
)
def test_other_arguments(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        call()
    assert not list(tmp_path.iterdir())


def test_a_path_is_needed():
    with pytest.raises(TypeError, match="`path` must be the path of a file, got 5"):
        e.write_annotation_csv(5, Y, P)
