"""What methods of models are given: lists, shapes, weights, sizes of batches."""

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, RMM, EvolutionaryDRMM, HardEM, Level
from keras_drmm.models import checks
from tests.shared_models import shared

RNG = np.random.default_rng(0)
X = RNG.random((12, 6, 6, 1)).astype("float32")
Y = np.arange(12) % 4 - 1


def uncompiled():
    keras.utils.set_random_seed(0)
    return DRMM([Level(4, 3, pool_size=2)], (6, 6, 1), 3)


@shared
def build():
    model = uncompiled()
    model.compile("sgd", algorithm=EG())
    return model


@shared
def build_rmm():
    keras.utils.set_random_seed(0)
    model = RMM((6, 6, 1), 3, 2)
    model.compile(algorithm=HardEM())
    return model


def build_tree():
    return EvolutionaryDRMM((6, 6, 1), 3, depth=1)


@pytest.mark.parametrize("make", [build, build_rmm])
def test_lists_give_what_arrays_do(make):
    weights = np.linspace(0, 2, 12)
    given = []
    for x, y, w in ((X, Y, weights), (X.tolist(), Y.tolist(), weights.tolist())):
        model = make()
        history = model.fit(
            x, y, sample_weight=w, validation_data=(x, y), shuffle=False, verbose=0
        )
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
        e_step = model.infer(x, y)
        given.append(
            [
                *(v[-1] for _, v in sorted(history.history.items())),
                *(logs[name] for name in sorted(logs)),
                *model.predict(x, verbose=0).ravel(),
                *e_step.classes,
                *model.reconstruct(x).ravel(),
                *model.max_sum_score(x),
            ]
        )
    np.testing.assert_array_equal(*given)


def test_a_tree_grows_from_lists_as_from_arrays():
    trees = [build_tree(), build_tree()]
    trees[0].fit(X, Y, seed=0, verbose=0)
    trees[1].fit(X.tolist(), Y.tolist(), seed=0, verbose=0)
    for ours, theirs in zip(*(tree.get_weights() for tree in trees), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_numbers_of_numpy_are_numbers():
    ours = build().fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0)
    theirs = build().fit(
        X, Y, batch_size=np.int64(5), epochs=np.int32(2), shuffle=False, verbose=0
    )
    assert ours.history == theirs.history


@pytest.mark.parametrize("size", [0, -1, 2.5, "32", True])
def test_sizes_of_batches(size):
    model, rmm = build(), build_rmm()
    for call in (
        lambda: model.fit(X, Y, batch_size=size, verbose=0),
        lambda: model.evaluate(X, Y, batch_size=size, verbose=0),
        lambda: model.predict(X, batch_size=size, verbose=0),
        lambda: model.infer(X, batch_size=size),
        lambda: model.reconstruct(X, batch_size=size),
        lambda: model.max_sum_score(X, batch_size=size),
        lambda: rmm.log_prob(X, batch_size=size),
        lambda: rmm.responsibilities(X, batch_size=size),
        lambda: build_tree().fit(X, Y, batch_size=size),
    ):
        with pytest.raises(ValueError, match=f"`batch_size`.*got {size!r}"):
            call()


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_a_model_must_be_compiled(method):
    with pytest.raises(ValueError, match=f"`{method}` needs a compiled.*algorithm=ker"):
        getattr(uncompiled(), method)(X, Y)


RGB = np.repeat(X, 3, axis=-1)
ADVICE = {
    "no channel": (X[..., 0], "channel axis of grey images by `x\\[..., None\\]`"),
    "one image": (X[0], "batch axis of a single image by `x\\[None\\]`"),
    "RGB": (RGB, r"`x.mean\(axis=3, keepdims=True\)`.*input_shape=\(6, 6, 3\)"),
    "channels first": (np.repeat(X, 1, -1).transpose(0, 3, 1, 2), "moveaxis"),
    "size": (X[:, :5], r"Resize.*input_shape=\(5, 6, 1\)"),
    "bool": (X > 0.5, r"got bool. Convert them by `x.astype\('float32'\)`"),
    "integers": ((X * 255).astype("int32"), "got int32. .*astype"),
    "bytes": ((X * 255).astype("uint8"), "got uint8. .*to_unit_range"),
    "ragged": ([[0.5], [0.5, 0.5]], "`x` must be an array of numbers"),
    "text": ("images", "`x` must be an array.*'images'"),
    "None": (None, "`x` must be an array.*None"),
    "pair": ((X, Y), r"`x`.*\(12, 6, 6, 1\), \(12,\).*labels as `y`"),
}


@pytest.mark.parametrize("name", ADVICE)
def test_images_that_are_none_come_with_fitting_advice(name):
    x, message = ADVICE[name]
    model = build()
    for call in (model.infer, model.predict, lambda x: model.fit(x, Y, verbose=0)):
        with pytest.raises(ValueError, match=message):
            call(x)


@pytest.mark.once
@pytest.mark.parametrize(
    ("found", "wanted", "advice"),
    [
        ((5, 8, 8, 1), (8, 8, 3), "`np.repeat(x, 3, axis=3)`"),
        ((5, 3, 8, 8), (1, 8, 8), "`x.mean(axis=1, keepdims=True)`"),
        ((5, 8, 8), (1, 8, 8), "`x[:, None]`"),
        ((5, 8, 8, 3), (3, 8, 8), "`np.moveaxis(x, -1, 1)`"),
        ((5, 64), (8, 8, 1), "one array with a row for each image"),
    ],
)
def test_advice_leads_to_the_shape(found, wanted, advice):
    x = np.zeros(found)
    with pytest.raises(ValueError, match="takes images of shape") as error:
        checks.check_images(x, wanted, (0.0, 1.0))
    assert advice in str(error.value)
    code = advice.strip("`")
    if code.startswith(("x", "np")):
        assert eval(code, {"x": x, "np": np}).shape[1:] == wanted


WRONG_FIT = {
    "weights": ({"sample_weight": np.ones(11)}, r"`sample_weight`.*\(11,\)"),
    "table of weights": ({"sample_weight": np.ones((12, 3))}, r"sample_weight.*12, 3"),
    "negative weights": ({"sample_weight": -np.ones(12)}, "`sample_weight`.*from -1"),
    "no number": ({"sample_weight": np.full(12, np.nan)}, "`sample_weight`.*nan"),
    "list of classes": ({"class_weight": [1.0]}, r"`class_weight`.*\[1.0\]"),
    "no such class": ({"class_weight": {5: 1.0}}, "`class_weight`.*0 to 2.*got 5"),
    "named class": ({"class_weight": {"a": 1.0}}, "`class_weight`.*got 'a'"),
    "negative class": ({"class_weight": {0: -1}}, r"`class_weight\[0\]`.*got -1"),
    "split": ({"validation_split": 1.5}, "`validation_split`.*got 1.5"),
    "negative split": ({"validation_split": -0.5}, "`validation_split`.*got -0.5"),
    "validation array": ({"validation_data": X}, "`validation_data`.*images, labels"),
    "validation of four": (
        {"validation_data": (X, Y, np.ones(12), 1)},
        "`validation_data`.*tuple of 4",
    ),
    "epochs": ({"epochs": 0}, "`epochs`.*got 0"),
    "half an epoch": ({"epochs": 1.5}, "`epochs`.*got 1.5"),
    "callbacks": ({"callbacks": 5}, "`callbacks`.*got 5"),
}


@pytest.mark.parametrize("name", WRONG_FIT)
def test_arguments_of_fit(name):
    options, message = WRONG_FIT[name]
    model = build()
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, verbose=0, **options)
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_list_is_validation_data_as_a_tuple_is():
    ours, theirs = (
        build().fit(X, Y, validation_data=kind([X, Y]), shuffle=False, verbose=0)
        for kind in (list, tuple)
    )
    assert "val_loss" in ours.history
    assert ours.history == theirs.history


SWITCHES = {
    "99": (lambda s: s * 0 + 99, "from -1 to 3.*from 99 to 99"),
    "-2": (lambda s: s * 0 - 2, "from -1 to 3.*from -2 to -2"),
    "floats": (lambda s: s.astype("float64"), "got dtype float64"),
    "NaN": (lambda s: s * np.nan, "got dtype"),
    "bool": (lambda s: s > 0, "got dtype bool"),
    "rows": (lambda s: s[:5], r"got shape \(5, 3, 3, 4\)"),
    "positions": (lambda s: s[:, :2], r"got shape \(12, 2, 3, 4\)"),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_switches_that_are_none(name):
    change, message = SWITCHES[name]
    model = build()
    (switches,) = model.infer(X).switches
    with pytest.raises(ValueError, match=rf"`switches\[0\]`.*{message}"):
        model.render(np.zeros(12, int), [change(switches)])


def test_switches_in_lists_render_as_arrays():
    model = build()
    switches = model.infer(X).switches
    np.testing.assert_array_equal(
        model.render([0] * 12, [s.tolist() for s in switches]),
        model.render(np.zeros(12, "uint8"), switches),
    )


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64", ">i4"])
def test_labels_of_every_integer_type_are_classes(dtype):
    labels = np.arange(12) % 3
    expected = build().fit(X, labels, shuffle=False, verbose=0).history
    model = build()
    history = model.fit(X, labels.astype(dtype), shuffle=False, verbose=0).history
    assert history == expected
    np.testing.assert_array_equal(model.infer(X, labels.astype(dtype)).classes, labels)


def test_images_of_another_byte_order_are_the_same_images():
    model = build()
    np.testing.assert_array_equal(
        model.infer(X.astype(">f4")).logits, model.infer(X).logits
    )
