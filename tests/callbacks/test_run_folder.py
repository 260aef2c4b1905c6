"""Damage to a run's folder: the state before is gone on from, or nothing is."""

import json
import os
import random
import shutil
import signal
import time
import warnings

import numpy as np
import pytest

from keras_drmm import RMM, HardEM
from keras_drmm.callbacks import Resume
from keras_drmm.callbacks.run_folder import MANIFEST, STATE, RunFolder
from tests.callbacks.runs import Break, fit, spoil, state_of

pytestmark = pytest.mark.once


def make(nuisances=2):
    model = RMM((8, 8, 1), num_classes=3, num_nuisances=nuisances)
    model.compile(algorithm=HardEM())
    return model


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """(folder of a run that was stopped, weights and history of a whole one)."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context():
        model = make()
        start = model.get_weights()
        with pytest.raises(KeyboardInterrupt):
            fit(model, Resume(folder / "stopped"), Break(2))
        seed = json.loads((folder / "stopped/state_000003" / MANIFEST).read_text())
        assert (seed["epoch"], seed["batch"]) == (2, 0)
        # The states before are those of epoch 1, and of other models.
        with pytest.raises(KeyboardInterrupt):
            fit(make(3), Resume(folder / "other"), Break(2))
        model = make()
        model.set_weights(start)
        shutil.copytree(folder / "stopped", folder / "whole")
        history = fit(model, Resume(folder / "whole"))
    return folder, state_of(model), history.history["loss"]


@pytest.fixture
def stopped(runs, tmp_path):
    """A copy of the run that was stopped, with the states 2 and 3."""
    folder = tmp_path / "run"
    shutil.copytree(runs[0] / "stopped", folder)
    assert sorted(v.name for v in folder.glob("state_*")) == [
        "state_000002",
        "state_000003",
    ]
    return folder


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def dangle(path):
    path.unlink()
    path.symlink_to("nothing")


def take(path, other):
    shutil.copy(other / path.parent.name / path.name, path)


MANIFEST_DAMAGE = {
    "empty": (lambda path, _: path.write_bytes(b""), "no JSON object"),
    "cut": (lambda path, _: truncate(path), "no JSON object"),
    "a list": (lambda path, _: path.write_text("[1]"), "no JSON object"),
    "a word": (lambda path, _: path.write_text('"state"'), "no JSON object"),
    "zeros": (lambda path, _: path.write_bytes(bytes(2000)), "no JSON object"),
    "another epoch": (
        lambda path, _: edit(path, epoch=1),
        "does not have the checksum",
    ),
    "another format": (lambda path, _: edit(path, format=9), "have the checksum"),
    "not UTF-8": (lambda path, _: path.write_bytes(b"\xff\xfe{}"), "no JSON object"),
    "without a checksum": (
        lambda path, _: path.write_text(path.read_text().replace("manifest", "sum")),
        "no JSON object",
    ),
    "NaN": (lambda path, _: path.write_text("NaN"), "no JSON object"),
    "missing": (lambda path, _: path.unlink(), "it has no manifest"),
    "a link to nothing": (lambda path, _: dangle(path), "it has no manifest"),
    "a folder": (lambda path, _: (path.unlink(), path.mkdir()), "directory"),
    "that of another model": (take, "npz, .* does not have the checksum"),
    "that of the state before": (
        lambda path, _: shutil.copy(path.parents[1] / "state_000002" / MANIFEST, path),
        "does not have the checksum",
    ),
}
STATE_DAMAGE = {
    "empty": (lambda path, _: path.write_bytes(b""), ", 0 bytes, does not have"),
    "cut": (lambda path, _: truncate(path), "does not have the checksum"),
    "a bit": (lambda path, _: flip(path), "does not have the checksum"),
    "the last bit": (lambda path, _: flip(path, 0.9999), "does not have the checksum"),
    "longer": (
        lambda path, _: path.write_bytes(path.read_bytes() + b"0"),
        "does not have the checksum",
    ),
    "zeros": (
        lambda path, _: path.write_bytes(bytes(path.stat().st_size)),
        "does not have the checksum",
    ),
    "a text": (lambda path, _: path.write_text("state"), "does not have the checksum"),
    "that of the state before": (
        lambda path, _: shutil.copy(path.parents[1] / "state_000002" / STATE, path),
        "does not have the checksum",
    ),
    "missing": (lambda path, _: path.unlink(), f"{STATE} is missing"),
    "a link to nothing": (lambda path, _: dangle(path), f"{STATE} is missing"),
    "a folder": (lambda path, _: (path.unlink(), path.mkdir()), "directory"),
    "that of another model": (take, "does not have the checksum"),
}
CASES = [
    pytest.param(file, *damage, id=f"{file}, {name}")
    for file, all_damage in ((MANIFEST, MANIFEST_DAMAGE), (STATE, STATE_DAMAGE))
    for name, damage in all_damage.items()
]


@pytest.mark.parametrize(("file", "damage", "message"), CASES)
def test_the_state_before_leads_to_the_same_run(runs, stopped, file, damage, message):
    folder, weights, losses = runs
    damage(stopped / "state_000003" / file, folder / "other")
    model = make()
    spoil(model)
    with pytest.warns(UserWarning, match=message) as warned:
        history = fit(model, Resume(stopped))
    assert "goes on from the one before, state_000002" in str(warned[0].message)
    for ours, theirs in zip(state_of(model), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(history.history["loss"], losses, atol=1e-6)
    # The damaged one is gone, and two are kept.
    assert len(list(stopped.glob("state_*"))) == 2
    RunFolder(stopped).read()


# Of each kind of reading that fails, one.
@pytest.mark.parametrize(("file", "damage", "message"), CASES[::4])
def test_without_a_whole_state_nothing_is_learned(runs, stopped, file, damage, message):
    damage(stopped / "state_000003" / file, runs[0] / "other")
    truncate(stopped / "state_000002" / STATE)
    model = make()
    before = state_of(model)
    files = sorted(stopped.rglob("*"))
    with pytest.raises(ValueError, match="no state that a run can go on from") as found:
        fit(model, Resume(stopped))
    assert "state_000003: " in str(found.value)
    assert "state_000002: " in str(found.value)
    for ours, theirs in zip(state_of(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert sorted(stopped.rglob("*")) == files


def test_a_whole_state_of_another_model_is_refused(runs, stopped):
    newest = stopped / "state_000003"
    shutil.rmtree(newest)
    shutil.copytree(runs[0] / "other" / newest.name, newest)
    with pytest.raises(ValueError, match="`model/num_nuisances` was 3 and is 2"):
        fit(make(), Resume(stopped))


def test_what_a_cut_off_writing_leaves_does_no_harm(runs, stopped):
    _, weights, _ = runs
    (stopped / "state_000003" / f".{MANIFEST}").write_text("{")
    (stopped / "state_000004").mkdir()
    (stopped / "state_000004" / STATE).write_bytes(b"PK")
    model = make()
    with pytest.warns(UserWarning, match="its writing was cut off"):
        fit(model, Resume(stopped))
    for ours, theirs in zip(state_of(model), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def write_until_killed(folder, pipe):
    """Write states that tell their number, and tell of each that is kept."""
    run, number = RunFolder(folder), 0
    run.read()
    numbers = [int(v.name.removeprefix("state_")) for v in folder.glob("state_*")]
    number = max(numbers, default=0)
    while True:
        number += 1
        run.write({"number": number}, content_of(number))
        os.write(pipe, f"{number}\n".encode())


def content_of(number):
    """Return what is in a state: some hundred kilobytes, others in each."""
    return np.random.default_rng(number).bytes(200_000 + number)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_kill_within_writing_leaves_the_state_before(tmp_path):
    """100 kills: the last state that was told to be kept is there, or a later one."""
    chance, kept, cut_off = random.Random(0), 0, 0
    for _ in range(100):
        reading, writing = os.pipe()
        process = os.fork()
        if not process:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write_until_killed(tmp_path, writing)
        os.close(writing)
        time.sleep(chance.uniform(0.005, 0.03))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        with os.fdopen(reading) as told:
            kept = int([kept, *told.read().split()][-1])
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = RunFolder(tmp_path).read()
        cut_off += any("cut off" in str(w.message) for w in warned)
        if found is None:
            assert kept == 0
            continue
        manifest, content = found
        assert manifest["number"] >= kept
        assert content == content_of(manifest["number"])
        kept = manifest["number"]
    # Or none had been within writing.
    assert cut_off >= 10


@pytest.mark.parametrize("kills", [1, 2])
def test_a_run_that_was_killed_before_it_began_begins_anew(kills, tmp_path):
    for number in range(1, kills + 1):
        (tmp_path / f"state_{number:06}").mkdir()
        (tmp_path / f"state_{number:06}" / STATE).write_bytes(b"PK")
    with pytest.warns(UserWarning, match="killed before it began: it begins anew"):
        assert fit(make(), Resume(tmp_path)).epoch == [0, 1, 2, 3]


def test_files_of_something_else_are_not_touched(tmp_path):
    (tmp_path / "latest.weights.h5").write_text("mine")
    with pytest.raises(ValueError, match=r"has files, .*latest.weights.h5"):
        fit(make(), Resume(tmp_path))
    assert (tmp_path / "latest.weights.h5").read_text() == "mine"
