"""A search chooses by hidden labels of the training set, and the same each time."""

import dataclasses
import doctest
import importlib
import sys

import keras
import numpy as np
import pytest

import keras_drmm
from keras_drmm import DRMM, EG, HardEM, Level, data
from keras_drmm.baselines import PseudoLabel
from keras_drmm.callbacks import Resume

keras_tuner = pytest.importorskip("keras_tuner")

from keras_drmm.tuning import EGHyperModel, SemiSupervisedHyperModel  # noqa: E402

VALUES = {
    "reconstruction": 0.2,
    "entropy": 0.3,
    "marginal_kl": 0.4,
    "class_kl": 0.05,
    "nonnegativity": 0.6,
    "consistency": 0.7,
    "warmup_steps": 7,
    "learning_rate": 0.003,
}
STEPS = 60
SEED = 6


def small(algorithm=None):
    model = DRMM([Level(8, 3, pool_size=2)], (8, 8, 1), 3, pooling=None)
    model.compile(algorithm=algorithm or EG(render_divisor=2))
    return model


def make_dataset(validation=60, size=240):
    """Three classes: a bar at one of three heights, in noise."""
    rng = np.random.default_rng(0)
    y = np.arange(size) % 3
    x = rng.integers(0, 60, (size, 8, 8), dtype="uint8")
    x[np.arange(size), 1 + 2 * y] += 190
    return data.semi_supervised(
        x, y, 12, batch_size=12, labelled_per_batch=4, validation=validation
    )


def make_tuner(folder, tuner=None, seed=0, **options):
    options = options or {"max_trials": 3}
    return (tuner or keras_tuner.RandomSearch)(
        EGHyperModel(small, training_steps=STEPS, seed=seed),
        objective=keras_tuner.Objective("validation_error", "min"),
        seed=SEED,
        directory=folder,
        project_name="search",
        **options,
    )


def chosen(values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def error(model, dataset):
    """Validation error in percent, row by row."""
    images, labels = dataset.validation
    logits = model.predict(images, batch_size=7, verbose=0)
    wrong = [
        int(np.argmax(row)) != label for row, label in zip(logits, labels, strict=True)
    ]
    return 100 * sum(wrong) / len(wrong)


@pytest.mark.parametrize("name", ["drmm_lenet", "rfm"])
def test_builds_a_model_of_the_zoo_with_the_hyperparameters(name):
    hypermodel = EGHyperModel(name, STEPS, input_shape=(16, 16, 1), num_classes=3)
    model = hypermodel.build(chosen(VALUES))
    assert (model.name, model.image_shape, model.num_classes) == (name, (16, 16, 1), 3)
    own = hypermodel.function((16, 16, 1), 3).algorithm
    expected = {key: VALUES[key] for key in VALUES if key != "learning_rate"}
    if name == "rfm":
        expected["nonnegativity"] = 0
    for key, value in expected.items():
        assert getattr(model.algorithm, key) == value
    assert model.algorithm.render_divisor == own.render_divisor > 1
    rate = model.optimizer._learning_rate
    assert float(rate(0)) == pytest.approx(VALUES["learning_rate"])
    assert float(rate(STEPS)) == pytest.approx(0, abs=1e-9)


@pytest.mark.smoke
def test_what_is_not_tuned_is_as_the_model_was_compiled():
    algorithm = EG(reconstruction=0.5, class_kl=0, warmup_steps=3)
    hypermodel = EGHyperModel(small, STEPS, algorithm=algorithm)
    assert hypermodel.build(keras_tuner.HyperParameters()).algorithm == algorithm


@pytest.mark.smoke
def test_a_model_of_the_zoo_that_is_not_tuned_learns_as_the_zoo_has_it():
    shape = {"input_shape": (16, 16, 1), "num_classes": 3}
    hypermodel = EGHyperModel("drmm_lenet", 5000, **shape)
    model = hypermodel.build(keras_tuner.HyperParameters())
    own = hypermodel.function(**shape, training_steps=5000)
    assert model.algorithm.get_config() == own.algorithm.get_config()
    rate = float(keras.ops.convert_to_numpy(own.optimizer.learning_rate))
    assert float(model.optimizer._learning_rate(0)) == pytest.approx(rate)


@pytest.mark.smoke
@pytest.mark.parametrize("is_scaled", [False, True])
def test_what_else_a_model_was_compiled_with_is_kept(is_scaled):
    def make():
        model = small()
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9, clipnorm=1.0)
        if is_scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 8.0)
        model.compile(
            optimizer,
            algorithm=EG(warmup_steps=None),
            metrics=["sparse_top_k_categorical_accuracy"],
            steps_per_execution=2,
        )
        return model

    model = EGHyperModel(make, 600).build(chosen({"learning_rate": 0.003}))
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert (optimizer.momentum, optimizer.clipnorm) == (0.9, 1.0)
    assert float(optimizer._learning_rate(0)) == pytest.approx(0.003)
    assert getattr(model.optimizer, "initial_scale", None) == (8 if is_scaled else None)
    assert model.steps_per_execution == 2
    names = model.compile_arguments["metrics"]
    assert "sparse_top_k_categorical_accuracy" in str(names)
    # The zoo's warm-up, a third of the steps where these are few.
    assert model.algorithm.warmup_steps == 200


def test_a_search_for_one_of_them_leaves_the_others(tmp_path):
    """And the range may be another."""
    hp = keras_tuner.HyperParameters()
    hp.Float("entropy", 3.0, 4.0, sampling="log")
    options = {"max_trials": 1, "hyperparameters": hp, "tune_new_entries": False}
    tuner = make_tuner(tmp_path, **options)
    tuner.search(make_dataset(), verbose=0)
    algorithm = tuner.get_best_models()[0].algorithm
    assert 3 <= algorithm.entropy <= 4
    assert dataclasses.replace(algorithm, entropy=0.5) == small().algorithm


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RandomSearch", {"max_trials": 3}),
        ("BayesianOptimization", {"max_trials": 3, "num_initial_points": 2}),
    ],
)
def test_best_trial_has_the_least_error_of_the_reloaded_models(name, options, tmp_path):
    dataset = make_dataset()
    hp = keras_tuner.HyperParameters()
    # From one that learns nothing on.
    hp.Float("learning_rate", 1e-6, 3e-2, sampling="log")
    options = {**options, "hyperparameters": hp}
    tuner = make_tuner(tmp_path, getattr(keras_tuner, name), **options)
    tuner.search(dataset, epochs=2, verbose=0)
    trials = tuner.oracle.get_best_trials(3)
    assert len({trial.trial_id for trial in trials}) == 3
    errors = [error(model, dataset) for model in tuner.get_best_models(3)]
    np.testing.assert_allclose([trial.score for trial in trials], errors, atol=1e-6)
    assert errors == sorted(errors)
    # Guessing is wrong on two of three.
    assert errors[0] < 20
    assert len(set(errors)) > 1


OBJECTIVES = {
    "val_accuracy": lambda error: 1 - error / 100,
    "val_loss": None,
    None: lambda error: error,
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_is_what_it_names(objective, tmp_path):
    """The best trial is that of an evaluation of its own, in the right direction."""
    dataset = make_dataset()
    hp = keras_tuner.HyperParameters()
    hp.Float("learning_rate", 1e-6, 3e-2, sampling="log")
    tuner = keras_tuner.RandomSearch(
        EGHyperModel(small, training_steps=STEPS),
        objective=objective,
        max_trials=3,
        seed=SEED,
        hyperparameters=hp,
        directory=tmp_path,
    )
    tuner.search(dataset, epochs=2, verbose=0)
    trials = tuner.oracle.get_best_trials(3)
    models = tuner.get_best_models(3)
    if objective == "val_loss":
        images, labels = dataset.validation
        scores = [
            model.evaluate(images, labels, batch_size=500, verbose=0)[0]
            for model in models
        ]
    else:
        scores = [OBJECTIVES[objective](error(model, dataset)) for model in models]
    assert len(set(scores)) > 1
    assert scores == sorted(scores, reverse=objective == "val_accuracy")
    np.testing.assert_allclose([t.score for t in trials], scores, rtol=1e-5, atol=1e-6)


def test_objectives_can_be_several(tmp_path):
    dataset = make_dataset()
    tuner = keras_tuner.RandomSearch(
        EGHyperModel(small, training_steps=STEPS),
        objective=[
            keras_tuner.Objective("validation_error", "min"),
            keras_tuner.Objective("val_accuracy", "max"),
        ],
        max_trials=1,
        directory=tmp_path,
    )
    tuner.search(dataset, epochs=1, verbose=0)
    (trial,) = tuner.oracle.get_best_trials(1)
    (model,) = tuner.get_best_models(1)
    found = error(model, dataset)
    assert trial.score == pytest.approx(found - (1 - found / 100))


@pytest.mark.parametrize(
    ("objective", "arguments", "options", "message"),
    [
        ("val_f1", "dataset", {}, "val_f1"),
        ("accuracy", "dataset", {}, "'accuracy'|\"accuracy\""),
        ("validation_error", "arrays", {}, "SemiSupervisedDataset.*ndarray"),
        ("validation_error", "named arrays", {}, "no argument `x`"),
        ("validation_error", "none", {}, "SemiSupervisedDataset.*None"),
        ("validation_error", "dataset", {"epochs": 0}, "`epochs`.*got 0"),
        ("validation_error", "dataset", {"epochs": "2"}, "`epochs`.*got '2'"),
        ("validation_error", "dataset", {"batch_size": 3}, "`batch_size`"),
    ],
)
def test_a_search_that_cannot_work_ends_at_once(
    objective, arguments, options, message, tmp_path
):
    """Before a step of training, with the reason."""
    dataset = make_dataset()
    x, y = dataset.validation
    positional = {"dataset": (dataset,), "arrays": (x, y)}.get(arguments, ())
    named = {"x": x, "y": y} if arguments == "named arrays" else {}
    built = []

    def remembered():
        built.append(small())
        return built[-1]

    tuner = keras_tuner.RandomSearch(
        EGHyperModel(remembered, training_steps=STEPS),
        objective=keras_tuner.Objective(objective, "min"),
        max_trials=2,
        directory=tmp_path,
    )
    with pytest.raises((ValueError, TypeError), match=message):
        tuner.search(*positional, verbose=0, **named, **options)
    assert all(int(model.optimizer.iterations) == 0 for model in built)


def test_same_seed_same_search(tmp_path):
    found = []
    for name in ("one", "two"):
        tuner = make_tuner(tmp_path / name, max_trials=2)
        tuner.search(make_dataset(), epochs=1, verbose=0)
        trials = tuner.oracle.get_best_trials(2)
        found.append([(v.trial_id, v.hyperparameters.values, v.score) for v in trials])
    assert found[0] == found[1]
    assert found[0][0][1] != found[0][1][1]


def test_stopped_search_goes_on_with_its_trial(tmp_path):
    """The data set has moved on: each trial puts it back."""
    dataset = make_dataset()
    tuner = make_tuner(tmp_path / "whole", max_trials=2)
    tuner.search(dataset, epochs=1, verbose=0)
    scores = {k: v.score for k, v in tuner.oracle.trials.items()}

    tuner = make_tuner(tmp_path / "parts", max_trials=2)
    fit = tuner.hypermodel.fit
    runs = []

    def stop_the_second(*args, **kwargs):
        runs.append(1)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return fit(*args, **kwargs)

    tuner.hypermodel.fit = stop_the_second
    with pytest.raises(KeyboardInterrupt):
        tuner.search(dataset, epochs=1, verbose=0)
    tuner = make_tuner(tmp_path / "parts", max_trials=2)
    tuner.search(dataset, epochs=1, verbose=0)
    assert {k: v.score for k, v in tuner.oracle.trials.items()} == scores


class Epochs(keras.callbacks.Callback):
    """Counts the epochs of a search, and interrupts it after some of them."""

    def __init__(self, counted, last=None):
        super().__init__()
        self.counted, self.last = counted, last

    def __deepcopy__(self, memo):
        # keras-tuner copies callbacks for each trial.
        return type(self)(self.counted, self.last)

    def on_epoch_begin(self, epoch, logs=None):
        # `Resume` keeps what the epoch before made after all other callbacks.
        if len(self.counted) == self.last:
            raise KeyboardInterrupt
        self.counted.append(epoch)


def test_a_stopped_search_goes_on_within_its_trial(tmp_path):
    dataset = make_dataset()
    whole = make_tuner(tmp_path / "whole", max_trials=2)
    whole.search(dataset, epochs=2, verbose=0)

    counted: list = []
    resume = Resume(tmp_path / "runs")
    with pytest.raises(KeyboardInterrupt):
        make_tuner(tmp_path / "parts", max_trials=2).search(
            dataset, epochs=2, verbose=0, callbacks=[resume, Epochs(counted, 3)]
        )
    tuner = make_tuner(tmp_path / "parts", max_trials=2)
    given = [resume, Epochs(counted)]
    tuner.search(dataset, epochs=2, verbose=0, callbacks=given)
    # No epoch was learned twice, nor left out.
    assert counted == [0, 1, 0, 1]
    assert len(list((tmp_path / "runs").iterdir())) == 2
    scores, expected = (
        [trial.score for _, trial in sorted(t.oracle.trials.items())]
        for t in (tuner, whole)
    )
    assert scores == expected


def test_a_resume_has_one_run_of_each_trial(tmp_path):
    tuner = make_tuner(tmp_path, max_trials=1, executions_per_trial=2)
    with pytest.raises(keras_tuner.errors.FatalValueError, match="trial=2"):
        tuner.search(make_dataset(), verbose=0, callbacks=[Resume(tmp_path / "runs")])


def test_hyperband_goes_on_as_if_it_had_not_stopped(tmp_path):
    dataset = make_dataset()
    tuner = make_tuner(tmp_path, keras_tuner.Hyperband, max_epochs=3)
    tuner.search(dataset, verbose=0)
    (promoted,) = [
        trial
        for trial in tuner.oracle.trials.values()
        if "tuner/trial_id" in trial.hyperparameters.values
    ]
    values = promoted.hyperparameters.values
    assert (values["tuner/initial_epoch"], values["tuner/epochs"]) == (1, 3)
    resumed = tuner.load_model(promoted)
    own = {key: values[key] for key in VALUES if key in values}
    hypermodel = EGHyperModel(small, training_steps=STEPS)
    whole = hypermodel.build(chosen(own))
    scores = hypermodel.fit(chosen(own), whole, dataset, epochs=3, verbose=0)
    assert promoted.score == pytest.approx(scores["validation_error"])
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_any_classifier_can_be_searched_for(tmp_path):
    class Width(SemiSupervisedHyperModel):
        """Hidden units of a network of stock layers."""

        def build(self, hp):
            keras.utils.set_random_seed(0)
            units = hp.Int("units", 8, 16, step=8)
            network = keras.Sequential(
                [
                    keras.Input((8, 8, 1)),
                    keras.layers.Flatten(),
                    keras.layers.Dense(units, "relu"),
                    keras.layers.Dense(3),
                ]
            )
            baseline = PseudoLabel(network, alpha=0.1)
            baseline.compile(keras.optimizers.Adam(1e-2))
            return baseline

    tuner = keras_tuner.GridSearch(
        Width(),
        objective=keras_tuner.Objective("validation_error", "min"),
        directory=tmp_path,
    )
    dataset = make_dataset()
    tuner.search(dataset, epochs=3, verbose=0)
    trials = tuner.oracle.get_best_trials(2)
    assert {t.hyperparameters.values["units"] for t in trials} == {8, 16}
    best = tuner.get_best_models()[0]
    assert trials[0].score == pytest.approx(error(best, dataset))
    assert trials[0].score < 20


def test_seed_none_draws_other_weights():
    """And a seed always the same."""
    for seed, is_same in ((0, True), (None, False)):
        hypermodel = EGHyperModel(small, STEPS, seed=seed)
        first, second = (
            hypermodel.build(chosen(VALUES)).levels[0].get_weights() for _ in range(2)
        )
        same = all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert same == is_same


@pytest.mark.parametrize("kind", [EGHyperModel, SemiSupervisedHyperModel])
def test_examples_are_true(kind, tmp_path, monkeypatch):
    # keras-tuner writes its trials to the working directory.
    monkeypatch.chdir(tmp_path)
    names = {"keras_drmm": keras_drmm, "keras_tuner": keras_tuner, kind.__name__: kind}
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(kind, kind.__name__, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_search_without_validation_rows_stops_at_once(tmp_path):
    with pytest.raises(ValueError, match="no validation rows"):
        make_tuner(tmp_path).search(make_dataset(validation=0), verbose=0)


def test_search_takes_nothing_but_a_semi_supervised_dataset(tmp_path):
    images, labels = make_dataset().validation
    with pytest.raises(TypeError, match="SemiSupervisedDataset"):
        make_tuner(tmp_path).search(list(zip(images, labels, strict=True)), verbose=0)


@pytest.mark.smoke
def test_validation_rows_must_be_hidden():
    dataset = make_dataset()
    dataset.labelled_indices = dataset.validation_indices[:1]
    hypermodel = EGHyperModel(small, STEPS)
    with pytest.raises(ValueError, match="sees the labels of some validation rows"):
        hypermodel.fit(None, None, dataset)


@pytest.mark.smoke
def test_arguments_are_checked():
    with pytest.raises(ValueError, match="no model 'resnet'"):
        EGHyperModel("resnet", STEPS)
    with pytest.raises(ValueError, match="training_steps"):
        EGHyperModel(small, 0)
    with pytest.raises(ValueError, match="does not learn by `EG`"):
        EGHyperModel(lambda: small(HardEM()), STEPS).build(chosen(VALUES))


@pytest.mark.smoke
def test_keras_tuner_is_optional(monkeypatch):
    """`test_no_tensorflow.py` shows that the package itself does not import it."""
    for name in [name for name in sys.modules if name.startswith("keras_drmm.tuning")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    with pytest.raises(ModuleNotFoundError, match=r"keras-drmm\[tuner\]"):
        importlib.import_module("keras_drmm.tuning")
