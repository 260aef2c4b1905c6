"""Max-sum inference finds the best of all configurations, where the paper says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_drmm import DRMM, Level
from tests.models.enumeration import SmallLevel, best_of_all

# (image size, levels as (kernel size, padding, pool size, filters), top map size)
ARCHITECTURES = {
    "one level, one cell": ((2, 2, 1), [(1, "same", 2, 2)], (1, 1)),
    "one level, overlapping templates": ((4, 4, 1), [(3, "same", 2, 1)], (2, 2)),
    "one level, switches alone": ((3, 3, 2), [(2, "valid", 1, 2)], (2, 2)),
    "one level, two channels": ((3, 3, 2), [(2, "valid", 2, 3)], (1, 1)),
    "two levels": ((4, 4, 1), [(3, "same", 2, 1), (1, "same", 2, 1)], (1, 1)),
    "two levels, valid": ((4, 4, 1), [(3, "valid", 2, 2), (1, "same", 1, 2)], (1, 1)),
    "two levels, wide": ((3, 3, 1), [(2, "valid", 2, 1), (1, "same", 1, 3)], (1, 1)),
}


def random_model(architecture, rng, signed):
    """A DRMM with random weights, and the same as NumPy arrays."""
    image_shape, configuration, top_size = ARCHITECTURES[architecture]
    levels, small, channels = [], [], image_shape[-1]
    for size, padding, cell, filters in configuration:
        kernel = rng.normal(size=(size, size, channels, filters))
        small.append(
            SmallLevel(
                kernel if signed else np.abs(kernel),
                rng.normal(size=filters) * 0.3,
                cell,
                padding,
            )
        )
        levels.append(Level(filters, size, padding=padding, pool_size=cell))
        channels = filters
    model = DRMM(
        levels,
        num_classes=3,
        input_shape=image_shape,
        # The sign condition is under test, so nothing may enforce it.
        rectify=False,
        pixel_range=(-10, 10),
    )
    templates = rng.normal(size=(channels, 3))
    templates = templates if signed else np.abs(templates)
    prior = rng.dirichlet(np.ones(3))
    for level, weights in zip(model.levels, small, strict=True):
        level.conv.kernel.assign(weights.kernel)
        level.conv.bias.assign(weights.bias)
    model.templates.templates.assign(templates)
    model.templates.prior.assign(prior)
    image = rng.normal(size=image_shape)
    best = best_of_all(image, small, templates, np.log(prior), top_size)
    return model, image.astype("float32"), best


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_nonnegative_inference_equals_enumeration(architecture, seed):
    """7 architectures x 30 seeds: scores, class and image of the best (c, g)."""
    rng = np.random.default_rng(seed)
    model, image, (scores, images) = random_model(architecture, rng, signed=False)
    found = model.infer(image[None])
    np.testing.assert_allclose(found.logits[0], scores, rtol=1e-4, atol=1e-4)
    assert found.classes[0] == np.argmax(scores)
    np.testing.assert_allclose(
        found.reconstruction[0], images[np.argmax(scores)], rtol=1e-4, atol=1e-4
    )


def test_sign_condition_matters():
    """With templates of both signs the bottom-up pass misses the best configuration."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(20):
        model, image, (scores, _) = random_model("two levels", rng, signed=True)
        logits = model.infer(image[None]).logits[0]
        # It is a configuration's score still, so it never exceeds the best one's.
        assert np.all(logits <= scores + 1e-4)
        missed += np.any(logits < scores - 1e-3)
    assert missed >= 10
