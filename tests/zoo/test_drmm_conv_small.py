"""Conv-Small as the paper (Rasmus et al.) configures it, and that it learns."""

import keras
import numpy as np
import pytest

from keras_drmm import EG, data, zoo


@pytest.mark.smoke
def test_maps_have_the_published_sizes():
    model = zoo.drmm_conv_small()
    found = model.infer(np.zeros((1, 28, 28, 1), "float32"))
    shapes = [m.shape[1:] for m in found.messages[1:]]
    assert shapes == [
        (16, 16, 32),  # full 5x5: 28 -> 32, pooled
        (14, 14, 64),
        (8, 8, 64),  # full 3x3: 14 -> 16, pooled
        (6, 6, 128),
        (6, 6, 10),
    ]
    kernels = 25 * 32 + 9 * 32 * 64 + 9 * 64 * 64 + 9 * 64 * 128 + 128 * 10
    normalisations = 2 * (32 + 64 + 64 + 128 + 10)
    alphas = 1 + 32 + 64 + 64 + 128
    top = 10 * 10 + 10
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trainable == kernels + normalisations + alphas + top


def test_comes_compiled_for_eg_with_a_falling_learning_rate():
    model = zoo.drmm_conv_small((12, 12, 3), 4, training_steps=10)
    assert isinstance(model.algorithm, EG)
    schedule = model.optimizer._learning_rate
    assert float(schedule(0)) > float(schedule(5)) > float(schedule(10)) == 0
    assert model.predict(np.zeros((1, 12, 12, 3)), verbose=0).shape == (1, 4)


@pytest.mark.once
def test_learns_mnist_from_a_few_labels():
    """Nearest class mean of the same 200 labels is the classifier to beat."""
    (x, y), _ = data.load("mnist")
    # Every second pixel: a quarter of the time.
    x = x[:, ::2, ::2]
    dataset = data.semi_supervised(
        x[:1700], y[:1700], 200, batch_size=50, validation=500, seed=0
    )
    model = zoo.drmm_conv_small((14, 14, 1))
    for level in model.levels:
        # A few short epochs end before 0.99 has forgotten the initial statistics.
        level.batch_norm.momentum = 0.8
    model.fit(dataset, epochs=4, verbose=0)
    images, labels = dataset.validation
    accuracy = np.mean(model.predict(images, verbose=0).argmax(1) == labels)

    shown = data.to_unit_range(x[dataset.labelled_indices])
    classes = y[dataset.labelled_indices]
    means = np.stack([shown[classes == c].mean(axis=0) for c in range(10)])
    distances = np.square(images[:, None] - means).sum(axis=(2, 3, 4))
    nearest_mean = np.mean(distances.argmin(1) == labels)
    assert accuracy > nearest_mean
    # And what it renders is nearer to the images than their mean is.
    rendered = model.reconstruct(images)
    mean = images.mean(axis=0)
    assert np.mean((rendered - images) ** 2) < np.mean((mean - images) ** 2)


def test_seeds_give_the_same_model():
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        weights.append(zoo.drmm_conv_small().get_weights())
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
