"""EM on two devices gives the weights of one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_two_devices_add_up(backend, tmp_path):
    """`keras.distribution.DataParallel`, which only JAX has, over two CPU devices."""
    if backend != "jax":
        pytest.skip("keras.distribution is real only on JAX")
    paths = [tmp_path / "one.npz", tmp_path / "two.npz"]
    subprocess.run(
        [sys.executable, "-m", "tests.em.em_on_devices", *paths],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
    )
    one, two = (np.load(path) for path in paths)
    assert one.files == two.files
    for name in one.files:
        scale = max(1.0, np.abs(one[name]).max())
        np.testing.assert_allclose(
            two[name] / scale, one[name] / scale, atol=1e-5, err_msg=name
        )
