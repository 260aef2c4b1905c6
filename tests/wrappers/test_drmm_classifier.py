"""DRMMClassifier keeps scikit-learn's contract, and learns as the library does."""

import copy
import doctest
import pickle
import random
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import sklearn
from scipy.special import softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import check_estimator

import keras_drmm
from keras_drmm import DRMM, EG, RMM, Level, SoftEM, data
from keras_drmm.learning.schedule import cosine_decay
from keras_drmm.wrappers import DRMMClassifier

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "scikit_learn.md"
DIGITS = load_digits(return_X_y=True)


def rmm(image_shape, num_classes):
    """One template a class: it learns in a sweep or two."""
    model = RMM(image_shape, num_classes, 1)
    model.compile(algorithm=SoftEM())
    return model


def one_level(image_shape, num_classes):
    """A network of few weights that learns fast."""
    model = DRMM([Level(8, 3)], image_shape, num_classes, pooling=None)
    algorithm = EG(reconstruction=0, nonnegativity=0, entropy=0, marginal_kl=0)
    model.compile(keras.optimizers.Adam(0.1), algorithm=algorithm)
    return model


def for_digits(image_shape, num_classes):
    levels = [Level(32, 3, pool_size=2, batch_norm=True)]
    model = DRMM(levels, image_shape, num_classes, pooling=None)
    algorithm = EG(reconstruction=0, nonnegativity=0, entropy=1, warmup_steps=None)
    model.compile(keras.optimizers.Adam(cosine_decay(0.01, None)), algorithm=algorithm)
    return model


def uncompiled(image_shape, num_classes):
    return RMM(image_shape, num_classes, 1)


def one_logit_more(image_shape, num_classes):
    return rmm(image_shape, num_classes + 1)


def probabilities(image_shape, num_classes):
    """A Keras classifier as it is often written."""
    rows = keras.layers.Flatten(), keras.layers.Dense(num_classes, "softmax")
    model = keras.Sequential([keras.Input(image_shape), *rows])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def few_digits(rows=60):
    """Digits of three classes, a third of them unlabelled: images, labels."""
    X, y = DIGITS
    X, y = X[y < 3][:rows], y[y < 3][:rows]
    return X.reshape(-1, 8, 8), np.where(np.arange(rows) % 3, y, -1)


def fitted(X=None, y=None, model=rmm, **options):
    if X is None:
        X, y = few_digits()
    return DRMMClassifier(model, **{"random_state": 0, **options}).fit(X, y)


def weights_of(classifier):
    """All weights in a row."""
    return np.concatenate([np.ravel(v) for v in classifier.model_.get_weights()])


def draw():
    """A number of Python's stream and of NumPy's."""
    return random.random(), check_random_state(None).random_sample()


@pytest.mark.once
@pytest.mark.skipif(
    not sklearn.__version__.startswith("1.9."), reason="the guide counts those of 1.9"
)
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.always
def test_the_checks_of_scikit_learn_pass_as_the_guide_says():
    expected = {"check_classifiers_classes": "-1 is one of its two classes"}
    results = check_estimator(
        DRMMClassifier(rmm, epochs=2, batch_size=300),
        expected_failed_checks=expected,
        on_skip=None,
    )
    states = [result["status"] for result in results]
    assert set(states) <= {"passed", "xfail", "skipped"}
    said = re.search(r"(\d+) checks pass and (\d+) fails", GUIDE.read_text())
    assert said
    # Without pandas, as the suite's environment is.
    found = states.count("passed"), states.count("xfail")
    assert found == tuple(map(int, said.groups()))
    (failed,) = (v for v in results if v["status"] == "xfail")
    assert "-1 is no class" in str(failed["exception"])


@pytest.mark.once
@pytest.mark.parametrize("page", ["guide", "class"])
def test_examples_are_true(page):
    names = {"np": np, "keras_drmm": keras_drmm}
    parser, finder = doctest.DocTestParser(), doctest.DocTestFinder(recurse=False)
    if page == "guide":
        test = parser.get_doctest(GUIDE.read_text(), {}, "guide", str(GUIDE), 0)
    else:
        (test,) = finder.find(DRMMClassifier, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.once
def test_unlabelled_rows_help():
    """Three labels a class: better than they alone, and than self-training."""
    X, y = DIGITS
    ours, alone, self_training, spreading = [], [], [], []
    calibrated = CalibratedClassifierCV(SVC(), ensemble=False, cv=3)
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=600, stratify=y, random_state=seed
        )
        kept = [np.flatnonzero(y_train == c)[:3] for c in range(10)]
        labelled = np.concatenate(kept)
        few = np.full(len(y_train), -1)
        few[labelled] = y_train[labelled]
        classifier = fitted(X_train, few, for_digits, epochs=12, random_state=seed)
        ours.append(classifier.score(X_test, y_test))
        # One batch an epoch: as many steps.
        steps = int(keras.ops.convert_to_numpy(classifier.model_.optimizer.iterations))
        fit_alone = fitted(
            X_train[labelled],
            y_train[labelled],
            for_digits,
            epochs=steps,
            random_state=seed,
        )
        alone.append(fit_alone.score(X_test, y_test))
        for rival, scores in (
            (
                SelfTrainingClassifier(calibrated),
                self_training,
            ),
            (LabelSpreading(kernel="knn"), spreading),
        ):
            scores.append(rival.fit(X_train, few).score(X_test, y_test))
    gains = np.subtract(ours, alone)
    assert gains.min() > 0.01
    assert gains.mean() > 0.03
    assert np.mean(ours) > np.mean(self_training) + 0.02
    # Which the guide admits.
    assert np.mean(ours) < np.mean(spreading)


def test_a_pickled_classifier_predicts_the_same():
    X, y = few_digits()
    classifier = fitted(X, y, one_level, epochs=2)
    expected = classifier.predict_proba(X)
    assert len(set(expected.argmax(axis=1))) > 1
    for restored in (
        pickle.loads(pickle.dumps(classifier)),
        copy.deepcopy(classifier),
    ):
        assert restored.model_ is not classifier.model_
        np.testing.assert_array_equal(restored.predict_proba(X), expected)
        assert restored.history_ == classifier.history_


def test_random_state_fixes_every_weight_and_leaves_other_streams_alone():
    X, y = few_digits()
    keras.utils.set_random_seed(3)
    expected = draw()
    keras.utils.set_random_seed(3)
    first = fitted(X, y, one_level, epochs=2)
    assert draw() == expected
    again = fitted(X, y, one_level, epochs=2)
    np.testing.assert_array_equal(weights_of(first), weights_of(again))
    assert first.history_ == again.history_
    other = fitted(X, y, one_level, epochs=2, random_state=1)
    assert not np.array_equal(weights_of(first), weights_of(other))


@pytest.mark.once
def test_random_state_none_goes_on_with_numpys():
    options = {"model": one_level, "random_state": None, "epochs": 1}
    keras.utils.set_random_seed(0)
    first, second = (fitted(**options) for _ in range(2))
    keras.utils.set_random_seed(0)
    again = fitted(**options)
    np.testing.assert_array_equal(weights_of(first), weights_of(again))
    assert not np.array_equal(weights_of(first), weights_of(second))


@pytest.mark.once
def test_learns_as_the_model_does_from_a_semi_supervised_data_set():
    X, y = few_digits()
    given = fitted(X, y, one_level, epochs=2, batch_size=5, random_state=5)
    seed = int(np.random.RandomState(5).randint(2**31 - 1))
    images = (X / 16).astype("float32")
    dataset = data.semi_supervised(images, y, None, batch_size=5, seed=seed)
    keras.utils.set_random_seed(seed)
    model = one_level((8, 8, 1), 3)
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(given.model_.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert given.history_ == history.history
    assert len(given.history_["loss"]) == 2


@pytest.mark.once
def test_verbose_is_that_of_fit(capsys):
    fitted(epochs=1)
    assert capsys.readouterr().out == ""
    fitted(epochs=2, verbose=2)
    assert "Epoch 2/2" in capsys.readouterr().out


SCALES = {
    "uint8": (lambda X: (X * 15).astype("uint8"), (0, 255)),
    "unit": (lambda X: X / 20, (0, 1)),
    "bool": (lambda X: X > 8, (0, 1)),
    "float": (lambda X: X * 3 - 5, (-5, 43)),
    "int": (lambda X: X.astype("int64") - 5, (-5, 11)),
    "constant": (lambda X: np.full_like(X, 7), (7, 7)),
}


@pytest.mark.once
@pytest.mark.parametrize("scale", SCALES)
def test_pixels_are_scaled_by_the_range_of_fit(scale):
    change, ends = SCALES[scale]
    X, y = few_digits()
    classifier = fitted(change(X), y)
    assert classifier.pixel_range_ == ends
    # More than `fit` has seen, where the type has room for it.
    X = change(X)
    if scale in ("float", "int"):
        X[0, :2], X[0, 2:4] = -20, 60
    expected = (X.astype(float) - ends[0]) / ((ends[1] - ends[0]) or 1)
    expected = np.clip(expected, 0, 1).astype("float32")
    logits = classifier.model_.predict(expected[..., None], verbose=0)
    found = classifier.predict_proba(X)
    np.testing.assert_allclose(found, softmax(logits, axis=1), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(classifier.predict(X), found.argmax(axis=1))


@pytest.mark.once
@pytest.mark.parametrize("type_range", [1, 255])
def test_pixels_of_another_type_are_told(type_range):
    X, y = few_digits()
    kind = "uint8" if type_range == 255 else "float64"
    classifier = fitted((X / 16 * type_range).astype(kind), y)
    with pytest.warns(
        UserWarning, match=rf"to {type_range + 1}\.0.*within \[0, {type_range}\]"
    ):
        classifier.predict(X / 16 * (type_range + 1))
    with pytest.warns(UserWarning, match="from -16"):
        classifier.predict(-X)
    if type_range == 255:
        with pytest.warns(UserWarning, match="no pixel above 1.*`fit` saw pixels up"):
            classifier.predict(X / 16)


@pytest.mark.once
def test_a_mask_of_bytes_is_told_to_be_black():
    X, y = few_digits()
    with pytest.warns(UserWarning, match="no pixel above 1, of uint8"):
        fitted((X > 8).astype("uint8"), y)


@pytest.mark.once
@pytest.mark.filterwarnings("error::UserWarning")
def test_forms_of_images_are_one():
    X, y = few_digits()
    classifiers = [
        fitted(X, y),
        fitted(X[..., None], y),
        fitted(X.reshape(-1, 64), y),
        fitted(X.tolist(), y.tolist()),
        fitted(X.reshape(-1, 64), y, image_shape=(8, 8, 1)),
    ]
    for classifier in classifiers:
        assert classifier.image_shape_ == (8, 8, 1)
        assert classifier.n_features_in_ == 64
        for again in (X, X[..., None], X.reshape(-1, 64)):
            np.testing.assert_array_equal(
                classifier.predict_proba(again), classifiers[0].predict_proba(X)
            )


@pytest.mark.once
def test_flat_rows_that_are_no_square_are_rows_of_pixels_unless_told():
    X, y = few_digits()
    X = X[:, :6].reshape(-1, 48)
    with pytest.warns(UserWarning, match="48 columns.*1, 48, 1.*image_shape"):
        assert fitted(X, y).image_shape_ == (1, 48, 1)
    classifier = fitted(X, y, image_shape=(4, 4, 3))
    assert classifier.model_.image_shape == classifier.image_shape_ == (4, 4, 3)
    assert classifier.predict(X.reshape(-1, 4, 4, 3)).shape == (60,)


@pytest.mark.once
@pytest.mark.parametrize("batch_size", [2, 7, 1000])
def test_labels_may_be_names(batch_size):
    X, y = few_digits()
    names = np.array(["zero", "one", "two"], dtype=object)
    named = np.where(y >= 0, names[y], -1)
    classifier = fitted(X, named, batch_size=batch_size, epochs=3)
    assert classifier.classes_.tolist() == ["one", "two", "zero"]
    probabilities = classifier.predict_proba(X)
    columns = [["one", "two", "zero"][c] for c in probabilities.argmax(axis=1)]
    assert classifier.predict(X).tolist() == columns
    expected = np.where(y >= 0, names[y], columns)
    assert classifier.transduction_.tolist() == expected.tolist()
    # Rows without label are classified, not only kept.
    assert set(classifier.transduction_[y < 0]) == set(names)
    truth = DIGITS[1][DIGITS[1] < 3][:60]
    assert np.mean(classifier.transduction_ == names[truth]) > 0.9


@pytest.mark.once
def test_labels_keep_their_values_and_type():
    X, y = few_digits()
    for classes in (np.array([5, 9, 2]), np.array([0.0, 3.0, 1.0])):
        given = np.where(y >= 0, classes[y], -1)
        classifier = fitted(X, given)
        assert classifier.classes_.tolist() == sorted(classes)
        assert classifier.predict(X).dtype == classifier.transduction_.dtype
        assert classifier.transduction_.dtype == given.dtype
        labelled = given != -1
        assert (classifier.transduction_ == given)[labelled].all()
        assert given[~labelled].max() == -1


@pytest.mark.once
def test_works_in_pipelines_searches_and_cross_validation():
    X, y = few_digits()
    X, y = X[y >= 0].reshape(-1, 64), y[y >= 0]
    inverse = FunctionTransformer(np.negative)
    pipeline = make_pipeline(inverse, DRMMClassifier(one_level, random_state=0))
    grid = {"drmmclassifier__epochs": [1, 6]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    means = search.cv_results_["mean_test_score"]
    assert means[1] > means[0]
    assert search.best_params_ == {"drmmclassifier__epochs": 6}
    best = clone(pipeline).set_params(drmmclassifier__epochs=6)
    assert cross_val_score(best, X, y, cv=2).mean() == means[1]
    direct = DRMMClassifier(one_level, epochs=6, random_state=0).fit(-X, y)
    np.testing.assert_array_equal(search.predict(X), direct.predict(-X))


@pytest.mark.once
def test_the_default_is_a_model_of_the_zoo_where_images_are_large_enough():
    rng = np.random.default_rng(0)
    y = np.arange(6) % 3 - 1
    found = {}
    for side in (8, 7, 4, 3):
        X = rng.random((6, side, side))
        found[side] = fitted(X, y, None, epochs=1).model_
    assert found[8].name == "for_images"
    assert [len(found[side].levels) for side in (8, 7, 4, 3)] == [3, 1, 1, 1]
    pools = [found[side].levels[0].pool.pool_size for side in (7, 4, 3)]
    assert pools == [(2, 2), (2, 2), (1, 1)]
    assert all(model.algorithm.consistency == 2 for model in found.values())


@pytest.mark.once
@pytest.mark.parametrize(
    ("X", "y", "options", "error", "message"),
    [
        (0, np.full(60, -1), {}, ValueError, "2 or more classes, got no class"),
        (0, np.minimum(few_digits()[1], 0), {}, ValueError, r"got 1 class: \[0\]"),
        (0, np.repeat(["a", "-1"], 30), {}, ValueError, "dtype object"),
        (0, np.linspace(0, 1, 60), {}, ValueError, "Unknown label type"),
        (0, few_digits()[1][:9], {}, ValueError, r"inconsistent.*\[60, 9\]"),
        (0, None, {}, ValueError, "requires y to be passed"),
        (np.full((60, 8, 8), np.nan), 0, {}, ValueError, "X contains NaN"),
        (np.ones(60), 0, {}, ValueError, "Expected 2D array, got 1D"),
        (np.ones((60, 2, 2, 2, 2)), 0, {}, ValueError, "dim 5"),
        (np.ones((0, 8, 8)), [], {}, ValueError, r"0 sample\(s\)"),
        (0, 0, {"image_shape": (4, 4, 4)}, ValueError, r"must be \(8, 8, 1\).*4, 4, 4"),
        (
            np.ones((60, 64)),
            0,
            {"image_shape": (8, 9, 1)},
            ValueError,
            r"64 columns.*\(8, 9, 1\), which has 72",
        ),
        (0, 0, {"image_shape": (8, 8)}, ValueError, r"`image_shape`.*\(8, 8\)"),
        (0, 0, {"epochs": 0}, ValueError, "`epochs`.*got 0"),
        (0, 0, {"batch_size": 1}, ValueError, "`batch_size`.*got 1"),
        (0, 0, {"verbose": 3}, ValueError, "`verbose`.*got 3"),
        (0, 0, {"random_state": "a"}, ValueError, "'a'"),
        (0, 0, {"model": "rmm"}, TypeError, "`model` must be a function.*'rmm'"),
        (0, 0, {"model": rmm((8, 8, 1), 3)}, TypeError, "`model` must be a function"),
        (0, 0, {"model": lambda *_: None}, TypeError, "`Model`, got None"),
        (0, 0, {"model": uncompiled}, ValueError, "compiled model, got 'rmm"),
        (0, 0, {"model": one_logit_more}, ValueError, r"3 logits.*\(1, 4\)"),
        (0, 0, {"model": probabilities}, ValueError, "last layer is a softmax"),
    ],
)
def test_bad_input_is_told(X, y, options, error, message):
    images, labels = few_digits()
    X = images if isinstance(X, int) else X
    y = labels if isinstance(y, int) else y
    with pytest.raises(error, match=message):
        fitted(X, y, **{"model": rmm, **options})


@pytest.mark.once
def test_bad_images_to_predict_are_told():
    classifier = fitted()
    X, _ = few_digits()
    for method in (classifier.predict, classifier.predict_proba):
        with pytest.raises(ValueError, match=r"shape \(8, 8, 1\).*\(7, 8\)"):
            method(X[:, :7])
        # As many pixels.
        with pytest.raises(ValueError, match=r"shape \(8, 8, 1\).*\(4, 16\)"):
            method(X.reshape(-1, 4, 16))
        with pytest.raises(ValueError, match=r"X has 63 features.* expecting 64"):
            method(X.reshape(-1, 64)[:, :63])
        with pytest.raises(ValueError, match="contains NaN"):
            method(np.where(X > 8, np.nan, X))
    for method in (DRMMClassifier().predict, DRMMClassifier().predict_proba):
        with pytest.raises(NotFittedError):
            method(X)
