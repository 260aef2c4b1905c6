"""Good files with some bytes changed: what they held, or an error of our own.

HDF5 is not parsed here when its bytes are damaged: a preset's checksum is compared
first.
"""

import json
import shutil
import warnings

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_drmm import zoo
from keras_drmm.callbacks.run_folder import MANIFEST, STATE, RunFolder
from keras_drmm.command_line.record import learned_labels, read_settings, write_record
from keras_drmm.data import load, load_folder
from keras_drmm.layers.json_file import parse_json
from keras_drmm.zoo.preset import sha256
from tests.damaged.npz_files import ARRAYS
from tests.own_errors import outcome

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("whole_tracebacks")]
fuzz = settings.get_profile("fuzz")
# Pixels that an image may be declared to have: what is below takes memory and time.
MOST_PIXELS = 10_000

# (what, where as a share of the length, which bytes)
changes = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "remove", "zero"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=4,
)


def changed(content, operations):
    """Return bytes after these changes."""
    content = bytearray(content)
    for kind, share, given_bytes in operations:
        place = int(share * len(content))
        end = place + len(given_bytes)
        if kind == "flip" and content:
            content[place] ^= given_bytes[0] or 1
        elif kind == "cut":
            del content[place:]
        elif kind == "insert":
            content[place:place] = given_bytes
        elif kind == "remove":
            del content[place:end]
        else:
            content[place:end] = bytes(len(content[place:end]))
    return bytes(content)


def read(function, *args, **options):
    """Return (what a reader returned, None) or (None, its error as text)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found, error = outcome(function, *args, **options)
    event("read" if error is None else "refused")
    return found, None if error is None else str(error)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of good files of each kind."""
    folder = tmp_path_factory.mktemp("good")
    np.savez(folder / "stored.npz", **ARRAYS)
    np.savez_compressed(folder / "compressed.npz", **ARRAYS)
    zoo.rmm((4, 4, 1), 3, 2).save_to_preset(folder / "preset")
    write_record(folder, {"epochs": 3}, {"a": "one", "b": "two"})
    run = RunFolder(folder / "run")
    run.write({"epoch": 1}, b"state")
    run.write({"epoch": 2}, b"another")
    random = np.random.default_rng(0)
    (folder / "images").mkdir()
    for kind in ("png", "gif", "bmp", "jpg"):
        pixels = random.integers(0, 256, (6, 5, 3), dtype="uint8")
        Image.fromarray(pixels).save(folder / "images" / f"1.{kind}")
    return folder


@fuzz
@given(st.sampled_from(["stored", "compressed"]), changes)
def test_data_sets(files, tmp_path, name, operations):
    content = (files / f"{name}.npz").read_bytes()
    path = tmp_path / "tiny.npz"
    path.write_bytes(changed(content, operations))
    found, error = read(load, "tiny", tmp_path)
    if error is not None:
        assert error.startswith(str(path))
        return
    (x_train, y_train), (x_test, y_test) = found
    for key, value in zip(ARRAYS, (x_train, y_train, x_test, y_test), strict=True):
        np.testing.assert_array_equal(value, ARRAYS[key], strict=True)


@fuzz
@given(st.sampled_from(["config.json", "metadata.json", "model.weights.h5"]), changes)
def test_presets(files, tmp_path, name, operations):
    folder = tmp_path / "preset"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(files / "preset", folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(changed(content, operations))
    found, error = read(zoo.from_preset, folder)
    if error is not None:
        assert str(folder) in error
        return
    expected = zoo.from_preset(files / "preset")
    for ours, theirs in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@fuzz
@given(st.sampled_from([MANIFEST, STATE]), changes)
def test_states_of_runs(files, tmp_path, name, operations):
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(files / "run", folder)
    path = folder / "state_000002" / name
    path.write_bytes(changed(path.read_bytes(), operations))
    found, error = read(RunFolder(folder).read)
    # The state before is whole.
    assert error is None
    manifest, state = found
    assert (manifest["epoch"], state) in [(1, b"state"), (2, b"another")]


@fuzz
@given(changes)
def test_records(files, tmp_path, operations):
    content = (files / "fit.json").read_bytes()
    (tmp_path / "fit.json").write_bytes(changed(content, operations))
    for function in (read_settings, learned_labels):
        found, error = read(function, tmp_path)
        if error is not None:
            assert "fit.json is missing or damaged" in error
        else:
            assert isinstance(found, dict if function is read_settings else set)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
)


@fuzz
@given(st.dictionaries(st.text(), JSON), changes)
def test_json(found, operations):
    text = json.dumps(found)
    # NaN is no number that is equal to itself.
    expected = json.loads(text, parse_constant=str)
    if "NaN" not in text and "Infinity" not in text:
        assert parse_json(text.encode(), 10**6, takes_nan=False) == expected
    parsed, error = read(parse_json, changed(text.encode(), operations), 10**6, False)
    assert (parsed is None) != (error is None)


@fuzz
@given(
    st.dictionaries(st.text(), JSON, min_size=1, max_size=3),
    st.sampled_from(["config.json", "metadata.json"]),
)
def test_any_json_in_the_place_of_a_preset_s(files, tmp_path, content, name):
    folder = tmp_path / "preset"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(files / "preset", folder)
    config = json.loads((folder / "config.json").read_text())
    # Some of the names are those of a preset.
    names = [*config, "frozen", "switch_prior", "class_names"]
    changes = dict(zip(names[:: len(content)], content.values(), strict=False))
    text = json.dumps({**config, **changes} if name == "config.json" else content)
    (folder / name).write_text(text)
    if name == "config.json":
        metadata = json.loads((folder / "metadata.json").read_text())
        metadata["sha256"][name] = sha256(text.encode())
        (folder / "metadata.json").write_text(json.dumps(metadata))
    _, error = read(zoo.from_preset, folder)
    assert error is None or str(folder) in error


@fuzz
@given(st.sampled_from(["png", "gif", "bmp", "jpg"]), changes)
def test_images(files, tmp_path, kind, operations):
    content = (files / "images" / f"1.{kind}").read_bytes()
    path = tmp_path / f"1.{kind}"
    for other in tmp_path.glob("1.*"):
        other.unlink()
    path.write_bytes(changed(content, operations))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", MOST_PIXELS)
        found, error = read(load_folder, tmp_path, color_mode="rgb", verbose=0)
    if error is not None:
        assert f"1.{kind} (" in error
        return
    assert found.images.dtype == "uint8"
    assert found.images.shape[1] * found.images.shape[2] <= MOST_PIXELS
    if kind == "png" and found.images.shape == (1, 6, 5, 3):
        # It has checksums.
        whole = np.asarray(Image.open(files / "images" / "1.png"))
        np.testing.assert_array_equal(found.images[0], whole)


TABLE = "note,file,label\n,1.png,cat\n,2.png,\n,sub/3.png,dog\n"


@fuzz
@given(changes)
def test_tables_of_labels(tmp_path, operations):
    for name in ("1.png", "2.png", "sub/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (2, 2)).save(tmp_path / name)
    table = tmp_path / "labels.csv"
    table.write_bytes(changed(TABLE.encode(), operations))
    found, error = read(load_folder, tmp_path, labels=table, verbose=0)
    if error is not None:
        assert "labels.csv" in error or "have no image" in error
        return
    assert len(found.images) == len(found.labels) == len(found.files) == 3
    assert found.labels.min(initial=0) >= -1
    assert found.labels.max(initial=-1) < len(found.class_names) or not len(
        found.labels
    )
