"""The guide on another task: its code runs, and the preset is worth something."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_drmm.data import to_unit_range

pytestmark = pytest.mark.once

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "another_task.md"


def test_the_code_of_the_guide_runs():
    """As it stands, but for fewer images."""
    text = GUIDE.read_text("utf-8")
    draw, learn, fresh, freeze = re.findall(r"```python\n(.*?)```", text, re.S)
    keras.utils.set_random_seed(0)
    names: dict = {}
    exec(draw.replace("3000", "800").replace("1000", "300"), names)
    assert names["x_train"].shape == (800, 28, 28, 1)
    # Every font is one of letters, and every letter is drawn.
    assert len(names["FONTS"]) == 12
    assert names["x_train"].max(axis=(1, 2, 3)).min() > 100
    exec(learn, names)
    exec(fresh, names)
    images = to_unit_range(names["x_test"])

    def error(model):
        guesses = model.predict(images, verbose=0).argmax(axis=1)
        return np.mean(guesses != names["y_test"])

    assert error(names["model"]) < error(names["fresh"]) - 0.03
    exec(freeze.replace("epochs=3", "epochs=1"), names)
    before = keras.ops.convert_to_numpy(names["frozen"].levels[0].conv.kernel)
    preset = names["keras_drmm"].zoo.from_preset(names["name"])
    kept = keras.ops.convert_to_numpy(preset.levels[0].conv.kernel)
    np.testing.assert_array_equal(before, kept)
