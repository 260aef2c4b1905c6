"""Styles of classes against SciPy, and transport against what defines it."""

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_drmm.layers.class_styles import ClassStyles

RANDOM = np.random.default_rng(0)
CLASSES = np.arange(400) % 2
# Two classes, spread and tilted in different ways.
MEANS = np.stack([RANDOM.normal(size=(400, 2)), RANDOM.normal(size=(400, 2))], axis=0)
MEANS = np.where(CLASSES[:, None] == 0, MEANS[0] @ [[2, 1], [0, 1]] + 3, MEANS[1])
VARIANCES = RANDOM.uniform(0.1, 0.5, size=(400, 2))


def fitted(components=1):
    styles = ClassStyles(2, 2, components)
    styles.fit(MEANS, VARIANCES, CLASSES, np.random.default_rng(1))
    return styles


@pytest.mark.smoke
def test_the_closed_form_is_mean_and_covariance_plus_mean_variance():
    styles = fitted()
    for c in range(2):
        rows = c == CLASSES
        mean, covariance = styles.moments(c)
        spread = np.diag(VARIANCES[rows].mean(axis=0))
        np.testing.assert_allclose(mean, MEANS[rows].mean(axis=0), atol=1e-5)
        wanted = np.cov(MEANS[rows].T, bias=True) + spread
        np.testing.assert_allclose(covariance, wanted, atol=1e-3)


def test_log_prob_is_that_of_the_mixture():
    styles = fitted(components=3)
    found = styles.log_prob(MEANS[:20], CLASSES[:20])
    shares, means, covariances = map(
        ops.convert_to_numpy, (styles.shares, styles.means, styles.covariances)
    )
    for row, c in enumerate(CLASSES[:20]):
        densities = [
            stats.multivariate_normal(means[c, k], covariances[c, k]).pdf(MEANS[row])
            for k in range(3)
        ]
        assert found[row] == pytest.approx(np.log(shares[c] @ densities), rel=1e-4)


def test_samples_have_the_moments_of_their_class():
    styles = fitted(components=3)
    classes = np.arange(40000) % 2
    drawn = styles.sample(classes, np.random.default_rng(2))
    for c in range(2):
        mean, covariance = styles.moments(c)
        np.testing.assert_allclose(drawn[classes == c].mean(axis=0), mean, atol=0.1)
        found = np.cov(drawn[classes == c].T)
        np.testing.assert_allclose(found, covariance, rtol=0.1, atol=0.1)
    middles = np.stack([styles.moments(c)[0] for c in range(2)])[classes]
    wide = styles.sample(classes, np.random.default_rng(2), spread=3.0)
    np.testing.assert_allclose(wide - middles, 3 * (drawn - middles), atol=1e-4)


def test_transport_takes_one_gaussian_to_the_other_by_a_symmetric_map():
    styles = fitted()
    (mean_a, covariance_a), (mean_b, covariance_b) = map(styles.moments, (0, 1))
    # The images of the middle and of the unit vectors show the affine map.
    points = np.concatenate([[mean_b], mean_b + np.eye(2)])
    b, a = np.ones(3, int), np.zeros(3, int)
    middle, *ends = styles.transfer(points, b, a, method="transport")
    np.testing.assert_allclose(middle, mean_a, atol=1e-4)
    linear = np.array(ends) - middle
    np.testing.assert_allclose(linear, linear.T, atol=1e-4)
    moved = linear @ covariance_b @ linear.T
    np.testing.assert_allclose(moved, covariance_a, rtol=1e-3, atol=1e-3)


def test_posterior_is_the_mean_of_a_style_that_was_seen_blurred():
    """By the sum of precisions, from what the classes share of their middles."""
    styles = fitted()
    (mean_a, covariance_a), (mean_b, _) = map(styles.moments, (0, 1))
    points = np.random.default_rng(3).normal(size=(4, 2)) + MEANS[1]
    seen = 0.8 * mean_a + 0.2 * mean_b + points - mean_b
    precision, blur = np.linalg.inv(covariance_a), np.eye(2) / 0.45
    summed = (precision @ mean_a + seen @ blur).T
    wanted = np.linalg.solve(precision + blur, summed).T
    found = styles.transfer(points, np.ones(4, int), np.zeros(4, int))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_shift_only_moves_the_middle():
    styles = fitted()
    moved = styles.transfer(MEANS[1:2], [1], [0], method="shift")
    wanted = MEANS[1] - styles.moments(1)[0] + styles.moments(0)[0]
    np.testing.assert_allclose(moved[0], wanted, atol=1e-4)


def test_a_class_of_too_few_rows_changes_nothing():
    styles = ClassStyles(2, 2)
    rows = np.arange(400)[(CLASSES == 0) | (np.arange(400) == 1)]
    with pytest.raises(ValueError, match=r"Class 1 has 1 of the 201 .*at least 2"):
        styles.fit(MEANS[rows], VARIANCES[rows], CLASSES[rows], RANDOM)
    np.testing.assert_array_equal(ops.convert_to_numpy(styles.means), 0)
