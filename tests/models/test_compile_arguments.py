"""Forms of metrics and losses that Keras takes, and those that cannot work."""

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, RMM, Level, SoftEM
from keras_drmm.baselines import Ladder
from keras_drmm.models.compile_arguments import standardize_loss, standardize_metrics

SPARSE = {"from_logits": True}
# On TensorFlow a step takes less time than its graph.
EAGER = {"run_eagerly": keras.backend.backend() == "tensorflow"}


def build():
    return DRMM([Level(4, 3, pool_size=2)], (6, 6, 1), 3)


def data():
    rng = np.random.default_rng(0)
    return rng.random((12, 6, 6, 1), "float32"), np.arange(12) % 4 - 1


@pytest.mark.once
def test_metrics_in_every_form_are_one_list():
    own = keras.metrics.SparseCategoricalAccuracy()
    for given, expected in (
        ((None,), []),
        (("accuracy",), ["accuracy"]),
        ((own,), [own]),
        ((["accuracy", own],), ["accuracy", own]),
        (([["accuracy"]],), ["accuracy"]),
        (({"logits": ["accuracy"]},), ["accuracy"]),
        ((None, ["accuracy"]), ["accuracy"]),
        ((["accuracy"], [own]), ["accuracy", own]),
        ((["accuracy"], ["accuracy"]), ["accuracy"]),
        (([own, own],), [own]),
    ):
        assert standardize_metrics(*given) == expected


@pytest.mark.parametrize("name", ["entropy", "loss", "regularization"])
def test_a_metric_of_the_name_of_a_term_is_refused(name):
    metric = keras.metrics.SparseTopKCategoricalAccuracy(2, name=name)
    with pytest.raises(ValueError, match=f"a metric called '{name}'"):
        build().compile(algorithm=EG(), metrics=[metric])


def test_what_a_keras_loss_taught_is_where_em_starts():
    x, y = data()
    model = RMM((6, 6, 1), 3, 2)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1, **SPARSE)
    model.compile(keras.optimizers.SGD(0.1), loss=loss, **EAGER)
    assert not model.initialized
    with pytest.raises(ValueError, match="`epochs` must be"):
        model.fit(x, y, epochs=0, verbose=0)
    assert not model.initialized
    model.fit(x, y, verbose=0)
    assert model.initialized
    before = [w.copy() for w in model.get_weights()]
    model.compile(algorithm=SoftEM(), **EAGER)
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: seen.append(model.get_weights())
    )
    model.fit(x, y, verbose=0, callbacks=[look])
    for ours, learned in zip(seen[0], before, strict=True):
        np.testing.assert_array_equal(ours, learned)


def test_what_no_e_step_would_see_is_refused():
    l2 = keras.regularizers.L2(0.1)
    with pytest.raises(ValueError, match="`big` has an `activity_regularizer`"):
        DRMM([Level(4, 3, activity_regularizer=l2, name="big")], (6, 6, 1), 3)
    with pytest.raises(ValueError, match="`activity_regularizer` must be None"):
        DRMM([Level(4, 3)], (6, 6, 1), 3, activity_regularizer=l2)


@pytest.mark.parametrize(
    "metrics",
    [
        "accuracy",
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        {"logits": "accuracy"},
        [["accuracy"]],
    ],
    ids=["name", "metric", "dictionary", "nested"],
)
def test_every_form_measures_the_same(metrics):
    x, y = data()
    model = build()
    model.compile(algorithm=EG(), metrics=metrics, **EAGER)
    found = model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    assert found == pytest.approx(np.mean((predicted == y)[y >= 0]))


@pytest.mark.parametrize("kind", ["rendering model", "baseline"])
def test_none_is_no_metric_and_weighted_ones_join(kind):
    x, y = data()
    for options, expected in (
        ({"metrics": None}, set()),
        ({"metrics": None, "weighted_metrics": "accuracy"}, {"accuracy"}),
        ({"weighted_metrics": ["accuracy"]}, {"accuracy"}),
    ):
        if kind == "baseline":
            model = Ladder([Level(4, 3, pool_size=2, batch_norm=True)], (6, 6, 1), 3)
            model.compile("adam", **options, **EAGER)
        else:
            model = build()
            model.compile("adam", algorithm=EG(), **options, **EAGER)
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
        assert logs.keys() & {"accuracy", "weighted_accuracy"} == expected


def test_metrics_are_saved(tmp_path):
    model = build()
    model.compile("adam", algorithm=EG(), metrics="accuracy", weighted_metrics=["acc"])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x, y = data()
    ours, theirs = (
        m.evaluate(x, y, verbose=0, return_dict=True) for m in (model, loaded)
    )
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_a_loss_of_labels_and_logits_learns():
    x, y = data()
    loss = keras.losses.SparseCategoricalCrossentropy(**SPARSE, ignore_class=-1)
    model = build()
    for form in (loss, [loss], {"logits": loss}):
        model.compile("sgd", form)
        logits = model.predict(x, verbose=0).astype("float64")
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        log_p = np.log(shifted / shifted.sum(axis=1, keepdims=True))
        expected = -log_p[np.arange(12), np.maximum(y, 0)][y >= 0].mean()
        found = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.once
def test_a_loss_of_ones_own_is_taken():
    def confidence(labels, logits):
        return keras.ops.logsumexp(logits, axis=-1)

    assert standardize_loss(confidence, 3) is confidence


BAD_LOSSES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "categorical_crossentropy": "categorical_crossentropy",
    "binary_crossentropy": "binary_crossentropy",
    "sparse_categorical_crossentropy": "takes probabilities",
    "nonsense": "'nonsense'",
}


@pytest.mark.parametrize("loss", BAD_LOSSES)
def test_other_losses_are_refused(loss):
    model = build()
    with pytest.raises(ValueError, match=f"`loss`.*{BAD_LOSSES[loss]}.*from_logits"):
        model.compile("adam", loss)
    assert not model.compiled


def test_unlabelled_rows_are_no_class_of_a_loss():
    x, y = data()
    model = build()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(**SPARSE))
    with pytest.raises(ValueError, match=r"`y` has 3 unlabelled rows.*ignore_class=-1"):
        model.fit(x, y, verbose=0)
    history = model.fit(x, np.maximum(y, 0), verbose=0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": 5}, "`metrics`.*got 5"),
        ({"metrics": ["nonsense"]}, "`metrics`.*got 'nonsense'"),
        ({"metrics": ["mse"]}, "`metrics`.*got 'mse'"),
        ({"weighted_metrics": "nonsense"}, "`weighted_metrics`.*got 'nonsense'"),
        ({"metrics": {"a": "accuracy", "b": "ce"}}, "`metrics`.*one output.*'b'"),
        ({"loss_weights": [1.0]}, r"`loss_weights`.*got \[1.0\]"),
        ({"optimizer": "nonsense"}, "`optimizer`.*got 'nonsense'"),
        ({"optimizer": None}, "`optimizer`.*got None"),
        ({"jit_compile": "yes"}, "`jit_compile`.*got 'yes'"),
        ({"steps_per_execution": 0}, "`steps_per_execution`.*got 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    model = build()
    with pytest.raises(ValueError, match=message):
        model.compile(**{"algorithm": EG(), **options})


@pytest.mark.once
def test_unknown_options_name_the_one_that_is_like_them():
    with pytest.raises(TypeError, match=r"no argument `algoritm`.*mean `algorithm`"):
        build().compile("adam", algoritm=EG())
    with pytest.raises(TypeError, match=r"no argument `metric`.*mean `metrics`"):
        build().compile("adam", algorithm=EG(), metric="accuracy")


NOISE = keras.layers.GaussianNoise(0.1)


@pytest.mark.parametrize(
    ("model", "algorithm", "message"),
    [
        ("rmm", EG(consistency=1.0, augmentation=NOISE), "`consistency=1.0`.*leave"),
        (
            "drmm",
            EG(consistency=1.0, augmentation=keras.layers.Flatten()),
            r"`augmentation`.*\(None, 36\)",
        ),
        ("signed", SoftEM(), "HardEM"),
        ("drmm", EG, r"`algorithm`.*class EG. Give `EG\(\)`"),
        ("drmm", "eg", "`algorithm`.*got 'eg'"),
        ("tree", EG(), "hard EM of its own"),
    ],
)
def test_pairs_that_cannot_work_are_refused_at_compile(model, algorithm, message):
    from keras_drmm import EvolutionaryDRMM

    made = {
        "rmm": lambda: RMM((6, 6, 1), 3, 2),
        "drmm": build,
        "signed": lambda: DRMM([Level(4, 3)], (6, 6, 1), 3, nonnegative=False),
        "tree": lambda: EvolutionaryDRMM((6, 6, 1), 3, depth=1),
    }[model]()
    with pytest.raises(ValueError, match=message):
        made.compile("adam", algorithm=algorithm)


def test_without_metrics_nothing_is_said_of_metrics(recwarn):
    x, y = np.zeros((4, 4, 4, 1), "float32"), np.full(4, -1)
    for metrics, wanted in ((None, 0), (["accuracy"], 1)):
        model = DRMM([Level(2, 3)], (4, 4, 1), 2)
        model.compile("adam", algorithm=EG(cross_entropy=0), metrics=metrics)
        model.fit(x, y, verbose=0)
        said = [w for w in recwarn if "No row was labelled" in str(w.message)]
        assert len(said) == wanted


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow alone traces again"
)
def test_metrics_and_optimizer_cost_no_second_trace():
    class Traced(DRMM):
        traces = 0

        def train_step(self, data):
            self.traces += 1
            return super().train_step(data)

    x, y = np.zeros((4, 4, 4, 1), "float32"), np.array([0, 1, -1, 0])
    for metrics in (None, ["accuracy"]):
        model = Traced([Level(2, 3)], (4, 4, 1), 2)
        model.compile("adam", algorithm=EG(), metrics=metrics)
        model.fit(x, y, verbose=0)
        assert model.traces == 1
