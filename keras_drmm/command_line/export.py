"""export: write a file that another runtime executes."""

import importlib.util
import os
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_drmm.command_line.arguments import add_model, add_output, check_new
from keras_drmm.command_line.loading import load_model, names_of
from keras_drmm.convert import to_inference_model

FORMATS = ("onnx", "tf_saved_model", "openvino", "litert")
# The backends that write a format, whatever else is installed.
WRITERS: dict[str, tuple[str, ...]] = {
    "onnx": ("torch", "tensorflow"),
    "tf_saved_model": ("tensorflow", "jax"),
    "openvino": ("torch", "tensorflow"),
    "litert": ("tensorflow",),
}
# Images on which a file is compared with the model, and by how much it may differ, as a
# part of the largest logit.
COMPARED, TOLERANCE = 2, 1e-5


def add_arguments(parser):
    """Say what the command takes."""
    add_model(parser)
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument(
        "--reconstruction",
        action="store_true",
        help="write the reconstructed images beside the logits",
    )
    add_output(parser, "file, or folder of a tf_saved_model,")


def run(options):
    """Write the file, and let onnxruntime run it if it is one of ONNX."""
    output = options.output
    check_new(output)
    model = load_model(options.model)
    exported = to_inference_model(model) if options.reconstruction else model
    is_torch = keras.config.backend() == "torch"
    # What PyTorch writes otherwise takes a fixed number.
    is_open = not is_torch or not (options.reconstruction or options.format == "litert")
    signature = keras.InputSpec(
        shape=(None if is_open else 1, *model.image_shape), dtype="float32"
    )
    # Some formats take several files, and a writer may fail half-way.
    with tempfile.TemporaryDirectory(prefix=".export_", dir=output.parent) as scratch:
        written = Path(scratch) / output.name
        with warnings.catch_warnings():
            # Writers warn of each branch that they trace; what they write is compared.
            warnings.simplefilter("ignore")
            _export(exported, str(written), options.format, signature)
        checked = ""
        if options.format == "onnx":
            checked = _compare(written, model, COMPARED if is_open else 1)
        names = sorted(os.listdir(scratch))
        for name in names:
            check_new(output.with_name(name))
        for name in names:
            os.replace(Path(scratch) / name, output.with_name(name))
    number = "any number of images" if is_open else "1 image at a time"
    print(f"{', '.join(names)}: takes {number} of {model.image_shape} within [0, 1]")
    print(f"logits of the classes {', '.join(names_of(model))}{checked}")


def _export(model, path, format, signature):
    """Write a file; where the backend cannot, say which ones can."""
    try:
        model.export(path, format=format, input_signature=[signature], verbose=False)
    # Writers' errors have no common class.
    except Exception as error:
        others = [v for v in WRITERS[format] if v != keras.config.backend()]
        if len(others) < len(WRITERS[format]):
            raise
        raise ValueError(
            f"{error} The backend is {keras.config.backend()}; to write {format}, give "
            f"the same command with KERAS_BACKEND={' or '.join(others)}."
        ) from error


def _compare(path, model, number):
    """Raise unless onnxruntime computes a model's logits; return what was found."""
    if importlib.util.find_spec("onnxruntime") is None:
        return "; not compared with the model: onnxruntime is not installed"
    import onnxruntime

    images = np.random.default_rng(0).random((number, *model.image_shape), "float32")
    expected = model.predict(images, verbose=0)
    try:
        session = onnxruntime.InferenceSession(path)
        (given,) = session.get_inputs()
        # The logits come first.
        found, *_ = session.run(None, {given.name: images})
        difference = float(np.abs(found - expected).max())
    # onnxruntime's own errors have no common class.
    except Exception as error:
        raise ValueError(
            f"onnxruntime cannot run what was written: {error} Where the backend is "
            "JAX, export with --reconstruction, or by another backend."
        ) from error
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ValueError(
            f"What was written computes other logits: they differ by {difference:.3g}. "
            "Export by another backend."
        )
    return f"; onnxruntime computes them to {difference:.1g}"
