"""The statistics of signed inference rest on a complete enumeration."""

import numpy as np
import pytest

from keras_drmm import DRMM, Level
from recipes import signed_inference as recipe


@pytest.mark.smoke
def test_enumeration_is_complete():
    """5 states in each of 2 cells, 2 in each of 2 x 1 channels."""
    levels = [Level(1, 3, pool_size=2), Level(1, 1)]
    switches = recipe.all_switches(DRMM(levels, num_classes=3, input_shape=(4, 2, 1)))
    assert [s.shape[1:] for s in switches] == [(2, 1, 1), (2, 1, 1)]
    rows = np.concatenate([s.reshape(len(s), -1) for s in switches], axis=1)
    assert len(np.unique(rows, axis=0)) == len(rows) == 5 * 5 * 2 * 2


def test_one_level_is_solved_exactly_and_no_score_falls():
    falls, found = recipe.measure(*recipe.ARCHITECTURES["1 level, 3 channels"], 5, 0)
    assert falls == 0
    np.testing.assert_array_equal(found, 1)
