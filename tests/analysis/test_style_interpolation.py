"""Images between two styles, against NumPy and what the model itself renders."""

import numpy as np
import pytest

from keras_drmm import DRMM, RMM, Level
from keras_drmm.analysis import (
    interpolate_styles,
    plot_style_interpolation,
    style_interpolation,
)

pytestmark = pytest.mark.every_backend

X = np.random.default_rng(0).random((8, 8, 8, 1)).astype("float32")
LABELS = np.array([2, 0, 1, 0, 1, 2, 0, 1])


@pytest.fixture(scope="module")
def model():
    model = DRMM([Level(4, 3, pool_size=2), Level(5, 3)], (8, 8, 1), 3)
    model.fit_prior(X, LABELS, style_size=2, width=4, components=1, epochs=1, verbose=0)
    # Styles that are far enough apart for other switches.
    encoder = model.style_encoder
    for weight in encoder.weights:
        weight.assign(20 * np.asarray(weight))
    return model


def test_a_third_of_the_way_is_a_third_of_the_styles(model):
    first, second = X[:3], X[3:6]
    own = model.infer(first).classes
    # Another class than the images have is tested below.
    model_classes = model.infer(second).classes
    same = own == model_classes
    found = interpolate_styles(model, first, second, steps=4)
    assert found.shape == (3, 4, 8, 8, 1)
    styles = model.style(first), model.style(second)
    if not same.all():
        moved = model.switch_prior.styles.transfer(styles[1], model_classes, own)
        styles[1][~same] = moved[~same]
    for step in range(4):
        between = styles[0] + step / 3 * (styles[1] - styles[0])
        wanted = model.render(own, style=between)
        np.testing.assert_allclose(found[:, step], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["posterior", "transport", "shift"])
def test_styles_of_another_class_are_taken_over(model, method):
    first, second = X[:2], X[2:4]
    ends = first, second
    classes = (model.infer(first).classes + 1) % 3
    found = interpolate_styles(model, first, second, classes, 2, method)
    for end, images in enumerate(ends):
        other = model.infer(images).classes != classes
        wanted = np.where(
            other[:, None, None, None],
            model.transfer(images, classes, method=method),
            model.render(classes, style=model.style(images)),
        )
        np.testing.assert_allclose(found[:, end], wanted, rtol=1e-4, atol=1e-5)


def test_the_picture_has_two_images_of_a_class_and_what_is_between(model, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        style_interpolation, "save_grid", lambda *given: drawn.extend(given)
    )
    plot_style_interpolation(model, X, LABELS, "path", steps=3)
    rows, pixel_range, path = drawn
    assert (pixel_range, path) == (model.pixel_range, "path")
    pairs = {0: (1, 3), 1: (2, 4), 2: (0, 5)}
    assert list(rows) == [f"class {c}" for c in pairs]
    for c, (a, b) in pairs.items():
        between = interpolate_styles(model, X[[a]], X[[b]], [c], 3)[0]
        wanted = np.concatenate([X[[a]], between, X[[b]]])
        np.testing.assert_allclose(rows[f"class {c}"], wanted, rtol=1e-4, atol=1e-5)


def test_what_is_refused(model):
    for arguments, message in [
        ((X[:2], X[:3]), r"as many images as `first`, got \(2, 8, 8, 1\) and"),
        ((X[:2], X[:2], [0, 3]), "`classes` must be integers from 0 to 2"),
        ((X[:2], X[:2], None, 1), "`steps` must be an integer of at least 2, got 1"),
        ((X[:2], X[:2], None, 3, "mean"), "`method`"),
    ]:
        with pytest.raises(ValueError, match=message):
            interpolate_styles(model, *arguments)
    with pytest.raises(ValueError, match=r"at least 2 times.*of the classes \[2\]"):
        plot_style_interpolation(model, X[:5], LABELS[:5], "path")
    untrained = DRMM([Level(4, 3)], (8, 8, 1), 3)
    for function, given in (
        (interpolate_styles, (X, X)),
        (plot_style_interpolation, (X, LABELS, "path")),
    ):
        with pytest.raises(TypeError, match="has no `transfer`"):
            function(RMM((8, 8, 1), 3, 2), *given)
        with pytest.raises(ValueError, match="`fit_prior"):
            function(untrained, *given)
