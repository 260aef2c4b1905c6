"""What exported files compute, by their own runtimes, equals what Keras computes."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import (
    DRMM,
    Level,
    RenderingConv2D,
    SwitchMaxPool,
    TopDownRender,
    kernels,
)
from keras_drmm.convert import to_inference_model
from keras_drmm.kernels import formula

BACKEND = keras.config.backend()
X = np.random.default_rng(0).random((5, 12, 12, 1)).astype("float32")
ENDINGS = {
    "tf_saved_model": "",
    "onnx": ".onnx",
    "openvino": ".xml",
    "litert": ".tflite",
}

# Why a backend cannot write a format: (backend, format, output or None for both).
IMPOSSIBLE = {
    (
        "jax",
        "openvino",
        None,
    ): "OpenVINO reads no XlaCallModule; it reads the ONNX file",
    ("jax", "litert", None): "Keras writes LiteRT from TensorFlow and PyTorch only",
    ("torch", "tf_saved_model", None): "needs torch_xla, which is not installed",
    (
        "torch",
        "openvino",
        "reconstruction",
    ): "OpenVINO traces no model with two outputs",
}

# The packages that write and run a format.
PACKAGES = {
    ("tensorflow", "onnx"): ["tf2onnx", "onnxruntime"],
    ("jax", "tf_saved_model"): ["tensorflow"],
    ("jax", "onnx"): ["jax2onnx", "onnxruntime"],
    ("torch", "onnx"): ["onnxscript", "onnxruntime"],
    ("tensorflow", "openvino"): ["openvino"],
    ("torch", "openvino"): ["openvino"],
    ("tensorflow", "litert"): ["ai_edge_litert"],
    ("torch", "litert"): ["ai_edge_litert", "litert_torch"],
}


@pytest.fixture
def model():
    """Pools that do not divide, steps, and both normalisations."""
    keras.utils.set_random_seed(3)
    levels = [
        Level(4, 3, padding="full", pool_size=2, batch_norm=True),
        Level(5, 3, strides=2, pool_size=(2, 1)),
        Level(4, 2, padding="valid", top_down_batch_norm=True),
    ]
    return DRMM(levels, X.shape[1:], 3)


def export(model, output, format, path):
    """Write one output of a DRMM; return the number of images the file takes, or None.

    On PyTorch the sizes of a file are fixed where there is a reconstruction.
    """
    for where in ((BACKEND, format, output), (BACKEND, format, None)):
        if where in IMPOSSIBLE:
            pytest.skip(IMPOSSIBLE[where])
    for package in PACKAGES.get((BACKEND, format), []):
        pytest.importorskip(package)
    is_fixed = BACKEND == "torch" and (output == "reconstruction" or format == "litert")
    rows = 1 if is_fixed else None
    exported = to_inference_model(model) if output == "reconstruction" else model
    signature = keras.InputSpec(shape=(rows, *X.shape[1:]), dtype="float32")
    exported.export(path, format=format, input_signature=[signature], verbose=False)
    return rows


def run_tf_saved_model(path, x):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return keras.tree.flatten(loaded.serve(tf.constant(x)))


def run_onnx(path, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: x})


# On a processor with bfloat16, OpenVINO computes in it unless told otherwise.
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}


def run_openvino(path, x):
    import openvino

    return list(openvino.compile_model(path, "CPU", FLOAT32)(x).values())


def run_litert(path, x):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path)
    images = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(images, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(images, x)
    interpreter.invoke()
    details = interpreter.get_output_details()
    return [interpreter.get_tensor(detail["index"]) for detail in details]


RUN = {
    "tf_saved_model": run_tf_saved_model,
    "onnx": run_onnx,
    "openvino": run_openvino,
    "litert": run_litert,
}


def assert_computes(model, outputs, output, x):
    """Compare logits (B, num_classes), and images (B, H, W, C) where there are any."""
    expected = model.infer(x)
    by_rank = {np.ndim(result): np.asarray(result) for result in outputs}
    assert set(by_rank) == ({2} if output == "logits" else {2, 4})
    np.testing.assert_allclose(by_rank[2], expected.logits, rtol=1e-5, atol=1e-5)
    if output != "logits":
        np.testing.assert_allclose(
            by_rank[4], expected.reconstruction, rtol=1e-5, atol=1e-5
        )


def of_layers():
    """Anyone's model: it gives pooled values, switches and what they render."""
    keras.utils.set_random_seed(3)
    images = keras.Input(X.shape[1:], name="images")
    conv, pool = RenderingConv2D(4, 3, padding="full"), SwitchMaxPool((3, 2))
    pooled, switches = pool(conv(images))
    rendered = TopDownRender(conv, pool)(pooled, switches)
    return keras.Model(images, [pooled, switches, rendered])


@pytest.mark.parametrize("format", ENDINGS)
def test_file_computes_what_the_layers_do(format, tmp_path):
    """TensorFlow's ONNX files did not load, its OpenVINO files rendered wrongly."""
    model, path = of_layers(), str(tmp_path / f"model{ENDINGS[format]}")
    x = X[: export(model, "layers", format, path)]
    results = RUN[format](path, x)
    for expected in map(ops.convert_to_numpy, model(x)):
        # OpenVINO returns what TensorFlow kept on the way as well.
        (found,) = (np.asarray(v) for v in results if is_like(v, expected))
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def is_like(value, expected):
    return value.dtype == expected.dtype and value.shape == expected.shape


@pytest.mark.parametrize("output", ["logits", "reconstruction"])
@pytest.mark.parametrize("format", ENDINGS)
def test_file_computes_what_keras_does(format, output, model, tmp_path):
    path = str(tmp_path / f"model{ENDINGS[format]}")
    x = X[: export(model, output, format, path)]
    assert_computes(model, RUN[format](path, x), output, x)


def test_openvino_reads_onnx(model, tmp_path):
    """OpenVINO runs the ONNX files of the backends it cannot read itself."""
    pytest.importorskip("openvino")
    path = str(tmp_path / "model.onnx")
    x = X[: export(model, "reconstruction", "onnx", path)]
    assert_computes(model, run_openvino(path, x), "reconstruction", x)


def test_inference_model_infers_and_shares_weights(model):
    inference = to_inference_model(model)
    assert [id(v) for v in inference.weights] == [id(v) for v in model.weights]
    outputs = inference.predict(X, verbose=0)
    assert_computes(model, outputs.values(), "reconstruction", X)


def test_the_first_of_equal_logits_is_rendered():
    """As `ops.argmax` chooses, which exported files cannot use."""
    model = DRMM([Level(4, 3)], X.shape[1:], 3)
    model.templates.bias.assign([-1.0, 1.0, 1.0])
    model.templates.templates.assign(np.repeat([[0.0, 2.0, 2.0]], 4, axis=0))
    outputs = to_inference_model(model).predict(X, verbose=0)
    expected = model.infer(X).reconstruction
    np.testing.assert_allclose(outputs["reconstruction"], expected, atol=1e-6)


def test_only_plain_models():
    model = DRMM([Level(4, 3)], X.shape[1:], 3, nonnegative=False)
    with pytest.raises(ValueError, match="nonnegative"):
        to_inference_model(model)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("cell", [(1, 1), (2, 2), (3, 2)])
def test_portable_kernels_equal_the_formula(cell, rows):
    rng = np.random.default_rng(1)
    u = ops.convert_to_tensor(rng.integers(-2, 3, (2, 6, 6, 6)).astype("float32"))
    pooled, switches = formula.switch_pool(u, cell, rows)
    unpooled = formula.unpool(pooled, switches, cell, rows)
    with kernels.exporting():
        found = kernels.switch_pool(u, cell, rows)
        found = [
            *found,
            kernels.unpool(*found, cell, rows),
            kernels.pick(u, found[1], cell, rows),
        ]
    expected_results = (pooled, switches, unpooled, pooled)
    for result, expected in zip(found, expected_results, strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(result), ops.convert_to_numpy(expected)
        )
        assert keras.backend.standardize_dtype(result.dtype) == (
            keras.backend.standardize_dtype(expected.dtype)
        )


def test_portable_argmax_is_the_first_of_the_largest():
    x = np.random.default_rng(1).integers(0, 3, (50, 4)).astype("float32")
    with kernels.exporting():
        found = kernels.argmax(ops.convert_to_tensor(x))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), x.argmax(axis=-1))
