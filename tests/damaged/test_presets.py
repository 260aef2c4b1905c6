"""Presets whose check sums are right and whose content is wrong."""

import contextlib
import json
import os
import re
import shutil

import h5py
import numpy as np
import pytest

from keras_drmm import zoo
from keras_drmm.zoo.preset import Preset, sha256
from keras_drmm.zoo.preset_writer import rewrite_card
from tests.damaged.h5_files import DECLARED, HELD
from tests.damaged.memory import bounded

pytestmark = pytest.mark.once

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A preset folder, which tests must not change."""
    return zoo.rfm((16, 16, 1), 3).save_to_preset(tmp_path_factory.mktemp("p") / "tiny")


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "tiny")


def sign(folder):
    """Make the check sums right."""
    metadata = json.loads((folder / METADATA).read_text())
    for file in (CONFIG, WEIGHTS):
        metadata["sha256"][file] = sha256((folder / file).read_bytes())
    (folder / METADATA).write_text(json.dumps(metadata))


WHOLE = {"function": "rfm", "input_shape": [16, 16, 1], "num_classes": 3}
SHAPE = "`input_shape` must be the shape"
NUMBER = "must be an integer of at least"
ROOM = "and the file of weights has room for"
PRIOR = {"style_size": 2, "width": 4, "components": 1, "beta": 1.0}
RMM = {**WHOLE, "function": "rmm", "num_nuisances": 2}
TREE = {
    **{**WHOLE, "function": "evolutionary_tree"},
    **{"depth": 2, "branching": 2, "shared_mutations": False},
}
FOREST = {
    **{**WHOLE, "function": "evolutionary_forest"},
    **{"num_trees": 2, "depth": 2, "branching": 2},
}
# The text of `config.json`.
TEXTS = {
    "no byte": (b"", "it is not JSON"),
    "cut": (b'{"function": "rfm", ', "it is not JSON"),
    "a list": (b"[]", "it must hold a JSON object, got a list"),
    "a word": (b'"rfm"', "it must hold a JSON object, got a str"),
    "nothing": (b"null", "it must hold a JSON object, got a NoneType"),
    "no text": (b"\xff\xfe\xff", "it is not JSON"),
    "zeros": (bytes(100), "it is not JSON"),
    "a key twice": (
        b'{"function": "rfm", "function": "rmm"}',
        "it has the key 'function' twice",
    ),
    "a key twice, inside": (
        b'{"switch_prior": {"beta": 1, "beta": 2}}',
        "it has the key 'beta' twice",
    ),
    "NaN": (b'{"num_classes": NaN}', "it has NaN, which is no number of JSON"),
    "infinity": (b'{"num_classes": -Infinity}', "it has -Infinity, which is no"),
    "100,000 levels": (b'{"a":' * 10**5 + b"1" + b"}" * 10**5, "nested more than 50"),
    "60 levels": (
        b'{"a":' + b"[" * 60 + b"]" * 60 + b"}",
        "nested more than 50 levels",
    ),
    "5,000 digits": (b'{"num_classes": ' + b"9" * 5000 + b"}", "it is not JSON"),
    "two megabytes": (b" " * 2**21 + b"{}", "it has more than 1,048,576 bytes"),
    "two objects": (b"{} {}", "it is not JSON: Extra data"),
}
# What is there instead of, or beside, the arguments.
CONFIGS = {
    "no function": ({"function": None}, "asks for None, which is no function"),
    "an object": ({"function": {}}, "asks for {}, which is no function of the zoo"),
    "a path": ({"function": "../rfm"}, "asks for '../rfm', which is no function"),
    "no class": ({"num_classes": 0}, f"`num_classes` {NUMBER} 1, got 0"),
    "one class": ({"num_classes": 1}, f"`num_classes` {NUMBER} 2, got 1"),
    "negative classes": ({"num_classes": -3}, f"`num_classes` {NUMBER} 1, got -3"),
    "half a class": ({"num_classes": 2.5}, f"`num_classes` {NUMBER} 1, got 2.5"),
    "classes of text": ({"num_classes": "3"}, f"`num_classes` {NUMBER} 1, got '3'"),
    "true classes": ({"num_classes": True}, f"`num_classes` {NUMBER} 1, got True"),
    "classes of 1e400": ({"num_classes": 1e308}, f"`num_classes` {NUMBER} 1, got 1e"),
    "a list of classes": ({"num_classes": [3]}, f"`num_classes` {NUMBER} 1, got"),
    "a billion classes": ({"num_classes": 10**9}, ROOM),
    "classes of 64 bits": ({"num_classes": 2**63}, ROOM),
    "4,000 digits": (
        {"num_classes": 10**4000},
        f"it asks for a int of something, {ROOM}",
    ),
    "two sizes": ({"input_shape": [16, 16]}, rf"{SHAPE} .*got \[16, 16\]"),
    "four sizes": ({"input_shape": [1, 16, 16, 1]}, "Leave out the batch axis"),
    "no size": ({"input_shape": []}, SHAPE),
    "no pixel": ({"input_shape": [0, 16, 1]}, SHAPE),
    "a negative size": ({"input_shape": [16, -16, 1]}, SHAPE),
    "a fraction of a pixel": ({"input_shape": [16.5, 16, 1]}, SHAPE),
    "a size of text": ({"input_shape": "16"}, SHAPE),
    "sizes of text": ({"input_shape": ["16", 16, 1]}, SHAPE),
    "a null size": ({"input_shape": None}, SHAPE),
    "a true size": ({"input_shape": [16, 16, True]}, SHAPE),
    "a size of an object": ({"input_shape": {"0": 16, "1": 16, "2": 1}}, SHAPE),
    "small images": ({"input_shape": [3, 3, 1]}, r"rfm\(.*\): `conv` needs images no"),
    "40 GB of pixels": ({"input_shape": [10**5, 10**5, 1]}, ROOM),
    "large images": ({"input_shape": [250, 250, 1]}, f"a weight of shape .* {ROOM}"),
    "a thousand channels": ({"input_shape": [16, 16, 900]}, f"a weight of .* {ROOM}"),
    "a thousand classes": ({"num_classes": 1000}, f"a weight of shape .* {ROOM}"),
    "a billion channels": ({"input_shape": [16, 16, 10**9]}, ROOM),
    "sizes of 64 bits": ({"input_shape": [2**40, 2**40, 1]}, ROOM),
    "frozen, a number": ({"frozen": 5}, "`frozen` must be a list of paths, got 5"),
    "frozen, a text": (
        {"frozen": "levels"},
        "`frozen` must be a list of paths, got 'l",
    ),
    "frozen, numbers": (
        {"frozen": [1]},
        r"`frozen` must be a list of paths, got \[1\]",
    ),
    "names, a number": ({"class_names": 3}, "`class_names` must be a list of 3 diff"),
    "two names": ({"class_names": ["a", "b"]}, "`class_names` must be a list of 3"),
    "a name twice": ({"class_names": ["a", "b", "a"]}, "`class_names` must be a list"),
    "names, numbers": ({"class_names": [1, 2, 3]}, "`class_names` must be a list of 3"),
    "prior, a number": ({"switch_prior": 5}, "`switch_prior` must be an object of"),
    "prior, empty": ({"switch_prior": {}}, "`switch_prior` must be an object of"),
    "prior, without beta": (
        {"switch_prior": {k: v for k, v in PRIOR.items() if k != "beta"}},
        "`switch_prior` must be an object of style_size, width, components and beta",
    ),
    "prior, with more": ({"switch_prior": {**PRIOR, "x": 1}}, "`switch_prior` must be"),
    "prior, no style": ({"switch_prior": {**PRIOR, "style_size": 0}}, "`style_size` m"),
    "prior, no component": (
        {"switch_prior": {**PRIOR, "components": 0}},
        "`components",
    ),
    "prior, β of 0": (
        {"switch_prior": {**PRIOR, "beta": 0}},
        "`beta` must be a finite",
    ),
    "prior, β of text": ({"switch_prior": {**PRIOR, "beta": "1"}}, "`beta` must be a"),
    "a style of 8 TB": ({"switch_prior": {**PRIOR, "style_size": 10**6}}, ROOM),
    "a wide prior": ({"switch_prior": {**PRIOR, "width": 10**8}}, ROOM),
    "a billion Gaussians": ({"switch_prior": {**PRIOR, "components": 10**9}}, ROOM),
    "one more argument": ({"levels": []}, "must give rfm the arguments input_shape"),
    "settings of learning": ({"training_steps": 9}, "must give rfm the arguments"),
}
# Of other functions.
OTHERS = {
    "a billion nuisances": ({**RMM, "num_nuisances": 10**9}, ROOM),
    "900 nuisances": ({**RMM, "num_nuisances": 900}, f"a weight of shape .* {ROOM}"),
    "negative nuisances": ({**RMM, "num_nuisances": -1}, f"`num_nuisances` {NUMBER}"),
    "a prior of an RMM": (
        {**RMM, "switch_prior": PRIOR},
        "rmm has no prior of switches",
    ),
    "a tree up to the sky": ({**TREE, "depth": 10**9}, ROOM),
    "a tree of 20 levels": ({**TREE, "depth": 20}, ROOM),
    "a bush": ({**TREE, "branching": 10**6, "depth": 1}, ROOM),
    "maybe": ({**TREE, "shared_mutations": "maybe"}, "`shared_mutations` must be True"),
    "a billion trees": ({**FOREST, "num_trees": 10**9, "depth": 8}, ROOM),
    "no tree": ({**FOREST, "num_trees": 0}, f"`num_trees` {NUMBER} 1, got 0"),
}
SUMS = "its SHA-256 is [0-9a-f]{64}, but metadata.json says"
# The text of `metadata.json`.
METADATA_TEXTS = {
    "no byte": (b"", "it is not JSON"),
    "a key twice": (b'{"sha256": {}, "sha256": {}}', "it has the key 'sha256' twice"),
    "NaN": (b'{"test_error": NaN, "sha256": {}}', "it has NaN, which is no number"),
    "100,000 levels": (b'{"a":' * 10**5, "nested more than 50 levels deep"),
    "two megabytes": (b" " * 2**21, "it has more than 1,048,576 bytes"),
    "no sums": (b'{"sha256": {}}', f"{SUMS} None"),
    "sums, a list": (b'{"sha256": ["config.json"]}', f"{SUMS} None"),
    "a sum, a number": (b'{"sha256": {"config.json": 5}}', f"{SUMS} 5"),
    "a sum, an object": (b'{"sha256": {"config.json": {}}}', f"{SUMS} {{}}"),
}


def check(folder, file, message, load=zoo.from_preset, is_large=True):
    size = sum(path.stat().st_size for path in folder.iterdir())
    # To follow each allocation takes time.
    watch = bounded(size, makes_models=True) if is_large else contextlib.nullcontext()
    with watch, pytest.raises(ValueError, match=message) as error:
        load(folder)
    text = str(error.value)
    assert str(folder) in text
    assert file in text or "The preset at" in text
    assert re.search("opy the folder again|must be one of|must give", text)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_a_configuration(name, folder):
    content, message = TEXTS[name]
    (folder / CONFIG).write_bytes(content)
    sign(folder)
    check(folder, CONFIG, message)


@pytest.mark.parametrize("name", [*CONFIGS, *OTHERS])
def test_values_of_a_configuration(name, folder):
    if name in CONFIGS:
        changes, message = CONFIGS[name]
        config = {**WHOLE, **changes}
    else:
        config, message = OTHERS[name]
    (folder / CONFIG).write_text(json.dumps(config))
    sign(folder)
    check(folder, CONFIG, message, is_large=ROOM in message)


@pytest.mark.parametrize("name", METADATA_TEXTS)
def test_texts_of_the_metadata(name, folder):
    content, message = METADATA_TEXTS[name]
    (folder / METADATA).write_bytes(content)
    check(folder, METADATA, message)


@pytest.mark.parametrize("name", [*DECLARED, *HELD])
def test_weights(name, folder):
    damage, message = {**DECLARED, **HELD}[name]
    damage(folder / WEIGHTS)
    sign(folder)
    check(folder, WEIGHTS, message, is_large=name in DECLARED)


def test_a_prior_that_the_weights_do_not_have(folder):
    (folder / CONFIG).write_text(json.dumps({**WHOLE, "switch_prior": PRIOR}))
    sign(folder)
    check(folder, WEIGHTS, "could not be loaded")


def test_given_arguments_load_no_other_weights(folder):
    DECLARED["50 GB, never written"][0](folder / WEIGHTS)
    sign(folder)
    check(
        folder,
        WEIGHTS,
        "of which 0 are stored",
        lambda preset: zoo.rfm((16, 16, 1), 3, preset=preset),
    )


def test_an_initial_model_is_no_larger_than_the_weights(folder):
    (folder / CONFIG).write_text(json.dumps({**WHOLE, "num_classes": 10**9}))
    sign(folder)
    for options in ({"load_weights": False}, {"num_classes": 4}):
        check(
            folder, CONFIG, ROOM, lambda v, given=options: zoo.from_preset(v, **given)
        )


@pytest.mark.parametrize("file", [CONFIG, METADATA, WEIGHTS])
def test_a_folder_in_the_place_of_a_file(file, folder):
    (folder / file).unlink()
    (folder / file).mkdir()
    check(folder, file, "directory")


@pytest.mark.parametrize("file", [CONFIG, METADATA, WEIGHTS])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_nothing_waits_for_a_pipe_or_reads_a_device(file, kind, folder):
    (folder / file).unlink()
    if kind == "pipe":
        os.mkfifo(folder / file)
    else:
        (folder / file).symlink_to("/dev/zero")
    check(folder, file, "is a pipe or a device, and no ordinary file")


def test_a_card_is_not_rewritten_without_its_own_entries(folder):
    metadata = json.loads((folder / METADATA).read_text())
    del metadata["keras"]
    (folder / METADATA).write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match=r"metadata\.json lacks keras\. Copy the"):
        rewrite_card(folder, {})
    assert json.loads((folder / METADATA).read_text()) == metadata


def test_weights_of_more_digits_are_read(folder):
    """Keras casts them; only what is no number of float32 is refused."""
    expected = zoo.from_preset(folder).get_weights()
    damage = HELD["more than float32"][0]
    damage(folder / WEIGHTS)
    with h5py.File(folder / WEIGHTS, "r+") as file:
        file["layers/class_templates/vars/1"][...] = 0.25
    sign(folder)
    found = zoo.from_preset(folder).get_weights()
    assert Preset(folder).function == "rfm"
    different = [
        number
        for number, pair in enumerate(zip(found, expected, strict=True))
        if not np.array_equal(*pair)
    ]
    (place,) = different
    np.testing.assert_array_equal(found[place], np.full(3, 0.25, "float32"))
