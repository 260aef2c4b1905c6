"""Rendering is linear in the map and in the templates: so are its gradients."""

import numpy as np
import pytest
from keras import ops

from keras_drmm.kernels import overlap_add
from tests.kernels.differentiate import vector_jacobian

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def render(z, kernel, strides):
    z, kernel = ops.convert_to_tensor(z), ops.convert_to_tensor(kernel)
    return overlap_add(z, kernel, strides, "channels_last")


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 1), (4, 4)])
def test_gradients_reproduce_the_bilinear_form(strides):
    """<∂/∂z, z'> = <render_Γ(z'), r> for any z', and the same for Γ."""
    z, kernel = normal(2, 4, 5, 3), normal(3, 2, 2, 3)
    upstream = normal(*render(z, kernel, strides).shape)
    for_z = vector_jacobian(lambda z: render(z, kernel, strides), z, upstream)
    for_kernel = vector_jacobian(lambda k: render(z, k, strides), kernel, upstream)
    for _ in range(5):
        other_z, other_kernel = normal(*z.shape), normal(*kernel.shape)
        for gradient, other, rendered in (
            (for_z, other_z, render(other_z, kernel, strides)),
            (for_kernel, other_kernel, render(z, other_kernel, strides)),
        ):
            expected = np.vdot(ops.convert_to_numpy(rendered), upstream)
            assert np.vdot(gradient, other) == pytest.approx(
                expected, rel=1e-4, abs=1e-3
            )
