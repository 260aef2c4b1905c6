"""What a demonstration prints while it starts and trains."""

import os
import sys

import keras
import numpy as np
import pytest

from recipes.common.progress import ProgressLine, quiet_start

pytestmark = pytest.mark.smoke


@pytest.fixture
def clock(monkeypatch):
    """Return what sets the seconds that the clock then shows, one by one."""

    def show(*seconds):
        left = iter(seconds)
        monkeypatch.setattr(
            "recipes.common.progress.time.monotonic", lambda: next(left)
        )

    return show


def test_a_terminal_sees_one_line_that_grows(clock, monkeypatch, capsys):
    clock(0.0, 1.0, 1.5, 3.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    line = ProgressLine("it learns", epochs=2, steps=4)
    line.step(0, 0)
    line.step(0, 2)  # Half a second later: not told.
    line.step(1, 1)  # Five steps in two seconds: two more need 0.8.
    line.end("done")
    assert capsys.readouterr().out.split("\r\x1b[K") == [
        "",
        "it learns:  12%, 1 s ",
        "it learns:  75%, 3 s, about 1 s left ",
        "it learns: done\n",
    ]


def test_a_file_has_a_line_for_each_tenth(clock, capsys):
    clock(0.0, 10.0, 20.0, 30.0, 40.0)
    line = ProgressLine("it learns", epochs=1, steps=100)
    # It goes on after half, where another process stopped.
    for step in (50, 55, 60, 65):
        line.step(0, step)
    line.end("done")
    assert capsys.readouterr().out.splitlines() == [
        "it learns:  51%, 10 s",
        "it learns:  61%, 30 s, about 78 s left",
        "it learns: done",
    ]


@pytest.mark.once
def test_the_epoch_is_that_of_the_step_where_batches_are_read_in_advance(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    told = []
    line = ProgressLine("it learns", epochs=2, steps=3)
    monkeypatch.setattr(line, "step", lambda *place: told.append(place))
    # TensorFlow's data set is ahead, and so is what else a `fit` has read.
    batches = tf.data.Dataset.from_tensor_slices((np.ones((3, 1)), np.ones((3, 1))))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callbacks = [line.callback()]
    model.fit(batches.batch(1).prefetch(9), epochs=2, verbose=0, callbacks=callbacks)
    assert told == [(epoch, step) for epoch in range(2) for step in range(3)]


def test_noise_is_kept_back_unless_an_error_follows(capfd):
    with quiet_start():
        os.write(2, b"noise\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError):
        fail_with_noise()
    assert capfd.readouterr().err == "the cause\n"


def fail_with_noise():
    with quiet_start():
        os.write(2, b"the cause\n")
        raise ImportError
