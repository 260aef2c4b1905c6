"""`from_config` of what is no whole configuration."""

import pytest

from keras_drmm import DRFM, DRMM, RFM, RMM, Level


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        (DRMM, ["levels", "input_shape", "num_classes"]),
        (DRFM, ["levels", "input_shape", "num_classes"]),
        (RFM, ["level", "input_shape", "num_classes"]),
        (RMM, ["input_shape", "num_classes", "num_nuisances"]),
        (Level, ["filters", "kernel_size"]),
    ],
)
def test_configurations_that_lack_something(kind, needed):
    with pytest.raises(ValueError, match="`config` must be a dictionary") as error:
        kind.from_config({})
    assert f"`{kind.__name__}` returns it, got one without {needed}" in str(error.value)
    *_, last = needed
    with pytest.raises(ValueError, match=f"got one without \\['{last}'\\]"):
        kind.from_config(dict.fromkeys(needed[:-1], 3))
    with pytest.raises(ValueError, match="got None"):
        kind.from_config(None)
