"""Rendering is linear in the map and in the templates: so are its gradients."""

import numpy as np
import pytest
from keras import ops

from keras_drmm.kernels import overlap_add, rendering, template_gradient
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


@pytest.mark.parametrize("gradient", [template_gradient, rendering.template_gradient])
@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (2, 3)])
def test_template_gradient_sums_weighted_patches(gradient, strides):
    """The backend's own and the portable one; strides leave rows of x over."""
    x, z = normal(2, 8, 9, 2), normal(2, 3, 3, 4)
    expected = np.zeros((3, 2, 2, 4))
    for n, i, j in np.ndindex(*z.shape[:3]):
        top, left = i * strides[0], j * strides[1]
        patch = x[n, top : top + 3, left : left + 2]
        expected += patch[..., None] * z[n, i, j]
    # As many windows as z has positions.
    used = x[:, : 3 * strides[0] + 2, : 3 * strides[1] + 1]
    found = gradient(*map(ops.convert_to_tensor, (used, z)), (3, 2), strides)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-4)
