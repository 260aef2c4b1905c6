"""The prior of switches against the independent prior and against NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, Level
from keras_drmm.layers.switch_prior import SwitchPrior, geometry_of


def build(data_format="channels_last"):
    """A model of odd geometry with priors of its own, and a prior of its switches."""
    keras.utils.set_random_seed(0)
    levels = [
        Level(3, 3, strides=2, padding="valid", pool_size=2, data_format=data_format),
        Level(4, 2, padding="full", pool_size=(1, 2), data_format=data_format),
    ]
    shape = (15, 14, 1) if data_format == "channels_last" else (1, 15, 14)
    model = DRMM(levels, shape, num_classes=3)
    random = np.random.default_rng(0)
    for prior in model.nuisance_priors:
        p = random.uniform(0.1, 1, prior.probabilities.shape)
        prior.probabilities.assign(p / p.sum(axis=0))
    prior = SwitchPrior(geometry_of(levels), 3, 5, 6, data_format=data_format)
    prior.build(model.message_shapes)
    return model, prior


def randomize(prior):
    random = np.random.default_rng(1)
    for head in prior.heads:
        head.kernel.assign(random.normal(size=head.kernel.shape))
        head.bias.assign(random.normal(size=head.bias.shape))


STYLES = np.random.default_rng(2).normal(size=(4, 5)).astype("float32")
# TensorFlow has no channels_first convolution on CPUs.
FORMATS = ["channels_last"]
if keras.backend.backend() != "tensorflow":
    FORMATS.append("channels_first")


@pytest.mark.smoke
@pytest.mark.parametrize("data_format", FORMATS)
def test_without_heads_it_is_the_independent_prior(data_format):
    model, prior = build(data_format)
    for head in prior.heads:
        head.kernel.assign(np.zeros(head.kernel.shape))
    switches = model.sample_switches(4, seed=0)
    odds = prior(STYLES, model.independent_log_odds())
    found = prior.log_prob([ops.convert_to_tensor(s) for s in switches], odds)
    pairs = zip(model.nuisance_priors, switches, strict=True)
    wanted = sum(p.log_prob(s) for p, s in pairs)
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-4)


@pytest.mark.parametrize("data_format", FORMATS)
def test_log_prob_mode_and_draws_are_those_of_the_log_odds(data_format):
    model, prior = build(data_format)
    randomize(prior)
    odds = prior(STYLES, model.independent_log_odds())
    # OFF first, positions last of all axes: (B, h, w, C, states).
    p = []
    for level in map(ops.convert_to_numpy, odds):
        level = np.moveaxis(level, prior.state_axis, -1).astype("float64")
        states = np.exp(np.concatenate([0 * level[..., :1], level], axis=-1))
        p.append(states / states.sum(axis=-1, keepdims=True))
    # They depend on the style.
    assert np.ptp(p[0], axis=0).max() > 0.1
    for mode, level in zip(prior.mode(odds), p, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(mode), level.argmax(-1) - 1)
    random = np.random.default_rng(3)
    drawn = prior.sample(odds, random)
    found = prior.log_prob([ops.convert_to_tensor(s) for s in drawn], odds)
    wanted = sum(
        np.log(np.take_along_axis(level, s[..., None].astype(int) + 1, -1)).sum(
            axis=(1, 2, 3, 4)
        )
        for level, s in zip(p, drawn, strict=True)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-4)
    draws = [prior.sample(odds, random) for _ in range(2000)]
    for n, level in enumerate(p):
        shares = np.mean([draw[n] == -1 for draw in draws], axis=0)
        np.testing.assert_allclose(shares, level[..., 0], atol=0.06)


def test_a_configuration_makes_it_again():
    _, prior = build()
    again = SwitchPrior.from_config(prior.get_config())
    assert again.get_config() == prior.get_config()
