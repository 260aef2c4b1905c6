"""Any model: it is refused by our own check, or it does all that models do."""

import keras
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import keras_drmm as kd
from tests.fuzz.configurations import make, models, perturb, seeds
from tests.fuzz.test_layers import JUNK, TOLERANCE
from tests.own_errors import outcome

pytestmark = pytest.mark.usefixtures("whole_tracebacks")
fuzz = settings.get_profile("fuzz")


def built(kind, of_levels, arguments):
    """Return a model, None if it is refused, as maps become smaller than templates."""
    model, error = outcome(make, kind, of_levels, arguments)
    event("made" if error is None else "too small")
    assert error is None or "no smaller than its kernel" in str(error)
    return model


def near(found, expected, dtype):
    found, expected = (np.asarray(v, "float64") for v in (found, expected))
    assert found.shape == expected.shape
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def logits_of(model, x):
    """Not by `predict`, which takes seconds to compile."""
    return keras.ops.convert_to_numpy(model(x, training=False))


@fuzz
@given(models(), seeds)
def test_a_model_infers_renders_and_comes_back(tmp_path, configuration, seed):
    kind, _, arguments = configuration
    model = built(*configuration)
    if model is None:
        return
    perturb(model, seed)
    dtype = arguments["dtype"]
    x = np.random.default_rng(seed).random((3, *arguments["input_shape"]), "float32")
    e_step = model.infer(x)
    logits = logits_of(model, x)
    near(e_step.logits, logits, dtype)
    assert e_step.reconstruction.shape == x.shape
    if dtype == "float32":
        np.testing.assert_array_equal(e_step.classes, e_step.logits.argmax(axis=1))
    for level, message, switches in zip(
        model.levels, e_step.messages[1:], e_step.switches, strict=True
    ):
        assert message.shape == switches.shape
        assert switches.min() >= -1
        assert switches.max() < np.prod(level.pool.pool_size)
        off = np.asarray(message, "float32")[switches == -1]
        assert not off.any()

    # What was inferred renders to the reconstruction.
    given_factors = {} if e_step.factors is None else {"factors": e_step.factors}
    if dtype == "mixed_bfloat16" and given_factors:
        given_factors = {"factors": np.asarray(e_step.factors, "float32")}
    rendered = model.render(e_step.classes, e_step.switches, **given_factors)
    near(rendered, e_step.reconstruction, dtype)
    assert np.isfinite(model.max_sum_score(x)).all()

    # A configuration makes the same model, and weights belong to it.
    config = model.get_config()
    again = kind.from_config(config)
    assert again.get_config() == config
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(logits_of(again, x), logits)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits_of(loaded, x), logits)

    # As a convnet of stock layers, if there is one.
    convnet, error = outcome(model.to_convnet)
    if error is None:
        near(logits_of(convnet, x), logits, dtype)
    else:
        assert not getattr(model, "nonnegative", True)


ARGUMENTS = (
    *("input_shape", "num_classes", "pooling", "nonnegative", "alternations"),
    *("pixel_range", "templates_initializer", "templates_regularizer", "more"),
)
OF_LEVELS = (
    *("filters", "kernel_size", "strides", "padding", "pool_size", "batch_norm"),
    *("top_down_batch_norm", "data_format", "kernel_regularizer", "more"),
)


def is_large(value):
    """A number of classes or templates is a size: of what is large, there is no end."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 99


@pytest.mark.once
@fuzz
@given(models(), st.sampled_from(ARGUMENTS), JUNK)
def test_a_bad_argument_is_refused_by_a_check_of_our_own(configuration, name, value):
    kind, of_levels, arguments = configuration
    if is_large(value) or built(*configuration) is None:
        return
    _, error = outcome(make, kind, of_levels, {**arguments, name: value})
    event("taken" if error is None else "refused")
    if error is not None and "no smaller than its kernel" not in str(error):
        assert f"`{name}`" in str(error)


@pytest.mark.once
@fuzz
@given(models(), st.sampled_from(OF_LEVELS), JUNK)
def test_a_bad_argument_of_a_level_is_refused(configuration, name, value):
    level, error = outcome(kd.Level, **{**configuration[1][0], name: value})
    event("taken" if error is None else "refused")
    if error is not None:
        assert f"`{name}`" in str(error)
        return
    if callable(value):
        # Keras finds no function again that is not registered.
        return
    config = level.get_config()
    assert kd.Level.from_config(config).get_config() == config


@pytest.mark.once
@fuzz
@given(models(), st.data())
def test_a_bad_batch_is_refused_by_a_check_of_our_own(configuration, data):
    model = built(*configuration)
    if model is None:
        return
    x = np.full((2, *configuration[2]["input_shape"]), 0.5, "float32")
    bad = data.draw(
        st.one_of(
            JUNK,
            st.sampled_from(
                [x[0], x[..., None], x[:0], x[:, 1:], x * 3, x * np.nan, x - 1]
            ),
            st.sampled_from([x.astype("uint8"), x.astype("complex64"), x.astype(str)]),
            st.sampled_from([x.tolist()[0], [x], [x, x], np.ma.masked_array(x, x > 0)]),
        )
    )
    labels = data.draw(
        st.one_of(
            st.none(),
            JUNK,
            st.sampled_from(
                [[0], [0, 1, 1], [0, 99], [-2, 0], [0.5, 1], [[0, 1], [1]]]
            ),
        )
    )
    for given_x, given_y in ((bad, None), (x, labels)):
        e_step, error = outcome(model.infer, given_x, given_y)
        event("taken" if error is None else "refused")
        if error is None:
            assert len(e_step.logits) == len(given_x)


# What trees have in the place of the arguments of an RMM.
THEIRS = {
    kd.RMM: {},
    kd.EvolutionaryDRMM: {
        **{"num_nuisances": "depth", "switch": "branching"},
        "variance_floor": "smoothing",
    },
    kd.EvolutionaryForest: {
        **{"num_nuisances": "num_trees", "switch": "branching"},
        "variance_floor": "label_weight",
    },
}


@pytest.mark.once
@fuzz
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(["num_classes", "num_nuisances", "switch", "variance_floor"]),
    JUNK,
)
def test_shallow_models_and_trees(height, width, name, value):
    if is_large(value):
        return
    shape = (height, width, 1)
    x = np.full((2, *shape), 0.5, "float32")
    for kind, arguments in (
        (kd.RMM, {"num_classes": 3, "num_nuisances": 2}),
        (kd.EvolutionaryDRMM, {"num_classes": 3, "depth": 2}),
        (kd.EvolutionaryForest, {"num_classes": 3, "num_trees": 2, "depth": 1}),
    ):
        changed = THEIRS[kind].get(name, name)
        model, error = outcome(kind, shape, **{**arguments, changed: value})
        event("taken" if error is None else "refused")
        if error is not None:
            assert f"`{changed}`" in str(error)
            continue
        config = model.get_config()
        assert kind.from_config(config).get_config() == config
        assert model.infer(x).reconstruction.shape == x.shape
