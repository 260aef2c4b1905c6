"""Other files that are read: models, records, caches, tables, images, markers."""

import io
import json
import os
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from keras_drmm import RMM
from keras_drmm.command_line.loading import load_model
from keras_drmm.command_line.record import learned_labels, read_settings
from keras_drmm.data import load_folder
from keras_drmm.evaluation import write_annotation_csv
from recipes import publish_preset
from recipes.common import results
from tests.damaged.h5_files import large, linked
from tests.damaged.memory import bounded
from tests.damaged.npz_files import GIGABYTES, declared, with_header
from tests.data.image_bytes import chunk

pytestmark = pytest.mark.once

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


# Models in Keras' format.


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """{name: bytes} of what is in the file of a model."""
    path = tmp_path_factory.mktemp("models") / "model.keras"
    RMM((4, 4, 1), num_classes=3, num_nuisances=2).save(path)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def configured(**changes):
    """Return a function of {name: bytes} that changes the model's arguments."""

    def change(parts):
        config = json.loads(parts[CONFIG])
        config["config"].update(changes)
        return {**parts, CONFIG: json.dumps(config).encode()}

    return change


def whole(**changes):
    """Return a function that changes the configuration itself."""

    def change(parts):
        config = {**json.loads(parts[CONFIG]), **changes}
        return {**parts, CONFIG: json.dumps(config).encode()}

    return change


def put(name, content):
    return lambda parts: {**parts, name: content}


def without(name):
    return lambda parts: {k: v for k, v in parts.items() if k != name}


ROOM = "and the file of weights has room for"
PARTS = r"it must hold \['config.json', 'metadata.json', 'model.weights.h5'\], got"
MODELS = {
    "no configuration": (without(CONFIG), PARTS),
    "no weights": (without(WEIGHTS), PARTS),
    "nothing": (lambda _: {}, PARTS),
    "an asset": (put("assets/a.txt", b"a"), PARTS),
    "a path": (put("../../outside", b"a"), PARTS),
    "an empty configuration": (put(CONFIG, b""), "it is not JSON"),
    "a list": (put(CONFIG, b"[]"), "it must hold a JSON object, got a list"),
    "100,000 levels": (put(CONFIG, b'{"a":' * 10**5), "it is nested more than 50 lev"),
    "a key twice": (put(CONFIG, b'{"a": 1, "a": 2}'), "it has the key 'a' twice"),
    "20 megabytes": (
        put(CONFIG, b" " * 20 * 2**20),
        "it has more than 16,777,216 byte",
    ),
    "a stock model": (whole(registered_name="Functional"), "'Functional', which is no"),
    "no name": (whole(registered_name=None), "it holds None, which is no model of"),
    "a function": (whole(registered_name=["keras_drmm>RMM"]), "which is no model of"),
    "no class": (
        whole(registered_name="keras_drmm>Nothing", class_name="Nothing"),
        "cannot be loaded as a model of keras_drmm",
    ),
    "no arguments": (whole(config={}), "`config` must be a dictionary with"),
    "a billion classes": (configured(num_classes=10**9), ROOM),
    "a billion nuisances": (configured(num_nuisances=10**9), ROOM),
    "40 GB of pixels": (configured(input_shape=[10**5, 10**5, 1]), ROOM),
    "classes of text": (
        configured(num_classes="3"),
        "`num_classes` must be an integer",
    ),
    "an unknown argument": (configured(more=1), "`RMM` has no argument `more`"),
    "other weights": (configured(num_nuisances=1), "cannot be loaded as a model of"),
    "weights, a text": (put(WEIGHTS, b"weights"), "it cannot be read as HDF5"),
    "weights, nothing": (put(WEIGHTS, b""), "it cannot be read as HDF5"),
}


def check_model(path, message):
    with (
        bounded(path.stat().st_size, makes_models=True),
        pytest.raises(ValueError, match=message) as error,
    ):
        load_model(str(path))
    text = str(error.value)
    assert text.startswith(f"{path} cannot be loaded as a model of keras_drmm: ")
    assert text.endswith("Save it again, or give a preset.")


@pytest.mark.parametrize("name", MODELS)
def test_models(name, parts, tmp_path):
    change, message = MODELS[name]
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        for part, content in change(parts).items():
            file.writestr(part, content)
    check_model(path, message)


WEIGHTS_OF_MODELS = {
    "50 GB in compressed parts": (
        large("vars/0", chunks=(1024,), compression="gzip"),
        "/vars/0 is not stored as one piece",
    ),
    "50 GB, never written": (large("vars/0"), "bytes, of which 0 are stored"),
    "a link": (
        linked(h5py.SoftLink("/vars/1"), "vars/0"),
        "/vars/0 is a link to another place",
    ),
}


@pytest.mark.parametrize("name", WEIGHTS_OF_MODELS)
def test_weights_of_models(name, parts, tmp_path):
    damage, message = WEIGHTS_OF_MODELS[name]
    weights = tmp_path / "weights.h5"
    weights.write_bytes(parts[WEIGHTS])
    damage(weights)
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        for part, content in {**parts, WEIGHTS: weights.read_bytes()}.items():
            file.writestr(part, content)
    check_model(path, message)


def test_a_compressed_model_is_refused(parts, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for part, content in parts.items():
            file.writestr(part, content + bytes(2**20 if part == WEIGHTS else 0))
    check_model(path, r"is declared to have [\d,]+ bytes, of which [\d,]+ are stored")


@pytest.mark.parametrize(
    "content", [b"", b"a model", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"]
)
def test_other_files_are_no_models(content, tmp_path):
    (tmp_path / "model.keras").write_bytes(content)
    check_model(tmp_path / "model.keras", "File is not a zip file")


def test_a_whole_model_is_loaded(parts, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        for part, content in parts.items():
            file.writestr(part, content)
    expected = keras.saving.load_model(path).get_weights()
    for found, weight in zip(
        load_model(str(path)).get_weights(), expected, strict=True
    ):
        np.testing.assert_array_equal(found, weight)


def test_what_a_model_was_compiled_with_is_not_made(parts, tmp_path):
    """It may be a metric of a matrix that fills the memory; this one raises."""
    change = whole(compile_config={"optimizer": "none of Keras"})
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        for part, content in change(parts).items():
            file.writestr(part, content)
    assert load_model(str(path)).num_classes == 3


# Records of a fit.

NO_TEXTS = "is no object of texts"
RECORDS = {
    "no byte": (b"", "it is not JSON"),
    "no text": (b"\xff\xff", "it is not JSON"),
    "a list": (b"[]", "it must hold a JSON object"),
    "one key": (b'{"settings": {}}', "it must have settings and learned"),
    "one more": (b'{"settings": {}, "learned": {}, "x": 1}', "it must have settings"),
    "settings, a list": (b'{"settings": [], "learned": {}}', "settings are no object"),
    "learned, a text": (b'{"settings": {}, "learned": "abc"}', NO_TEXTS),
    "learned, numbers": (b'{"settings": {}, "learned": {"a": 1}}', NO_TEXTS),
    "learned, a list": (b'{"settings": {}, "learned": ["a"]}', NO_TEXTS),
    "twice": (b'{"learned": {}, "learned": {}}', "it has the key 'learned' twice"),
    "100,000 levels": (b'{"settings":' + b"[" * 10**5, "it is nested more than 50"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records(name, tmp_path):
    content, message = RECORDS[name]
    (tmp_path / "fit.json").write_bytes(content)
    for read in (read_settings, learned_labels):
        with (
            bounded(len(content)),
            pytest.raises(ValueError, match=rf"fit\.json is missing or.*{message}"),
        ):
            read(tmp_path)


# Caches of images.


@pytest.fixture
def cached(tmp_path):
    """A folder of two images, and a cache of it."""
    folder = tmp_path / "images"
    folder.mkdir()
    for level in (1, 2):
        Image.new("L", (3, 2), level).save(folder / f"{level}.png")
    load_folder(folder, cache=tmp_path / "cache.npy", verbose=0)
    return tmp_path


def rewrite_cache(cached, content):
    """Write another cache, and let its description say that it is the one."""
    path, about = cached / "cache.npy", cached / "cache.npy.json"
    path.write_bytes(content)
    status = path.stat()
    described = json.loads(about.read_text())
    described["written"] = [status.st_size, status.st_mtime_ns]
    about.write_text(json.dumps(described))


CACHES = {
    "50 GB": (
        declared(shape=f"({GIGABYTES}, 2, 3, 1)"),
        rf"uint8 of shape \({GIGABYTES}",
    ),
    "objects": (declared("'|O'", "(2, 2, 3, 1)"), "and not of numbers"),
    "floats": (declared("'<f4'", "(2, 2, 3, 1)"), "it has float32 of shape"),
    "one image": (
        declared(shape="(1, 2, 3, 1)"),
        r"it has uint8 of shape \(1, 2, 3, 1\)",
    ),
    "three axes": (declared(shape="(2, 2, 3)"), r"it has uint8 of shape \(2, 2, 3\)"),
    "two channels": (declared(shape="(2, 1, 3, 2)"), r"of shape \(2, 1, 3, 2\) in"),
    "another order": (
        declared("'|u1'", "(2, 2, 3, 1)", "True"),
        "it has uint8 of shape",
    ),
    "a negative size": (declared(shape="(-2, 2, 3, 1)"), "its header is not one of"),
}


@pytest.mark.parametrize("name", CACHES)
def test_caches(name, cached):
    text, message = CACHES[name]
    rewrite_cache(cached, with_header(text, bytes(12)))
    with (
        bounded(200),
        pytest.raises(ValueError, match=rf"does not hold these images.*{message}"),
    ):
        load_folder(cached / "images", cache=cached / "cache.npy", verbose=0)


DESCRIPTIONS = {
    "a key twice": (b'{"key": 1, "key": 2}', "it has the key 'key' twice"),
    "failed, a list": (
        b'{"key": {}, "failed": [], "written": 1}',
        "what failed is no object",
    ),
    "failed, a text": (
        b'{"key": 1, "failed": "", "written": 1}',
        "what failed is no object",
    ),
    "100,000 levels": (b'{"key":' + b"[" * 10**5, "it is nested more than 50"),
    "no text": (b"\xff\xff", "it is not JSON"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_of_caches(name, cached):
    content, message = DESCRIPTIONS[name]
    (cached / "cache.npy.json").write_bytes(content)
    match = rf"`cache` must be a new file.*cache\.npy\.json beside it \({message}"
    with bounded(len(content)), pytest.raises(ValueError, match=match):
        load_folder(cached / "images", cache=cached / "cache.npy", verbose=0)


# Tables of labels.

TABLES = {
    "a column twice": (
        b"file,label,label\n1.png,a,b\n",
        "must have each column once, got",
    ),
    "a file column twice": (
        b"file,file,label\n1.png,1.png,b\n",
        "each column once, got",
    ),
    "a long field": (
        b"file,label\n1.png," + b"a" * 200_000 + b"\n",
        "field larger than",
    ),
    "an open quotation": (b'file,label\n1.png,"a\n', "cannot be read as a CSV file"),
    "UTF-16": (
        "file,label\n1.png,a\n".encode("utf-16"),
        "cannot be read as a CSV file",
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "cannot be read as a CSV file"),
    "a line of 10 MB": (b"a," * 5 * 2**20, "must begin with the header"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_labels(name, cached):
    content, message = TABLES[name]
    table = cached / "labels.csv"
    table.write_bytes(content)
    # Python keeps a row as a list of texts: some ten times its bytes.
    with bounded(20 * len(content)), pytest.raises(ValueError, match=message) as error:
        load_folder(cached / "images", labels=table, verbose=0)
    assert str(table) in str(error.value)


# Images that are declared larger than they are.

MUCH = 50_000


def png(width, height, bits=8):
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", b"x\x9c\x03\x00\x00\x00\x00\x01")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def bmp(width, height):
    fields = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 1, 1, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 12, 0, 0, 54) + fields + bytes(12)


def gif(width, height):
    begin = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return begin + frame + b"\x02\x02\x44\x01\x00;"


def of_kind(kind, places, form, **options):
    """A small image whose size stands at `places` in a form of `struct`."""
    buffer = io.BytesIO()
    Image.new("L", (3, 2)).save(buffer, kind, **options)
    content = bytearray(buffer.getvalue())
    for place in places(content):
        struct.pack_into(form, content, place, MUCH)
    return bytes(content)


def frame_of_jpeg(content):
    place = content.index(b"\xff\xc0")
    return place + 5, place + 7


def sizes_of_tiff(content):
    first = struct.unpack_from("<I", content, 4)[0] + 2
    return first + 8, first + 12 + 8


LARGE_IMAGES = {
    "grey.png": png(MUCH, MUCH),
    "wide.png": png(2**31 - 1, 1),
    "high.png": png(1, 2**31 - 1),
    "16 bits.png": png(MUCH, MUCH, 16),
    "colour.bmp": bmp(MUCH, MUCH),
    "upside down.bmp": bmp(MUCH, -MUCH),
    "frame.gif": gif(MUCH, MUCH),
    "frame.jpg": of_kind("JPEG", frame_of_jpeg, ">H"),
    "pages.tif": of_kind("TIFF", sizes_of_tiff, "<I"),
    "packed.tif": of_kind("TIFF", sizes_of_tiff, "<I", compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", LARGE_IMAGES)
def test_images_that_are_declared_large(name, tmp_path):
    """2.5 billion pixels: Pillow's limit is 89 million, and it is an error here."""
    content = LARGE_IMAGES[name]
    (tmp_path / name).write_bytes(content)
    with bounded(len(content)), pytest.raises(ValueError, match="None of the 1 images"):
        load_folder(tmp_path, 8, verbose=0)


# What recipes write.

MARKERS = {
    "no byte": "",
    "a space": " \n",
    "half": '{"table": 1, "set',
    "without its last line": '{"table": 1,\n "draw": 2',
}


@pytest.mark.parametrize("name", MARKERS)
def test_markers_of_runs(name, tmp_path):
    path = tmp_path / "finished.json"
    path.write_text(MARKERS[name])
    for read in (results.read_marker, lambda _: publish_preset.publish(tmp_path, "x")):
        with pytest.raises(
            ValueError, match=r"finished\.json says that the run is fin"
        ):
            read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{nothing}\n", "finished.json is not JSON"),
        (
            "{}\n",
            "finished.json lacks table, setting, model, steps, image_shape, labels",
        ),
    ],
)
def test_markers_of_other_content(text, message, tmp_path):
    (tmp_path / "finished.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        publish_preset.publish(tmp_path, tmp_path / "x")


def test_a_marker_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "finished.txt"
    results.write_marker(path, "one\ntwo")
    assert results.read_marker(path) == "one\ntwo"

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        results.write_marker(path, "three")
    assert results.read_marker(path) == "one\ntwo"
    path.write_text("one\ntw")
    with pytest.raises(ValueError, match="is empty or cut short, got"):
        results.read_marker(path)


ROWS = {
    "a short line": (b"a,b\n1,2\n3\n", "line 3 has other columns"),
    "a long line": (b"a,b\n1,2,3\n", "line 2 has other columns"),
    "a long field": (b"a,b\n1," + b"2" * 200_000, "field larger than field limit"),
    "no text": (b"a,b\n\xff,1\n", "'utf-8' codec can't decode"),
    "cut within quotations": (b'a,b\n1,"2', "unexpected end of data"),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_results(name, tmp_path, monkeypatch):
    content, message = ROWS[name]
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    (tmp_path / "tables.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"tables\.csv is damaged: {message}"):
        results.read_rows("tables")


def test_no_table_waits_for_a_pipe(cached):
    table = cached / "labels.csv"
    os.mkfifo(table)
    with pytest.raises(
        ValueError, match=r"labels\.csv is a pipe or a device, and no or"
    ):
        load_folder(cached / "images", labels=table, verbose=0)
    with pytest.raises(
        OSError, match=r"labels\.csv is a pipe or a device, and no ordin"
    ):
        write_annotation_csv(table, ["a.png"], [[0.5, 0.5]])


@pytest.mark.parametrize("content", [b"label\n" + b"a" * 200_000, b"\xff\x00\n", b""])
def test_an_annotation_table_replaces_no_other_file(content, tmp_path):
    path = tmp_path / "label.csv"
    path.write_bytes(content)
    with pytest.raises(FileExistsError, match=r"label\.csv' has labels that a person"):
        write_annotation_csv(path, ["a.png"], [[0.5, 0.5]])
    assert path.read_bytes() == content
