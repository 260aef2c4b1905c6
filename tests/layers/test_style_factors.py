"""Factors given style and class: the regression of scikit-learn, and draws."""

import keras
import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression

from keras_drmm.layers import StyleFactors

RANDOM = np.random.default_rng(0)
CLASSES = np.arange(300) % 3
STYLES = RANDOM.normal(size=(300, 2)) + CLASSES[:, None]
FACTORS = STYLES @ RANDOM.normal(size=(2, 4)) + CLASSES[:, None] ** 2
FACTORS += 0.3 * RANDOM.normal(size=(300, 4)) @ RANDOM.normal(size=(4, 4))


def fitted(styles, variances, classes, factors):
    layer = StyleFactors(num_classes=3, style_size=2, num_factors=4)
    layer.fit(styles, variances, classes, factors)
    return layer


@pytest.mark.smoke
def test_sure_styles_give_the_usual_regression():
    layer = fitted(STYLES, np.zeros_like(STYLES), CLASSES, FACTORS)
    given = np.concatenate([STYLES, np.eye(3)[CLASSES]], axis=1)
    usual = LinearRegression(fit_intercept=False).fit(given, FACTORS)
    wanted = usual.predict(given)
    np.testing.assert_allclose(layer.mean(STYLES, CLASSES), wanted, atol=1e-4)
    rest = FACTORS - wanted
    density = stats.multivariate_normal(cov=rest.T @ rest / len(rest))
    found = layer.log_prob(FACTORS, STYLES, CLASSES)
    np.testing.assert_allclose(found, density.logpdf(rest), rtol=1e-3, atol=1e-3)
    one = layer.log_prob(FACTORS[:1], STYLES[:1], CLASSES[:1])
    np.testing.assert_allclose(one, found[:1])


def test_unsure_styles_count_as_many_draws_of_them():
    variances = RANDOM.uniform(0.1, 1.0, STYLES.shape)
    layer = fitted(STYLES, variances, CLASSES, FACTORS)
    # A draw and its mirror image: each class has the mean of its posterior means.
    noise = np.sqrt(variances) * RANDOM.normal(size=(500, *STYLES.shape))
    draws = STYLES + np.concatenate([noise, -noise])
    drawn = fitted(
        draws.reshape(-1, 2),
        np.zeros((draws[..., 0].size, 2)),
        np.tile(CLASSES, 1000),
        np.tile(FACTORS, (1000, 1)),
    )
    for found, wanted in zip(layer.get_weights(), drawn.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0.02, atol=0.02)


def test_without_a_fit_factors_are_those_of_the_paper():
    layer = StyleFactors(3, 2, 4)
    np.testing.assert_array_equal(layer.mean(STYLES, CLASSES), 0)
    wanted = stats.norm.logpdf(FACTORS).sum(axis=1)
    np.testing.assert_allclose(layer.log_prob(FACTORS, STYLES, CLASSES), wanted)
    same = keras.layers.deserialize(keras.layers.serialize(layer))
    assert same.get_config() == layer.get_config()
