"""A `Level`: whose it is, for which maps it was built, and what is frozen in it."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRFM, DRMM, RMM, Level
from keras_drmm.baselines import SWWAE, Ladder
from keras_drmm.models import RFM

X = np.random.default_rng(0).random((4, 9, 9, 1)).astype("float32")


def levels():
    return [
        Level(4, 3, pool_size=2, batch_norm=True, name="lower"),
        Level(5, 3, batch_norm=True, name="upper"),
    ]


@pytest.mark.parametrize("kind", [DRMM, DRFM, RFM])
def test_a_level_stands_in_one_model(kind):
    """It would share its weights silently: learning one model changed the other."""
    taken = levels()
    first = DRMM(taken, (9, 9, 1), 3, name="first")
    given = taken[0] if kind is RFM else taken
    with pytest.raises(ValueError, match=r"`lower` stands in the model `first`.*build"):
        kind(given, (9, 9, 1), num_classes=3)
    new = [Level.from_config(level.get_config()) for level in taken]
    second = kind(new[0] if kind is RFM else new, (9, 9, 1), num_classes=3)
    before = ops.convert_to_numpy(first.levels[0].conv.kernel)
    second.levels[0].conv.kernel.assign(before + 1)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(first.levels[0].conv.kernel), before
    )


def test_a_level_stands_in_one_place():
    level = Level(1, 3, name="again")
    with pytest.raises(ValueError, match=r"got one of them twice: .*again"):
        DRMM([level, level], (9, 9, 1), 3)


@pytest.mark.parametrize("given", [[], Level(2, 3), [Level(2, 3), "level"], None])
def test_levels_must_be_levels(given):
    with pytest.raises(ValueError, match=r"`levels` .* one or more `Level`s"):
        DRMM(given, (9, 9, 1), 3)


@pytest.mark.parametrize(
    "fail",
    [
        lambda levels: DRMM(levels, (9, 9, 1), num_classes=1),
        lambda levels: DRMM([*levels, "level"], (9, 9, 1), 3),
        lambda levels: DRMM([*levels, Level(3, 99, padding="valid")], (9, 9, 1), 3),
        lambda levels: DRFM(levels, (9, 9, 1), 3, num_factors=0),
    ],
)
def test_a_model_that_fails_takes_no_level(fail):
    taken = levels()
    with pytest.raises(ValueError, match=r"must be|needs images"):
        fail(taken)
    assert DRMM(taken, (9, 9, 1), 3).predict(X, verbose=0).shape == (4, 3)


@pytest.mark.parametrize("shape", [(9, 9, 3), (8, 9, 1), (12, 12, 1)])
def test_a_level_is_of_the_maps_it_was_built_for(shape):
    """Else the way back ended at another size, or in an error from the depths."""
    taken = levels()
    taken[0].build((None, 9, 9, 1))
    with pytest.raises(ValueError, match=r"`lower` was built for maps \(9, 9, 1\)"):
        DRMM(taken, shape, 3)
    assert DRMM(taken, (9, 9, 1), 3).reconstruct(X).shape == X.shape


def test_a_level_built_for_any_size_takes_that_of_its_model():
    """9 pixels pooled by 2 are rendered as 9 again, not as 10."""
    patches = RMM((3, 3, 1), num_classes=2, num_nuisances=2)
    level = patches.to_level(pool_size=2)
    assert DRMM([level], (9, 9, 1), 3).reconstruct(X).shape == X.shape


def test_a_saved_config_with_another_size_is_refused():
    config = DRMM(levels(), (9, 9, 1), 3).get_config()
    with pytest.raises(ValueError, match="was built for maps"):
        DRMM.from_config({**config, "input_shape": (12, 12, 1)})


@pytest.mark.parametrize("baseline", [SWWAE, Ladder])
def test_baselines_copy_levels_and_learn_all_of_them(baseline):
    """Also of a model whose levels are frozen: their weights are not copied."""
    model = DRMM(levels(), (9, 9, 1), 3)
    model.trainable = False
    copy = baseline(model.levels, (9, 9, 1), 3)
    kernels = [v for v in copy.trainable_variables if v.path.endswith("kernel")]
    # Two levels and the dense top; a SWWAE's decoders besides.
    assert len(kernels) == (5 if baseline is SWWAE else 3)
    assert model.trainable_variables == []


@keras.saving.register_keras_serializable("tests")
class Shifted(Level):
    """A level of a user's own, with an argument of its own."""

    def __init__(self, *args, shift=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.shift = shift

    def match(self, message, training=False):
        return super().match(message, training) + self.shift

    def get_config(self):
        return {**super().get_config(), "shift": self.shift}


def test_a_subclass_stays_one_in_copies_and_has_no_stock_convnet():
    own = Shifted(4, 3, pool_size=2, batch_norm=True, shift=0.5)
    (copy,) = SWWAE([own], (9, 9, 1), 3).levels
    assert (type(copy), copy.shift) == (Shifted, 0.5)
    with pytest.raises(ValueError, match=r"Shifted.*would be lost"):
        DRMM([own], (9, 9, 1), 3).to_convnet()


@pytest.mark.parametrize("frozen", ["all", "conv", "batch_norm", "not conv"])
def test_a_level_keeps_what_is_frozen_in_it(frozen):
    level = levels()[0]
    level.build((None, 9, 9, 1))
    if frozen in ("all", "not conv"):
        level.trainable = False
        level.conv.trainable = frozen == "not conv"
    else:
        getattr(level, frozen).trainable = False
    for copy in (
        Level.from_config(level.get_config()),
        keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(level)
        ),
    ):
        for part in ("conv", "batch_norm", "pool", "render"):
            found = getattr(copy, part).trainable
            assert found == getattr(level, part).trainable, part
        assert copy.trainable == level.trainable


def test_a_level_made_frozen_is_frozen_in_all_parts():
    """`trainable=False` reached the level's own α alone: its templates learned."""
    level = Level(4, 3, batch_norm=True, trainable=False)
    model = DRMM([level, Level(3, 3)], (9, 9, 1), 3)
    assert not [v for v in level.weights if v.trainable]
    learned = {id(v) for v in model.trainable_variables}
    assert not [v for v in level.weights if id(v) in learned]


@pytest.mark.parametrize("pool_size", [1, 2])
def test_nan_weights_give_nan(pool_size):
    """TensorFlow's max-pool made 0 of them, and so finite logits."""
    level = Level(2, 3, pool_size=pool_size)
    images = np.ones((1, 5, 6, 1), "float32")
    level(images)
    level.conv.kernel.assign(np.full((3, 3, 1, 2), np.nan))
    for message in (level(images), level.bottom_up(images)[0]):
        assert np.isnan(ops.convert_to_numpy(message)).all()
