"""Two threads normalise halves of a batch, as replicas that share it do."""

import numpy as np
import pytest
from keras import ops

from keras_drmm import kernels
from tests.kernels.differentiate import vector_jacobian
from tests.kernels.together import Together

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(
        kernels.shared_batch_normalization is None,
        reason="a step of JAX is one program about the whole batch",
    ),
]
EPSILON = 1e-3
SPLIT = 2


@pytest.fixture
def given():
    """Maps, (γ, β, a number near the mean), and what comes from above."""
    random = np.random.default_rng(0)
    images, upstream = random.normal(2, 3, (2, 5, 4, 6, 3)).astype("float32")
    return images, random.normal(size=(3, 3)).astype("float32"), upstream


def whole(x, gamma, beta):
    """Batch normalisation by its formula."""
    x, gamma, beta = map(ops.convert_to_tensor, (x, gamma, beta))
    mean, variance = ops.moments(x, (0, 1, 2))
    return (x - mean) / ops.sqrt(variance + EPSILON) * gamma + beta


def shared(two, x, gamma, beta, around):
    return kernels.shared_batch_normalization(
        *(ops.convert_to_tensor(v) for v in (x, gamma, beta)),
        EPSILON,
        ops.convert_to_tensor(around),
        two.total,
    )


def test_moments_are_those_of_both_halves(given):
    images, (gamma, beta, around), _ = given
    two = Together()
    found = two.run(
        lambda x: shared(two, x, gamma, beta, around), np.split(images, [SPLIT])
    )
    expected = images.mean((0, 1, 2)), images.var((0, 1, 2))
    for _, *moments in found:
        for result, other in zip(moments, expected, strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(result), other, rtol=1e-5)
    outputs = np.concatenate([ops.convert_to_numpy(y) for y, *_ in found])
    wanted = ops.convert_to_numpy(whole(images, gamma, beta))
    np.testing.assert_allclose(outputs, wanted, atol=1e-5)


@pytest.mark.parametrize("argument", range(3), ids=["x", "gamma", "beta"])
def test_gradients_are_those_of_the_whole_batch(given, argument):
    """That of γ and β is of a half's rows: an optimizer adds them up."""
    images, (gamma, beta, around), upstream = given
    two = Together()

    def gradient(function, x, upstream):
        arguments = [x, gamma, beta]

        def of_one(value):
            return function(*arguments[:argument], value, *arguments[argument + 1 :])

        return vector_jacobian(of_one, arguments[argument], upstream)

    halves = zip(np.split(images, [SPLIT]), np.split(upstream, [SPLIT]), strict=True)
    found = two.run(
        lambda half: gradient(lambda *v: shared(two, *v, around)[0], *half),
        list(halves),
    )
    joined = np.concatenate(found) if argument == 0 else sum(found)
    expected = gradient(whole, images, upstream)
    np.testing.assert_allclose(joined, expected, rtol=1e-4, atol=1e-5)


def test_a_constant_channel_far_from_the_running_mean_has_no_negative_variance():
    images = np.full((4, 3, 3, 2), 1234.567, "float32")
    zeros, two = np.zeros(2, "float32"), Together()
    for y, mean, variance in two.run(
        lambda x: shared(two, x, zeros + 1, zeros, zeros), np.split(images, [SPLIT])
    ):
        np.testing.assert_allclose(
            ops.convert_to_numpy(mean), images[0, 0, 0], rtol=1e-6
        )
        assert np.all(ops.convert_to_numpy(variance) >= 0)
        assert np.all(np.isfinite(ops.convert_to_numpy(y)))
