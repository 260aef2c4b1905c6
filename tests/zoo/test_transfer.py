"""`from_preset(num_classes=...)`: the same levels below other classes."""

import numpy as np
import pytest
from keras import ops

from keras_drmm import zoo

pytestmark = pytest.mark.smoke


def moved(model):
    """Give every weight another value."""
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.random(w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("classes", [2, 3])
def test_levels_stay_and_what_goes_with_classes_is_new(classes, tmp_path):
    model = moved(zoo.for_images((12, 12, 1), 3))
    model.class_names = ["a", "b", "c"]
    model.levels[0].trainable = False
    folder = zoo.save_to_preset(tmp_path / "source", model)
    other = type(model).from_preset(folder, num_classes=classes)
    assert other.num_classes == classes
    assert other.class_names is None
    kept = list(zip(model.levels[:2], other.levels[:2], strict=True))
    kept += list(zip(model.nuisance_priors[:2], other.nuisance_priors[:2], strict=True))
    for old, new in kept:
        for one, two in zip(old.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
    fresh = zoo.for_images((12, 12, 1), classes)
    for name in ("templates", "prior"):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(getattr(other.templates, name)),
            ops.convert_to_numpy(getattr(fresh.templates, name)),
        )
    # Its templates are one for each class.
    assert other.message_shapes[-1][-1] == classes
    old, new = (m.levels[2].get_weights()[0] for m in (model, other))
    assert old.shape != new.shape or not np.allclose(old, new)
    assert float(np.max(new)) < 1
    assert not other.levels[0].trainable
    assert other.levels[1].trainable


def test_without_its_weights_a_preset_gives_the_architecture_alone(tmp_path):
    folder = zoo.save_to_preset(tmp_path / "source", moved(zoo.rfm((8, 8, 1), 3)))
    other = zoo.from_preset(folder, load_weights=False, num_classes=4)
    assert float(ops.convert_to_numpy(other.nuisance_priors[0].probabilities).max()) < 1
    assert other.num_classes == 4


def test_a_model_without_levels_is_refused(tmp_path):
    folder = zoo.save_to_preset(tmp_path / "source", zoo.rmm((8, 8, 1), 3))
    with pytest.raises(ValueError, match="rmm has no levels: leave it out, got 4"):
        zoo.from_preset(folder, num_classes=4)
