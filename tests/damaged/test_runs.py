"""States of runs whose checksums are right and whose content is wrong."""

import contextlib
import io
import json
import os
import shutil
import zipfile

import numpy as np
import pytest

from keras_drmm import RMM, HardEM
from keras_drmm.callbacks import Resume
from keras_drmm.callbacks.run_folder import MANIFEST, STATE, _digest, _digest_of
from tests.callbacks.runs import Break, fit, state_of
from tests.damaged.memory import bounded
from tests.damaged.npz_files import GIGABYTES, declared, with_header

pytestmark = pytest.mark.once


def make():
    model = RMM((8, 8, 1), num_classes=3, num_nuisances=2)
    model.compile(algorithm=HardEM())
    return model


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The folder of a run that was stopped, of one state."""
    folder = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.raises(KeyboardInterrupt):
        fit(make(), Resume(folder), Break(2))
    shutil.rmtree(folder / "state_000002")
    return folder


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def rewrite(run, change=None, arrays=None, content=None):
    """Change a state, and make its checksums right.

    Args:
        run: the folder.
        change: a function that changes the manifest.
        arrays: a function that changes the arrays, {name: array}.
        content: bytes in their place.
    """
    state = run / "state_000003"
    manifest = json.loads((state / MANIFEST).read_text())
    del manifest["manifest"]
    if arrays is not None:
        with np.load(state / STATE) as file:
            found = dict(file)
        arrays(found)
        buffer = io.BytesIO()
        np.savez(buffer, **found)
        content = buffer.getvalue()
    if content is not None:
        (state / STATE).write_bytes(content)
    manifest[STATE] = _digest((state / STATE).read_bytes())
    if change is not None:
        change(manifest)
    manifest["manifest"] = _digest_of(manifest)
    (state / MANIFEST).write_text(json.dumps(manifest))


def sets(**values):
    return lambda found: found.update(values)


def leaves_out(name):
    return lambda found: found.pop(name)


def random_of(**changes):
    """Return a function that changes the states of the random numbers."""

    def change(arrays):
        states = json.loads(arrays["random"].tobytes())
        for path, value in changes.items():
            place = states
            *groups, name = path.split("__")
            for group in groups:
                place = place[group]
            place[name] = value
        content = json.dumps(states).encode()
        arrays["random"] = np.frombuffer(content, "uint8")

    return change


MANIFESTS = {
    "no run": (leaves_out("run"), "`run` is no object, but None"),
    "a run of text": (sets(run="this"), "`run` is no object, but 'this'"),
    "no epoch": (leaves_out("epoch"), "`epoch` is no number from 0 on, but None"),
    "epoch -1": (sets(epoch=-1), "`epoch` is no number from 0 on, but -1"),
    "epoch 1.5": (sets(epoch=1.5), "`epoch` is no number from 0 on, but 1.5"),
    "epoch true": (sets(epoch=True), "`epoch` is no number from 0 on, but True"),
    "epoch NaN": (sets(epoch=float("nan")), "`epoch` is no number from 0 on, but nan"),
    "a later epoch": (sets(epoch=10**9), "it is of epoch 1000000000 of 4"),
    "no batch": (leaves_out("batch"), "`batch` is no number from 0 on, but None"),
    "a batch of text": (sets(batch="2"), "`batch` is no number from 0 on, but '2'"),
    "finished, maybe": (sets(is_finished="no"), "`is_finished` is neither true nor"),
    "stopped, 1": (sets(is_stopped=1), "`is_stopped` is neither true nor false, but 1"),
    "a seed of text": (sets(seed="3"), "`seed` is no integer, but '3'"),
    "no logs": (leaves_out("logs"), "`logs` or `rows` are no numbers: None"),
    "logs of text": (sets(logs={"loss": "low"}), "`logs` or `rows` are no numbers: {'"),
    "rows, a number": (sets(rows=3), "`rows` is no list, but 3"),
    "a row, a number": (sets(rows=[3]), "`logs` or `rows` are no numbers: 3"),
    "a row without epoch": (sets(rows=[{"loss": 1.0}]), "one of `rows` has no epoch"),
    "no format": (leaves_out("format"), "it has format None, and this version"),
    "format {}": (sets(format={}), "it has format {}, and this version"),
    "no checksum": (leaves_out(STATE), "does not have the checksum"),
    "a checksum, a number": (sets(**{STATE: 3}), "does not have the checksum"),
    "another run": (sets(run={"epochs": 3}), "The run in .* is another one"),
}
RANDOM = "the random numbers cannot be set"
ARRAYS = {
    "no model": (
        lambda v: [v.pop(k) for k in list(v) if "model/" in k],
        "its arrays ar",
    ),
    "one weight less": (leaves_out("model/0"), "arrays of the model, not "),
    "one weight more": (sets(**{"model/99": np.zeros(3)}), "arrays of the model, not "),
    "another order": (
        lambda v: v.update({"model/0": v.pop("model/0")}),
        "arrays of the model, not .* in order",
    ),
    "another shape": (
        sets(**{"model/0": np.zeros((3, 2))}),
        r"templates` of the model has shape \(3, 2\), not \(3, 2, 8, 8, 1\)",
    ),
    "a group within": (
        sets(**{"model/0/0": np.zeros(3)}),
        "an array is within another one",
    ),
    "a weight of text": (sets(**{"model/0": np.array(["a"])}), "and not of numbers"),
    "the model, an array": (sets(model=np.zeros(3)), "it has 0 arrays of the model"),
    "something else": (sets(other=np.zeros(3)), "its arrays are .*'other'"),
    "an optimizer's more": (
        sets(**{"optimizer/9": np.zeros(3)}),
        "arrays of the optimizer, not",
    ),
    "nothing of EM": (leaves_out("trainer/sweeps"), "what the algorithm keeps: KeyErr"),
    "EM's, an array": (
        sets(**{"trainer/sweeps": np.zeros(3)}),
        "what the algorithm keeps: TypeError",
    ),
    "no random numbers": (leaves_out("random"), "its arrays are"),
    "random numbers, floats": (
        sets(random=np.zeros(9)),
        "its random numbers are no by",
    ),
    "random numbers, zeros": (sets(random=np.zeros(9, "uint8")), RANDOM),
    "no NumPy stream": (random_of(numpy=None), RANDOM),
    "NumPy elsewhere": (
        random_of(numpy__state__pos=10**6),
        f"{RANDOM}: NumPy's stream is at 1000000 of 624",
    ),
    "NumPy before": (random_of(numpy__state__pos=-1), "stream is at -1 of 624"),
    "few words of NumPy": (random_of(numpy__state__key=[1, 2, 3]), RANDOM),
    "another generator": (random_of(numpy__bit_generator="PCG"), RANDOM),
    "few words of Python": (random_of(python=[3, [1, 2], None]), RANDOM),
    "no words of Python": (random_of(python=5), RANDOM),
    "Keras' of another size": (random_of(keras=[1, 2, 3]), RANDOM),
}
CONTENTS = {
    "no byte": (b"", "File is not a zip file"),
    "zeros": (bytes(1000), "File is not a zip file"),
    "50 GB": (None, "53,687,091,200 bytes, but has 1"),
}


def check(run, message, is_large=False):
    model = make()
    before = state_of(model)
    size = (run / "state_000003" / STATE).stat().st_size
    watch = bounded(size) if is_large else contextlib.nullcontext()
    with watch, pytest.raises(ValueError, match=message) as error:
        fit(model, Resume(run))
    assert str(run) in str(error.value)
    assert "Nothing was learned now" in str(error.value)
    return before, state_of(model)


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests(name, run):
    change, message = MANIFESTS[name]
    rewrite(run, change)
    for old, new in zip(*check(run, message), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name, run):
    change, message = ARRAYS[name]
    rewrite(run, arrays=change)
    check(run, message)


@pytest.mark.parametrize("name", CONTENTS)
def test_contents(name, run):
    content, message = CONTENTS[name]
    if content is None:
        buffer = io.BytesIO()
        np.savez(buffer, random=np.zeros(1, "uint8"))
        header = with_header(declared(shape=f"({GIGABYTES},)"), b"0")
        with zipfile.ZipFile(buffer, "a") as file:
            file.writestr("model/0.npy", header)
        content = buffer.getvalue()
    rewrite(run, content=content)
    check(run, message, is_large=True)


@pytest.mark.parametrize("name", ["state_²", "state_", "state_-1", "state_x", "²"])
def test_other_names_are_no_states(name, run):
    (run / name).mkdir()
    assert fit(make(), Resume(run)).epoch == [0, 1, 2, 3]


@pytest.mark.parametrize("file", [MANIFEST, STATE])
def test_nothing_waits_for_a_pipe(file, run):
    (run / "state_000003" / file).unlink()
    os.mkfifo(run / "state_000003" / file)
    with pytest.raises(ValueError, match="is a pipe or a device, and no ordinary file"):
        fit(make(), Resume(run))


def test_a_manifest_of_many_bytes_is_not_read(run, monkeypatch):
    """The limit is 256 MiB; here it is lower."""
    monkeypatch.setattr("keras_drmm.callbacks.run_folder.LARGE", 1000)
    with pytest.raises(ValueError, match="no JSON object of a state: it has more than"):
        fit(make(), Resume(run))


def test_a_manifest_of_many_levels_is_not_read(run):
    path = run / "state_000003" / MANIFEST
    path.write_text('{"run":' + "[" * 10**5)
    with pytest.raises(ValueError, match="it is nested more than 50 levels deep"):
        fit(make(), Resume(run))
