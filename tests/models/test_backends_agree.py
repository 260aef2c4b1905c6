"""TensorFlow, JAX and PyTorch compute the same."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.models import backend_results

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


def results(backend, folder):
    path = folder / f"{backend}.npz"
    if backend == "tensorflow":
        backend_results.main(path)
        return np.load(path)
    subprocess.run(
        [sys.executable, "-m", "tests.models.backend_results", str(path)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    return np.load(path)


def test_logits_switches_gradients_and_weights_agree(backend, tmp_path):
    """Of conv-small with equal weights; the weights after 5 steps to 1e-4."""
    if backend != "tensorflow":
        pytest.skip("compares all three backends, once: in TensorFlow's run")
    for package in PACKAGES.values():
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    reference = results("tensorflow", tmp_path)
    for other in ("jax", "torch"):
        found = results(other, tmp_path)
        assert found.files == reference.files
        for name in reference.files:
            if name.startswith("switches"):
                np.testing.assert_array_equal(found[name], reference[name], name)
            else:
                scale = max(1.0, np.abs(reference[name]).max())
                np.testing.assert_allclose(
                    found[name] / scale,
                    reference[name] / scale,
                    atol=1e-4,
                    err_msg=name,
                )
