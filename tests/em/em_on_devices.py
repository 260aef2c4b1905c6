"""A sweep of EM on one device of JAX and on two; the weights go to files.

python -m tests.em.em_on_devices one.npz two.npz
"""

import os
import sys

import numpy as np

flags = os.environ.get("XLA_FLAGS", "")
os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count=2"

import keras  # noqa: E402  JAX reads the flags when it is imported

from keras_drmm import DRMM, RMM, HardEM, Level, SoftEM  # noqa: E402


def main(one, two):
    # Without a distribution Keras uses the first device alone.
    np.savez(one, **learn())
    data_parallel = keras.distribution.DataParallel()
    assert data_parallel.device_mesh.devices.size == 2
    keras.distribution.set_distribution(data_parallel)
    np.savez(two, **learn())


def learn():
    rng = np.random.default_rng(0)
    x = rng.random((24, 6, 6, 1)).astype("float32")
    y = np.arange(24) % 4 - 1
    keras.utils.set_random_seed(0)
    weights = {}
    for name, model, algorithm in (
        ("rmm", RMM((6, 6, 1), 3, 2), SoftEM()),
        ("drmm", DRMM([Level(3, 3, pool_size=2)], (6, 6, 1), 3), HardEM()),
    ):
        model.compile("sgd", algorithm=algorithm)
        model.initialize(x, y, seed=0)
        model.fit(x, y, batch_size=12, epochs=1, shuffle=False, verbose=0)
        for i, variable in enumerate(model.weights):
            weights[f"{name} {i} {variable.name}"] = keras.ops.convert_to_numpy(
                variable
            )
    return weights


if __name__ == "__main__":
    main(*sys.argv[1:])
