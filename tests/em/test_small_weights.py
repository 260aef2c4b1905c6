"""EM of rows whose weights are far below 1, as weights that sum to 1 are."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, RMM, HardEM, Level

X = np.random.default_rng(0).random((12, 6, 6, 1)).astype("float32")
Y = np.arange(12) % 4 - 1


@pytest.mark.parametrize("name", ["DRMM", "RMM"])
def test_weights_that_are_all_scaled_change_nothing(name):
    results = []
    for weight in (1.0, 1e-7):
        keras.utils.set_random_seed(1)
        if name == "RMM":
            model = RMM((6, 6, 1), 3, 2)
        else:
            model = DRMM([Level(2, 3, pool_size=2)], (6, 6, 1), 3)
        model.compile(algorithm=HardEM())
        model.fit(
            *(X, Y),
            sample_weight=np.full(12, weight),
            epochs=2,
            shuffle=False,
            verbose=0,
        )
        # π_c of a DRMM has a pseudocount of a row in all.
        prior = getattr(model.templates, "prior", None)
        results.append(
            [ops.convert_to_numpy(v) for v in model.weights if v is not prior]
        )
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-4)
