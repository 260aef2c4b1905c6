import numpy as np
import pytest

from keras_drmm.data import to_unit_range

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, 4, 5), (3, 4, 5, 1)), ((3, 4, 5, 2), (3, 4, 5, 2))]
)
def test_uint8_is_divided_by_255(shape, expected):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
    result = to_unit_range(images)
    assert result.dtype == np.float32
    assert result.shape == expected
    exact = images.astype("float64").reshape(expected) / 255
    np.testing.assert_array_equal(result, exact.astype("float32"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_their_values(dtype):
    images = np.linspace(0, 1, 3000 * 4, dtype=dtype).reshape(3000, 2, 2)
    result = to_unit_range(images)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[..., 0], images.astype("float32"))


def test_result_is_a_copy():
    images = np.full((1, 2, 2, 1), 0.5, dtype="float32")
    to_unit_range(images)[:] = 0
    assert images.min() == 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.001, -0.001, 255.0])
@pytest.mark.parametrize("row", [0, 1024, 2499])
def test_a_single_bad_float_is_found(value, row):
    images = np.zeros((2500, 2, 2, 1), dtype="float32")
    images[row, 1, 1, 0] = value
    block = f"images {row // 1024 * 1024} to "
    with pytest.raises(ValueError, match=f"{block}.* Divide them by"):
        to_unit_range(images)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint16", "bool"])
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match=rf"{dtype}\. Convert integers"):
        to_unit_range(np.zeros((1, 2, 2), dtype=dtype))


@pytest.mark.parametrize("shape", [(4,), (4, 4), (1, 2, 3, 4, 5), (0, 28, 28)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Reshape the array"):
        to_unit_range(np.zeros(shape, dtype="uint8"))
