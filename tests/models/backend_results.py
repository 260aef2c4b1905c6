"""Runs a fixed DRMM under KERAS_BACKEND and writes what it computes to an npz file.

python -m tests.models.backend_results OUTPUT.npz
"""

import sys

import keras
import numpy as np
from keras import ops

from keras_drmm import zoo
from keras_drmm.learning import EG

LEARNING_RATE = 0.02


def main(path):
    rng = np.random.default_rng(0)
    # Few rows: of 16, half a million switches, one nearly tied was decided otherwise by
    # another order of sums, also between two convolutions of one backend.
    x = rng.random((8, 28, 28, 1)).astype("float32")
    y = np.where(np.arange(8) % 4 == 0, np.arange(8), -1)
    model = zoo.drmm_conv_small()
    model.set_weights(
        [
            rng.normal(size=w.shape) * np.sqrt(2 / np.prod(w.shape[:-1]))
            if w.ndim == 4
            else w
            for w in model.get_weights()
        ]
    )
    results = {"logits": model.predict(x, verbose=0)}
    found = model.infer(x, y)
    results |= {f"switches{i}": s for i, s in enumerate(found.switches)}
    results["reconstruction"] = found.reconstruction

    # One step of plain SGD moves each weight by the learning rate times its gradient.
    model.compile(keras.optimizers.SGD(LEARNING_RATE), algorithm=EG())
    start = weights(model)
    model.train_on_batch(x, y)
    step = weights(model)
    results |= {
        f"gradient{i}": (a - b) / LEARNING_RATE
        for i, (a, b) in enumerate(zip(start, step, strict=True))
    }
    for _ in range(4):
        model.train_on_batch(x, y)
    results |= {f"weight{i}": w for i, w in enumerate(weights(model))}
    np.savez(path, **results)


def weights(model):
    return [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]


if __name__ == "__main__":
    main(sys.argv[1])
