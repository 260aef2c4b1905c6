"""What nothing in keras_drmm may import: TensorFlow on another backend, the tuner."""

import subprocess
import sys

import pytest

# Every module is imported but those named after TensorFlow, such as its kernel, and
# those for a library that is not installed.
PROGRAM = """
import importlib, pkgutil, sys
import keras_drmm

if "keras_tuner" in sys.modules:
    sys.exit("keras_drmm imports keras_tuner before it is asked for")
OPTIONAL = {"jax", "torch", "keras_tuner", "matplotlib", "tensorflow_datasets"}

def walk(package):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if module.name.rpartition(".")[2].startswith("tensorflow"):
            continue
        try:
            imported = importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
            continue
        if module.ispkg:
            walk(imported)

walk(keras_drmm)
found = sorted(name for name in sys.modules if name.split(".")[0] == "tensorflow")
sys.exit(f"imports TensorFlow: {found[:5]}" if found else 0)
"""


@pytest.mark.smoke
def test_import_leaves_tensorflow_alone(backend):
    if backend == "tensorflow":
        pytest.skip("TensorFlow is the backend")
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
