"""Grids show what they say, where they say it."""

import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, Level, analysis
from keras_drmm.analysis import grid

X = np.random.default_rng(0).random((6, 8, 8, 1)).astype("float32")
LABELS = np.array([2, 0, 1, 0, 1, 2])


@pytest.fixture
def plotted(monkeypatch):
    """The pictures that would be written to a file, {path: rows}."""
    rows = {}

    def keep(pictures, pixel_range, path):
        rows[path] = pictures

    for module in ("filters", "grid", "samples"):
        monkeypatch.setattr(f"keras_drmm.analysis.{module}.save_grid", keep)
    return rows


def build():
    model = DRMM([Level(4, 3, pool_size=2), Level(5, 3)], (8, 8, 1), 3)
    model.noise_variance.assign(0.01)
    return model


def test_transfer_has_the_image_s_switches_in_rows_and_classes_in_columns(plotted):
    model = build()
    analysis.plot_nuisance_transfer(model, X, LABELS, "path")
    rows = list(plotted["path"].values())
    for row, index in zip(rows, (1, 2, 0), strict=True):
        np.testing.assert_array_equal(row[0], X[index])
        switches = model.infer(X[index : index + 1]).switches
        for c in range(3):
            expected = model.render([c], switches)[0]
            np.testing.assert_allclose(row[1 + c], expected, rtol=1e-4, atol=1e-6)


def test_style_transfer_has_the_image_s_style_in_rows_and_classes_in_columns(plotted):
    model = build()
    model.fit_prior(X, LABELS, style_size=2, width=4, components=1, epochs=1, verbose=0)
    analysis.plot_style_transfer(model, X, LABELS, "path", method="shift")
    assert list(plotted["path"]) == ["style of 0", "style of 1", "style of 2"]
    middles = [model.switch_prior.styles.moments(c)[0] for c in range(3)]
    for own, index in enumerate((1, 2, 0)):
        row = plotted["path"][f"style of {own}"]
        np.testing.assert_array_equal(row[0], X[index])
        style = model.style(X[index : index + 1], [own])
        for c in range(3):
            moved = style + middles[c] - middles[own]
            expected = model.render([c], style=moved)[0]
            np.testing.assert_allclose(row[1 + c], expected, rtol=1e-4, atol=1e-5)


def test_samples_are_shown_without_and_with_noise(plotted):
    model = build()
    analysis.plot_samples(model, "path", columns=4, seed=1)
    images, classes = model.sample(12, np.arange(3).repeat(4), seed=1)
    for c, row in enumerate(plotted["path"].values()):
        np.testing.assert_array_equal(row[4:], images[classes == c])
        noise = row[4:] - row[:4]
        assert noise.std() == pytest.approx(0.1, rel=0.15)
    # The model keeps its noise.
    assert float(model.noise_variance) == pytest.approx(0.01)


def test_filters_have_a_scale_of_their_own(plotted):
    model = build()
    analysis.plot_filters(model, "path", columns=3)
    first, second = plotted["path"].values()
    kernel = ops.convert_to_numpy(model.levels[0].conv.kernel)
    for number in range(4):
        picture = first[number] if number < 3 else second[0]
        template = kernel[..., number]
        scaled = template / np.abs(template).max()
        np.testing.assert_allclose(2 * picture - 1, scaled, atol=1e-6)
    np.testing.assert_array_equal(second[1:], 0.5)


def test_grid_puts_pictures_in_order(tmp_path):
    """Flat pictures, three a row: read from left to right, their brightness."""
    image = pytest.importorskip("matplotlib.image")
    levels = np.array([[0.2, 0.5, 0.8], [0.8, 0.2, 0.5]])
    rows = {
        f"row {i}": np.tile(v[:, None, None, None], (4, 4, 1))
        for i, v in enumerate(levels)
    }
    path = tmp_path / "grid.png"
    grid.save_grid(rows, (0, 1), path)
    picture = image.imread(path)[..., 0]
    for i, expected in enumerate(levels):
        line = picture[int((i + 0.5) * len(picture) / 2)]
        # Runs of equal pixels, wider than any letter or frame and not the white ground.
        ends = np.flatnonzero(np.abs(np.diff(line, append=-1)) > 0.01)
        runs = [
            line[e]
            for e, length in zip(ends, np.diff(ends, prepend=-1), strict=True)
            if length > 40
        ]
        seen = [v for v in runs if v < 0.99]
        np.testing.assert_allclose(seen, expected, atol=0.01)


@pytest.mark.parametrize("ends", [(-1, 1), (0, 255)])
def test_colours_are_those_of_the_range(ends, tmp_path):
    """matplotlib would clip them to 0 and 1; a line of pixels keeps its axes."""
    image = pytest.importorskip("matplotlib.image")
    low, high = ends
    shares = np.array([0.25, 0.5, 0.75])
    pixels = np.broadcast_to(low + (high - low) * shares, (1, 3, 3))
    path = tmp_path / "grid.png"
    grid.save_grid({"": pixels[None]}, ends, path)
    picture = image.imread(path)
    height, width, _ = picture.shape
    found = picture[height // 2, width // 2, :3]
    np.testing.assert_allclose(found, shares, atol=0.01)
