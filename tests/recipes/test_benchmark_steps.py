"""The benchmark's arithmetic."""

import pytest

from keras_drmm import DRMM, Level
from recipes import benchmark_steps


@pytest.mark.smoke
def test_flops_of_two_levels_by_hand():
    levels = [Level(4, 3, padding="valid", pool_size=2), Level(5, 1)]
    model = DRMM(levels, num_classes=3, input_shape=(8, 8, 2))
    first = 2 * (6 * 6) * (3 * 3) * 2 * 4
    second = 2 * (3 * 3) * (1 * 1) * 4 * 5
    expected = 10 * (5 * first + 6 * second)
    assert benchmark_steps.convolution_flops(model, 10) == expected


@pytest.mark.smoke
def test_calls_alternate_and_the_first_is_not_counted():
    calls = []
    seconds = iter([100.0, 900.0, 1.0, 20.0, 3.0, 50.0, 2.0, 30.0])

    def call(name):
        calls.append(name)
        return [next(seconds)]

    medians = benchmark_steps.alternate([lambda: call("a"), lambda: call("b")], 3)
    assert calls == ["a", "b"] * 4
    assert medians == [2.0, 30.0]


@pytest.mark.smoke
def test_row_has_ratio_and_the_goal_of_its_backend():
    name = "EG step, drmm_conv_large"
    row = benchmark_steps.compared(name, "jax", (30.0, 20.0), "ms", 5)
    assert (row["ratio"], row["goal"]) == (1.5, 1.4)
    row = benchmark_steps.compared(name, "tensorflow", (30.0, 20.0), "ms", 5)
    assert row["goal"] == 1.3
    row = benchmark_steps.compared("EG step, rfm", "torch", (30.0, 20.0), "ms", 5)
    assert row["goal"] == 1.5
    row = benchmark_steps.compared("predict", "jax", (30.0, 20.0), "ms", 5)
    assert row["goal"] == 1.05
    row = benchmark_steps.compared("convolutions / GEMM", "jax", (3.0, 2.0), "GF", 1)
    assert row["goal"] == ""
