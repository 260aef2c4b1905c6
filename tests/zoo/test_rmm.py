"""The zoo's RMM: its configuration, and that it learns MNIST."""

import keras
import numpy as np
import pytest

from keras_drmm import data
from keras_drmm.em.soft_em import SoftEM
from keras_drmm.zoo.rmm import rmm


@pytest.mark.smoke
def test_sizes_are_free():
    model = rmm((6, 5, 3), num_classes=4, num_nuisances=2)
    assert model.algorithm == SoftEM()
    assert model.templates.shape == (4, 2, 6, 5, 3)
    assert model.predict(np.zeros((1, 6, 5, 3)), verbose=0).shape == (1, 4)
    assert rmm().count_free_parameters() == 10 * 20 * 784


def test_learns_mnist_better_than_class_means():
    """With 10 templates a class; a mean of each class is the one-template RMM."""
    keras.utils.set_random_seed(0)
    (x, y), _ = data.load("mnist")
    x, y = data.to_unit_range(x[:4000]), y[:4000].astype("int64")
    x = x.reshape(-1, 28, 28, 1)
    errors = []
    for num_nuisances in (1, 10):
        model = rmm(num_nuisances=num_nuisances)
        losses = model.fit(
            x[:3000], y[:3000], batch_size=1000, epochs=6, verbose=0
        ).history["loss"]
        assert np.diff(losses).max() < 1e-4
        errors.append(np.mean(model.predict(x[3000:], verbose=0).argmax(1) != y[3000:]))
    assert errors[1] < 0.6 * errors[0]
