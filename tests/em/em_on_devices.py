"""A sweep of EM on so many devices of JAX; the weights go to a file.

python -m tests.em.em_on_devices 2 weights.npz
"""

import os
import sys

import numpy as np


def main(devices, path):
    flags = os.environ.get("XLA_FLAGS", "")
    count = f"--xla_force_host_platform_device_count={devices}"
    os.environ["XLA_FLAGS"] = f"{flags} {count}"
    import keras

    from keras_drmm import DRMM, RMM, HardEM, Level, SoftEM

    if devices > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel())
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
        for variable in model.weights:
            weights[f"{name} {variable.path}"] = keras.ops.convert_to_numpy(variable)
    np.savez(path, **weights)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
