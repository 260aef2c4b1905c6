"""A run that is broken and resumed is the run that was never broken."""

import doctest
import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from keras_drmm import RMM, HardEM, SoftEM, data
from keras_drmm.callbacks import Resume, run_folder, run_lock
from keras_drmm.data.shuffled_rows import ShuffledRows
from tests.callbacks.runs import (
    BATCH,
    EPOCHS,
    IMAGES,
    LABELS,
    MAKE,
    Break,
    fit,
    rmm_by,
    spoil,
    state_of,
)


@pytest.fixture(autouse=True)
def _interrupted_by_sigterm():
    """A signal ends `fit`, and not the tests."""
    before = signal.signal(signal.SIGTERM, Break.interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


def broken(make, folder, *callbacks):
    """Go on with a run in another model, until a callback interrupts it."""
    model = make()
    spoil(model)
    with pytest.raises(KeyboardInterrupt):
        fit(model, Resume(folder), *callbacks)


def assert_same_run(model, history, state, expected):
    """All variables are equal to 1e-6, and so is the history, with a row an epoch."""
    for ours, theirs in zip(state_of(model), state, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert history.epoch == expected.epoch == list(range(len(expected.epoch)))
    assert history.history.keys() == expected.history.keys()
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, atol=1e-6)


@pytest.mark.always
@pytest.mark.parametrize(
    "name",
    [
        *("EG", "hard EM", "soft EM", "RMM, soft EM"),
        pytest.param("hard EM within sweeps", marks=pytest.mark.once),
    ],
)
def test_a_broken_run_equals_the_unbroken_one(name, tmp_path, monkeypatch):
    """Broken within an epoch, at its end, in writing its state, and by SIGTERM."""
    make = MAKE[name]
    model = make()
    # The first model alone starts with these weights.
    expected = fit(model, Resume(tmp_path / "unbroken"))
    state = state_of(model)
    assert len(expected.history["loss"]) == EPOCHS

    folder, replace = tmp_path / "broken", os.replace
    model = make()
    with pytest.raises(KeyboardInterrupt):
        fit(model, Resume(folder), Break(0, 2))
    # The epoch is learned, and not kept.
    broken(make, folder, Break(0))
    writes = []

    def replace_none(*files):
        writes.append(files)
        if len(writes) == 2:
            raise KeyboardInterrupt
        replace(*files)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_none)
        broken(make, folder)
    with pytest.warns(UserWarning, match="no manifest, as its writing was cut off"):
        broken(make, folder, Break(2, 1, lambda: signal.raise_signal(signal.SIGTERM)))
    model = make()
    spoil(model)
    resume = Resume(folder)
    learned = []
    history = fit(
        model,
        resume,
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: learned.append(epoch)
        ),
    )
    assert learned == [2, 3]
    assert_same_run(model, history, state, expected)
    assert [row["epoch"] for row in resume.rows] == history.epoch


def test_a_signal_keeps_the_batch(tmp_path):
    """The batches before are not learned again: the weights are those of the stop."""
    make, stopped, steps = MAKE["EG"], [], []
    model = make()

    def within_epoch():
        if keras.backend.backend() == "jax":
            # Keras' loop has the values.
            model.jax_state_sync()
        return state_of(model)

    def stop():
        stopped.append(within_epoch())
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        fit(model, Resume(tmp_path), Break(1, 2, stop))
    model = make()
    spoil(model)

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt
            steps.append(within_epoch())

    with pytest.raises(KeyboardInterrupt):
        fit(model, Resume(tmp_path), Watch())
    assert len(steps) == 3
    for step in steps:
        for ours, theirs in zip(step, stopped[0], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_finished_run_returns_at_once(tmp_path, capsys):
    make = MAKE["hard EM"]
    model = make()
    expected = fit(model, Resume(tmp_path))
    state = state_of(model)
    files = sorted(tmp_path.iterdir())
    model = make()
    spoil(model)
    batches = []
    history = fit(
        model,
        Resume(tmp_path),
        keras.callbacks.LambdaCallback(on_train_batch_end=lambda *v: batches.append(v)),
        verbose=2,
    )
    assert "is finished: nothing is left to learn" in capsys.readouterr().out
    assert batches == []
    assert_same_run(model, history, state, expected)
    assert sorted(tmp_path.iterdir()) == files
    # What is fitted afterwards begins with its first epoch.
    assert fit(model, epochs=1).epoch == [0]


@pytest.mark.once
def test_it_is_silent_where_fit_is(tmp_path, capsys):
    for _ in range(2):
        fit(MAKE["RMM, soft EM"](), Resume(tmp_path))
    assert capsys.readouterr().out == ""


class Noisy(keras.Sequential):
    """A plain Keras model, whose dropout has no seed."""

    def __init__(self, dtype):
        super().__init__(
            [
                keras.Input((8, 8, 1)),
                layers.Flatten(dtype=dtype),
                layers.Dropout(0.5, dtype=dtype),
                layers.Dense(3, dtype=dtype),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss)


@pytest.mark.parametrize(
    "dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.once)]
)
def test_a_plain_keras_model(dtype, backend, tmp_path):
    def learn(*callbacks):
        dataset = data.semi_supervised(IMAGES, LABELS, None, batch_size=BATCH)
        model = Noisy(dtype)
        given = dataset.as_tf_dataset() if backend == "tensorflow" else dataset
        resume = Resume(tmp_path / str(len(callbacks)), dataset)
        history = model.fit(
            given, epochs=3, shuffle=False, verbose=0, callbacks=[*callbacks, resume]
        )
        return model, history

    model, expected = learn()
    keras.utils.set_random_seed(0)
    with pytest.raises(KeyboardInterrupt):
        learn(Break(1, 1))
    keras.utils.set_random_seed(5)
    resumed, history = learn(keras.callbacks.Callback())
    assert_same_run(resumed, history, state_of(model), expected)


def test_arrays_are_shuffled_by_epoch_and_lose_no_row():
    rows = np.arange(23)
    batches = ShuffledRows([rows[:, None], rows], 5)
    orders = []
    for epoch in (0, 1):
        batches.epoch = epoch
        drawn = [batches[index] for index in range(len(batches))]
        assert [len(x) for x, _ in drawn] == [5, 5, 5, 5, 3]
        for x, y in drawn:
            np.testing.assert_array_equal(x[:, 0], y)
        orders.append(np.concatenate([y for _, y in drawn]).tolist())
        assert sorted(orders[-1]) == rows.tolist()
    assert orders[0] != orders[1] != rows.tolist()
    batches.epoch = 0
    assert np.concatenate([batches[n][1] for n in range(5)]).tolist() == orders[0]


def test_the_rows_for_validation_and_the_weights_stay_those_of_keras(tmp_path):
    """The last rows validate; the others, by their weights, are what is learned."""
    x = data.to_unit_range(IMAGES)
    weights = np.linspace(0, 2, len(x))
    given = {"x": x, "y": LABELS, "sample_weight": weights, "validation_split": 0.25}
    ours, plain = (
        fit(rmm_by(SoftEM()), *callbacks, **given, epochs=2)
        for callbacks in ([Resume(tmp_path)], [])
    )
    assert "val_loss" in ours.history
    for name, values in plain.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=1e-5)


@pytest.mark.once
def test_labels_may_be_missing_beside_weights(tmp_path):
    given = {"x": data.to_unit_range(IMAGES), "sample_weight": np.ones(len(IMAGES))}
    with pytest.warns(UserWarning, match="No row was labelled"):
        history = fit(rmm_by(SoftEM()), Resume(tmp_path), y=None, **given)
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.once
def test_a_data_set_without_an_epoch_begins_anew_and_says_so(tmp_path):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            rows = slice(index * BATCH, (index + 1) * BATCH)
            return data.to_unit_range(IMAGES[rows]), LABELS[rows]

    given = {"x": Batches(), "y": None, "batch_size": None, "shuffle": False}
    with pytest.raises(KeyboardInterrupt):
        fit(rmm_by(SoftEM()), Resume(tmp_path), Break(1), **given)
    with pytest.warns(UserWarning, match="has no `epoch` to set: it begins anew"):
        fit(rmm_by(SoftEM()), Resume(tmp_path), **given)


@pytest.mark.once
@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (lambda: rmm_by(HardEM()), {}, r"`compile/algorithm/class_name` was SoftEM"),
        (lambda: rmm_by(SoftEM(temperature=2)), {}, "temperature` was 1.0 and is 2.0"),
        (lambda: _rmm(num_nuisances=3), {}, "`model/num_nuisances` was 2 and is 3"),
        (lambda: _rmm("sgd"), {}, "`compile/optimizer` was adam and is sgd"),
        (lambda: rmm_by(SoftEM()), {"epochs": 5}, "`epochs` was 4 and is 5"),
        (lambda: rmm_by(SoftEM()), {"y": None}, "`data/labels and weights` was"),
        (
            lambda: rmm_by(SoftEM()),
            {"x": data.to_unit_range(IMAGES[:40]), "y": None},
            "`data/rows` was 44 and is 40",
        ),
    ],
)
def test_the_run_of_another_is_refused(make, changes, message, tmp_path):
    fit(rmm_by(SoftEM()), Resume(tmp_path))
    model = make()
    before = state_of(model)
    with pytest.raises(ValueError, match=message) as caught:
        fit(model, Resume(tmp_path), **changes)
    assert "Nothing was learned now" in str(caught.value)
    for ours, theirs in zip(state_of(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def _rmm(optimizer="adam", num_nuisances=2):
    model = RMM((8, 8, 1), num_classes=3, num_nuisances=num_nuisances)
    model.compile(optimizer, algorithm=SoftEM())
    return model


@pytest.mark.once
def test_a_run_has_one_owner(tmp_path):
    """The lock ends with its process, and with `fit`."""
    # The file by itself: to import the package takes ten seconds.
    code = (
        "import sys, pathlib, runpy\n"
        "RunLock = runpy.run_path(sys.argv[1])['RunLock']\n"
        "RunLock(pathlib.Path(sys.argv[2])).acquire()\n"
        "print('mine', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, run_lock.__file__, str(tmp_path)]
    other = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(RuntimeError, match=f"in process {other.pid} on "):
            fit(rmm_by(SoftEM()), Resume(tmp_path))
    finally:
        other.kill()
        other.communicate()
    fit(rmm_by(SoftEM()), Resume(tmp_path))
    # It left the folder to others.
    again = subprocess.run(
        command, input="", capture_output=True, text=True, check=True
    )
    assert again.stdout == "mine\n"


@pytest.mark.once
def test_signals_are_left_alone_outside_of_fit(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(rmm_by(SoftEM()), Resume(tmp_path), Break(1))
    assert signal.getsignal(signal.SIGTERM) is Break.interrupt
    # Only the main thread may listen to them.
    found = []
    thread = threading.Thread(
        target=lambda: found.append(fit(rmm_by(SoftEM()), Resume(tmp_path)))
    )
    thread.start()
    thread.join()
    assert found[0].epoch == list(range(EPOCHS))


@pytest.mark.once
def test_a_full_disk_leaves_the_state_before(tmp_path, monkeypatch):
    make = MAKE["RMM, soft EM"]
    model = make()
    expected = fit(model, Resume(tmp_path / "unbroken"))
    state, folder, write = state_of(model), tmp_path / "run", run_folder.write_file
    files = []

    def fill(path, content):
        files.append(path)
        if len(files) == 5:
            write(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "write_file", fill)
        with pytest.raises(OSError, match=r"is whole, but .*: No space left on dev"):
            fit(make(), Resume(folder))
    # What was begun takes no room.
    names = sorted(v.name for v in folder.glob("state_*"))
    assert names == ["state_000001", "state_000002"]
    model = make()
    spoil(model)
    assert_same_run(model, fit(model, Resume(folder)), state, expected)


@pytest.mark.once
def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    model = rmm_by(SoftEM())
    with pytest.raises(OSError, match="cannot be used: Permission denied"):
        fit(model, Resume(tmp_path / "run"))
    assert not model.initialized


@pytest.mark.once
def test_a_prior_goes_on(tmp_path):
    def learn(*callbacks):
        keras.utils.set_random_seed(0)
        model = MAKE["EG"]()
        options = {"style_size": 3, "width": 4, "components": 1, "epochs": 2}
        given = {"batch_size": BATCH, "verbose": 0, "callbacks": list(callbacks)}
        images = data.to_unit_range(IMAGES)
        model.fit_prior(images, LABELS, **options, **given)
        return state_of(model)

    expected = learn(Resume(tmp_path / "unbroken"))
    with pytest.raises(KeyboardInterrupt):
        learn(Resume(tmp_path / "broken"), Break(1, 2))
    # A finished one, too: its closed form draws what it had drawn.
    for _ in range(2):
        for ours, theirs in zip(
            learn(Resume(tmp_path / "broken")), expected, strict=True
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.once
def test_the_end_of_early_stopping_is_kept(tmp_path):
    """A run that was stopped by a callback has no epoch left."""

    class StopTraining(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    def die(*_):
        raise KeyboardInterrupt

    resume = Resume(tmp_path)
    resume.on_train_end = die
    with pytest.raises(KeyboardInterrupt):
        fit(rmm_by(SoftEM()), StopTraining(), resume)
    assert fit(rmm_by(SoftEM()), Resume(tmp_path)).epoch == [0, 1]


@pytest.mark.once
def test_examples_are_true():
    names = {"np": np, "RMM": RMM, "HardEM": HardEM, "Resume": Resume}
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(Resume, "Resume", globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
