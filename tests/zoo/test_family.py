"""Every model of the zoo: build, fit a step, save, load, predict."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import zoo

# The smallest image that each takes.
SIZES = {
    "drfm_lenet": (16, 16, 1),
    "drmm_conv_large": (12, 12, 3),
    "drmm_conv_small": (12, 12, 1),
    "drmm_lenet": (16, 16, 1),
    "rfm": (8, 8, 1),
}
LABELS = np.array([0, 1, 2, -1, -1, -1])


@pytest.mark.parametrize("name", SIZES)
def test_fits_saves_and_comes_back(name, tmp_path):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).random((6, *SIZES[name])).astype("float32")
    model = getattr(zoo, name)(SIZES[name], 3, training_steps=20)
    before = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    model.fit(x, LABELS, batch_size=6, verbose=0)
    moved = [
        np.any(ops.convert_to_numpy(v) != old)
        for v, old in zip(model.trainable_variables, before, strict=True)
    ]
    # α of a warm-up's first step aside, all that learns has moved.
    assert np.mean(moved) > 0.5
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert type(other) is type(model)
    assert other.algorithm.get_config() == model.algorithm.get_config()
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    np.testing.assert_array_equal(other.reconstruct(x), model.reconstruct(x))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("rfm", [(12, 12, 20)]),
        ("drmm_lenet", [(12, 12, 20), (4, 4, 50)]),
        ("drfm_lenet", [(12, 12, 20), (4, 4, 50)]),
        (
            "drmm_conv_large",
            [(32, 32, 96)] * 2
            + [(16, 16, 96)]
            + [(16, 16, 192)] * 2
            + [(8, 8, 192)]
            + [(6, 6, 192)] * 2
            + [(6, 6, 10)],
        ),
    ],
)
def test_maps_have_the_published_sizes(name, shapes):
    model = getattr(zoo, name)()
    shape, found = (None, *model.image_shape), []
    for level in model.levels:
        shape = level.compute_output_shape(shape)
        found.append(shape[1:])
    assert found == shapes


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rmm", {"num_nuisances": 2}),
        ("evolutionary_tree", {"depth": 2, "branching": 2}),
        ("evolutionary_forest", {"depth": 2, "branching": 2, "num_trees": 2}),
    ],
)
def test_closed_forms_fit_save_and_come_back(name, options, tmp_path):
    x = np.random.default_rng(0).random((24, 6, 6, 1)).astype("float32")
    labels = np.arange(24) % 4 - 1
    model = getattr(zoo, name)((6, 6, 1), 3, **options)
    before = model.predict(x, verbose=0)
    model.fit(x, labels, verbose=0)
    assert np.any(model.predict(x, verbose=0) != before)
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    np.testing.assert_array_equal(other.reconstruct(x), model.reconstruct(x))
