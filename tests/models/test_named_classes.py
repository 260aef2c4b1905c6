"""Names of classes: they stay with the model, and `predict_names` uses them."""

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, RFM, Level, zoo

pytestmark = pytest.mark.smoke
X = np.random.default_rng(0).random((7, 8, 8, 1)).astype("float32")
NAMES = ("cat", "cow", "dög")


def build(kind=DRMM):
    levels = Level(4, 3, padding="same", pool_size=2)
    model = kind(levels if kind is RFM else [levels], (8, 8, 1), 3)
    model.class_names = np.array(NAMES)
    return model


def test_names_are_those_of_the_largest_logits():
    model = build()
    classes = model.infer(X).classes
    assert model.predict_names(X, batch_size=3).tolist() == [NAMES[c] for c in classes]


@pytest.mark.parametrize("kind", [DRMM, RFM])
def test_names_are_saved(kind, tmp_path):
    model = build(kind)
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert other.class_names == NAMES
    assert kind.from_config(model.get_config()).class_names == NAMES
    model.class_names = None
    assert kind.from_config(model.get_config()).class_names is None


def test_a_preset_keeps_names(tmp_path):
    model = zoo.rfm((8, 8, 1), 3)
    model.class_names = NAMES
    folder = zoo.save_to_preset(tmp_path / "named", model)
    assert zoo.from_preset(folder).class_names == NAMES
    assert "class_names" not in (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "names",
    [("a", "b"), ("a", "b", "b"), ("a", "b", 3), "abc", {"a": 1, "b": 2, "c": 3}],
)
def test_names_are_a_different_text_for_each_class(names):
    model = build()
    with pytest.raises(ValueError, match="a list of 3 different strings"):
        model.class_names = names
    assert model.class_names == NAMES


def test_classes_without_names_say_so():
    with pytest.raises(ValueError, match=r"have no names: set `model\.class_names"):
        DRMM([Level(4, 3)], (8, 8, 1), 3).predict_names(X)
