"""Both halves of Figure 6 come from one model."""

import numpy as np

from keras_drmm import RMM
from keras_drmm.analysis import grid
from recipes import figure6


def test_templates_and_reconstructions_are_the_model_s(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        grid, "save_grid", lambda rows, _, path: drawn.update({path: rows})
    )
    random = np.random.default_rng(0)
    model = RMM((4, 4, 1), 3, 2, switch=False)
    templates = random.random((3, 2, 4, 4, 1)).astype("float32")
    model.templates.assign(templates)
    classes, nuisances = np.array([2, 0, 1, 1, 0, 2]), np.array([0, 1, 1, 0, 0, 1])
    # Nearer to one template than to any other.
    images = 0.9 * templates[classes, nuisances] + 0.02
    figure6.plot(model, images, "path")
    rows = list(drawn["path"].values())
    np.testing.assert_array_equal(rows[0], templates[:, 0])
    np.testing.assert_array_equal(rows[1], templates[:, 1])
    np.testing.assert_array_equal(np.concatenate(rows[2::2]), images)
    np.testing.assert_allclose(
        np.concatenate(rows[3::2]), templates[classes, nuisances], rtol=1e-5
    )


def test_options():
    assert figure6.parse([]).images == 60_000
    assert figure6.parse(["--short"]).epochs == 1
