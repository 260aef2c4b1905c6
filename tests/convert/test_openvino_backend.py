"""Under `KERAS_BACKEND=openvino` a saved model infers what it inferred before."""

import os
import subprocess
import sys

import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, Level, SwitchMaxPool

INFER = """
import sys

import keras
import numpy as np

import keras_drmm

folder = sys.argv[1]
given = np.load(f"{folder}/given.npz")
assert keras.config.backend() == "openvino"
pool = keras_drmm.SwitchMaxPool((3, 2))
pooled, switches = pool(given["u"])
found = [pooled, switches, pool.unpool(pooled, switches)]
found.append(pool.pick(given["u"], switches))
model = keras.models.load_model(f"{folder}/model.keras")
images = given["images"]
found += [model.predict(images, verbose=0), model.reconstruct(images)]
np.savez(f"{folder}/found.npz", *map(keras.ops.convert_to_numpy, found))
try:
    model.compile("sgd", algorithm=keras_drmm.EG())
    model.fit(images, [0, 1], verbose=0)
except NotImplementedError:
    print("does not learn")
"""


@pytest.mark.once
def test_inference_equals_that_of_another_backend(tmp_path):
    """Its int8 division rounds, so that 3 // 2 = 2: `unpool` placed values wrongly."""
    pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    u = rng.normal(size=(2, 6, 6, 2)).astype("float32")
    images = rng.random((2, 6, 6, 1)).astype("float32")
    model = DRMM([Level(3, 3, pool_size=(3, 2))], (6, 6, 1), 2)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "given.npz", u=u, images=images)
    environment = {**os.environ, "KERAS_BACKEND": "openvino"}
    command = [sys.executable, "-c", INFER, str(tmp_path)]
    ran = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    assert "does not learn" in ran.stdout
    pool = SwitchMaxPool((3, 2))
    pooled, switches = pool(u)
    expected = [pooled, switches, pool.unpool(pooled, switches), pooled]
    expected += [model.predict(images, verbose=0), model.reconstruct(images)]
    found = np.load(tmp_path / "found.npz")
    for one, other in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(one, ops.convert_to_numpy(other), atol=1e-6)
