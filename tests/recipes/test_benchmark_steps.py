"""The benchmark's arithmetic."""

import pytest

from keras_drmm import DRMM, Level
from recipes import benchmark_steps


@pytest.mark.smoke
def test_flops_of_two_levels_by_hand():
    levels = [Level(4, 3, padding="valid", pool_size=2), Level(5, 1)]
    model = DRMM(levels, 3, (8, 8, 2))
    first = 2 * (6 * 6) * (3 * 3) * 2 * 4
    second = 2 * (3 * 3) * (1 * 1) * 4 * 5
    expected = 10 * (5 * first + 6 * second)
    assert benchmark_steps.convolution_flops(model, 10) == expected


@pytest.mark.smoke
def test_calls_alternate_and_the_first_is_not_counted():
    calls = []
    benchmark_steps.alternate(lambda: calls.append("a"), lambda: calls.append("b"), 2)
    assert calls == ["a", "b"] * 3
