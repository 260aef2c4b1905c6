"""What TensorBoardPictures wrote, as TensorBoard itself reads it."""

import doctest
import io

import keras
import numpy as np
import pytest
from keras import ops

import keras_drmm
from keras_drmm import DRMM, EG, Level, analysis
from keras_drmm.callbacks import TensorBoardPictures

RNG = np.random.default_rng(0)
X = RNG.random((12, 8, 8, 1)).astype("float32")
Y = np.arange(12) % 3


def build():
    keras.utils.set_random_seed(1)
    model = DRMM([Level(4, 3, pool_size=2, batch_norm=True)], (8, 8, 1), 3)
    model.compile(keras.optimizers.Adam(0.01), algorithm=EG())
    return model


def read(folder):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    found = accumulator.EventAccumulator(str(folder), {"images": 0, "scalars": 0})
    return found.Reload()


def test_pictures_and_terms_are_read_by_tensorboard(tmp_path):
    board = TensorBoardPictures(tmp_path / "board", X, Y, every=2, columns=2)
    model, plain = build(), build()
    history = model.fit(X, Y, epochs=4, verbose=0, callbacks=[board]).history
    found = read(tmp_path / "board")
    assert set(found.Tags()["scalars"]) == set(history) > {"loss", "reconstruction"}
    for name, values in history.items():
        events = found.Scalars(name)
        assert [event.step for event in events] == [1, 2, 3, 4]
        np.testing.assert_allclose([event.value for event in events], values, rtol=1e-6)
    assert found.Tags()["images"] == ["reconstructions", "samples", "filters"]
    plots = {
        "reconstructions": lambda path: analysis.plot_reconstructions(
            model, X, Y, path
        ),
        "samples": lambda path: analysis.plot_samples(model, path, columns=2),
        "filters": lambda path: analysis.plot_filters(model, path),
    }
    for name, plot in plots.items():
        events = found.Images(name)
        assert [event.step for event in events] == [0, 2, 4]
        # The last one is of the model as it is now, and no other one is.
        plot(tmp_path / "now.png")
        now = (tmp_path / "now.png").read_bytes()
        assert [v.encoded_image_string == now for v in events] == [False, False, True]
        image = pytest.importorskip("PIL.Image").open(io.BytesIO(now))
        assert (events[-1].width, events[-1].height) == image.size
    # The model has learned what it learns without pictures.
    plain.fit(X, Y, epochs=4, verbose=0)
    for ours, other in zip(model.weights, plain.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ours), ops.convert_to_numpy(other), atol=1e-5
        )


@pytest.mark.once
def test_what_cannot_be_plotted_is_known_before_anything_is_learned(tmp_path):
    model = build()
    before = model.get_weights()
    with pytest.raises(ValueError, match="each class at least once"):
        model.fit(X, Y, verbose=0, callbacks=[TensorBoardPictures(tmp_path, X, 0 * Y)])
    for now, start in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, start)
    plain = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    plain.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(TypeError, match="`model` must be a rendering model"):
        plain.fit(X, Y, verbose=0, callbacks=[TensorBoardPictures(tmp_path, X, Y)])


@pytest.mark.once
@pytest.mark.parametrize("name", ["every", "columns"])
def test_bad_counts(name, tmp_path):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1"):
        TensorBoardPictures(tmp_path, X, Y, **{name: 0})


@pytest.mark.once
def test_the_example_is_true():
    (test,) = doctest.DocTestFinder(recurse=False).find(
        TensorBoardPictures, globs={"keras_drmm": keras_drmm}
    )
    found = doctest.DocTestRunner().run(test)
    assert found.attempted > 0 == found.failed
