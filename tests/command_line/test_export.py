"""`export` writes a file whose answers are those of `predict`, or none."""

import csv

import keras
import numpy as np
import pytest
from scipy.special import softmax

from keras_drmm import zoo
from keras_drmm.command_line import export
from tests.command_line.conftest import CLASSES, write_digits

BACKEND = keras.config.backend()


def fail(*_, **options):
    raise RuntimeError("no writer")


def test_onnxruntime_answers_as_predict_does_or_nothing_is_written(
    fitted, tmp_path, call
):
    onnxruntime = pytest.importorskip("onnxruntime")
    path, answers = tmp_path / "model.onnx", tmp_path / "answers.csv"
    status, told, error = call("export", fitted, "--format", "onnx", "--output", path)
    if BACKEND == "jax":
        # Without jax2onnx; what that writes of a pool, onnxruntime cannot run.
        assert status == 1
        assert len(error.splitlines()) == 1
        assert "KERAS_BACKEND=torch or tensorflow" in error or (
            "onnxruntime cannot run" in error and "by another backend" in error
        )
        assert list(tmp_path.iterdir()) == []
        return
    assert status == 0, error
    assert "model.onnx: takes any number of images of (8, 8, 1)" in told
    assert "classes nought, one, two; onnxruntime computes them to" in told
    images, _ = write_digits(tmp_path / "new", range(200, 220), 0)
    assert call("predict", fitted, tmp_path / "new", "--output", answers)[0] == 0
    session = onnxruntime.InferenceSession(path)
    (logits,) = session.run(
        None, {session.get_inputs()[0].name: images.astype("float32") / 255}
    )
    with answers.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == [CLASSES[k] for k in logits.argmax(axis=1)]
    np.testing.assert_allclose(
        [float(row["probability"]) for row in rows],
        softmax(logits, axis=1).max(axis=1),
        atol=1e-5,
    )


@pytest.mark.once
def test_reconstructions_are_written_beside_the_logits(fitted, tmp_path, call):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    words = ("export", fitted, "--format", "onnx", "--reconstruction")
    status, told, _ = call(*words, "--output", path)
    assert status == 0
    assert "takes 1 image at a time" in told
    x = np.random.default_rng(1).random((1, 8, 8, 1), "float32")
    session = onnxruntime.InferenceSession(path)
    _, found = session.run(None, {session.get_inputs()[0].name: x})
    expected = zoo.from_preset(fitted).reconstruct(x)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.once
def test_a_file_that_computes_something_else_is_not_kept(
    fitted, tmp_path, monkeypatch, call
):
    pytest.importorskip("onnxruntime")
    predict = keras.Model.predict
    monkeypatch.setattr(
        keras.Model, "predict", lambda *args, **named: predict(*args, **named) + 0.1
    )
    words = ("export", fitted, "--format", "onnx", "--output", tmp_path / "a.onnx")
    status, _, error = call(*words)
    assert status == 1
    assert "computes other logits: they differ by 0.1" in error
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_nothing(fitted, tmp_path, monkeypatch, call):
    """PyTorch and JAX lack a format, or what writes it; TensorFlow writes them all."""
    if BACKEND == "tensorflow":
        monkeypatch.setattr(export, "WRITERS", {"litert": ("torch",)})
        monkeypatch.setattr(keras.Model, "export", fail)
    lacking = {"torch": "tf_saved_model"}.get(BACKEND, "litert")
    words = ("export", fitted, "--format", lacking, "--output", tmp_path / "a.tflite")
    status, _, error = call(*words)
    assert status == 1
    assert error.startswith("python -m keras_drmm export: error: ")
    others = {"torch": "tensorflow or jax", "jax": "tensorflow", "tensorflow": "torch"}[
        BACKEND
    ]
    assert f"with KERAS_BACKEND={others}." in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.once
def test_what_exists_is_kept(fitted, tmp_path, call):
    path = tmp_path / "a.onnx"
    path.write_text("mine")
    status, _, error = call("export", fitted, "--format", "onnx", "--output", path)
    assert status == 1
    assert "a.onnx exists and is not overwritten" in error
    assert path.read_text() == "mine"
