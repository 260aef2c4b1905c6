"""Max-sum inference finds the best of all configurations, where the paper says so."""

import functools
import os

import keras
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


# What holds for any weights holds on any backend: PyTorch's run, which has the least
# to do for each operation, tries more.
_DEFAULT = "16" if keras.backend.backend() == "torch" else "8"
EXAMPLES = int(os.environ.get("EXACTNESS_EXAMPLES", _DEFAULT))


@functools.cache
def blank_model(architecture):
    """A DRMM, whose weights the next test replaces."""
    image_shape, configuration, _ = ARCHITECTURES[architecture]
    levels = [
        Level(filters, size, padding=padding, pool_size=cell)
        for size, padding, cell, filters in configuration
    ]
    return DRMM(levels, num_classes=3, input_shape=image_shape, pixel_range=(-10, 10))


def random_model(architecture, rng, signed):
    """A DRMM with random weights, and the same as NumPy arrays."""
    image_shape, configuration, top_size = ARCHITECTURES[architecture]
    small, channels = [], image_shape[-1]
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
        channels = filters
    model = blank_model(architecture)
    model.nonnegative = not signed
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
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32 - 1))
def test_nonnegative_inference_equals_enumeration(architecture, seed):
    """7 architectures x 8 to 30 seeds: scores, class and image of the best (c, g)."""
    rng = np.random.default_rng(seed)
    model, image, (scores, images) = random_model(architecture, rng, signed=False)
    found = model.infer(image[None])
    np.testing.assert_allclose(found.logits[0], scores, rtol=1e-4, atol=1e-4)
    assert found.classes[0] == np.argmax(scores)
    np.testing.assert_allclose(
        found.reconstruction[0], images[np.argmax(scores)], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("architecture", "share"),
    [("one level, two channels", 1), ("two levels", 0.6), ("two levels, wide", 0.6)],
)
def test_signed_inference_climbs_to_the_best(architecture, share):
    """Of 12 models: no alternation lowers the score; of one level all reach the top."""
    rng = np.random.default_rng(0)
    reached = 0
    for _ in range(12):
        model, image, (scores, images) = random_model(architecture, rng, signed=True)
        path = []
        for model.alternations in (0, 1, 2, 3):  # The default comes last.
            found = model.infer(image[None])
            path.append(found.logits[0, found.classes[0]])
            # It is the score of a configuration, so never above the best one's.
            assert path[-1] <= scores.max() + 1e-4
        assert np.all(np.diff(path) >= -1e-5)
        if path[-1] > scores.max() - 1e-4:
            reached += 1
            best = images[np.argmax(scores)]
            rendered = found.reconstruction[0]
            np.testing.assert_allclose(rendered, best, rtol=1e-4, atol=1e-4)
    assert reached >= share * 12


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_signed_inference_equals_the_nonnegative_where_nothing_is_negative(
    architecture,
):
    model, image, _ = random_model(architecture, np.random.default_rng(1), signed=False)
    expected = model.infer(image[None])
    model.nonnegative = False
    found = model.infer(image[None])
    # What nothing asked for stays None: factors, and a nuisance's logits.
    assert found[-2:] == expected[-2:] == (None, None)
    for ours, theirs in zip(found[:-2], expected[:-2], strict=True):
        keras.tree.map_structure(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
            ours,
            theirs,
        )


def test_rendering_is_the_sum_over_paths():
    """Each pixel is the sum, over active paths to it, of the product of its weights."""
    image_shape, configuration, top_size = ARCHITECTURES["two levels"]
    rng = np.random.default_rng(2)
    model, image, _ = random_model("two levels", rng, signed=True)
    found = model.infer(image[None])
    kernels = [keras.ops.convert_to_numpy(v.conv.kernel) for v in model.levels]
    templates = keras.ops.convert_to_numpy(model.templates.templates)
    expected = np.zeros(image_shape)
    # A path: a location and channel at each level, and a step within each template.
    starts = [
        (template_value, position)
        for position in np.ndindex(*top_size, templates.shape[0])
        for template_value in [templates[position[2], found.classes[0]]]
    ]
    for kernel, (size, padding, cell, _), switches in zip(
        reversed(kernels),
        reversed(configuration),
        reversed(found.switches),
        strict=True,
    ):
        assert padding == "same"
        ends = []
        for weight, (row, column, channel) in starts:
            switch = switches[0, row, column, channel]
            if switch < 0:
                continue
            for i, j, below in np.ndindex(size, size, kernel.shape[2]):
                end = (
                    row * cell + switch // cell + i - (size - 1) // 2,
                    column * cell + switch % cell + j - (size - 1) // 2,
                    below,
                )
                ends.append((weight * kernel[i, j, below, channel], end))
        starts = ends
    for weight, (row, column, channel) in starts:
        if 0 <= row < image_shape[0] and 0 <= column < image_shape[1]:
            expected[row, column, channel] += weight
    np.testing.assert_allclose(found.reconstruction[0], expected, rtol=1e-5, atol=1e-6)
