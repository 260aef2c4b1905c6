import hashlib
import json
import os
import tracemalloc

import keras
import numpy as np
import PIL
import pytest
from PIL import Image

from keras_drmm.data import load_folder, semi_supervised

pytestmark = pytest.mark.once


@pytest.fixture
def folder(tmp_path):
    """Six images of two classes, an unlabelled and a damaged one, and a cache."""
    random = np.random.default_rng(0)
    names = [f"{name}/{number}.png" for name in "ab" for number in range(3)]
    for name in [*names, "unlabelled/1.png"]:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (5, 4, 3), dtype="uint8")
        Image.fromarray(pixels).save(path)
    (tmp_path / "images" / "a" / "empty.png").touch()
    return tmp_path / "images"


@pytest.fixture
def count(monkeypatch):
    """A list that grows by the name of each file that is read."""
    from keras_drmm.data import image_files

    read, names = image_files.read_image, []

    def read_image(path):
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(image_files, "read_image", read_image)
    return names


def load(folder, cache=True, **options):
    options = {"color_mode": "rgb", **options}
    target = folder.parent / "cache.npy" if cache else None
    with pytest.warns(UserWarning, match="a/empty.png"):
        return load_folder(folder, cache=target, verbose=0, **options)


def test_a_cache_has_the_same_images(folder):
    plain, cached = load(folder, cache=False), load(folder)
    assert isinstance(cached.images, np.memmap)
    assert not cached.images.flags.writeable
    np.testing.assert_array_equal(cached.images, plain.images)
    np.testing.assert_array_equal(np.load(folder.parent / "cache.npy"), plain.images)
    np.testing.assert_array_equal(cached.labels, plain.labels)
    assert cached.files == plain.files
    assert (
        cached.unreadable == plain.unreadable == [("a/empty.png", "the file is empty")]
    )


def test_a_cache_is_reused(folder, count):
    first = load(folder)
    assert len(count) == 8
    again = load(folder)
    assert len(count) == 8
    np.testing.assert_array_equal(again.images, first.images)
    assert again.unreadable == first.unreadable
    # Labels are looked up anew.
    table = folder.parent / "labels.csv"
    table.write_text("file,label\na/1.png,x\n")
    assert load(folder, labels=table).labels.tolist() == [-1, 0, -1, -1, -1, -1, -1]
    assert len(count) == 8


def newer(folder, monkeypatch):
    os.utime(folder / "a" / "1.png", (1, 1))


def longer(folder, monkeypatch):
    path = folder / "a" / "1.png"
    before = path.stat()
    path.write_bytes(path.read_bytes() + b"0")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def renamed(folder, monkeypatch):
    (folder / "a" / "1.png").rename(folder / "a" / "9.png")


def other_pillow(folder, monkeypatch):
    monkeypatch.setattr(PIL, "__version__", "1.0")


def other_limit(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10**6)


def moved(folder, monkeypatch):
    folder.rename(folder.with_name("other"))


def changed_cache(folder, monkeypatch):
    path = folder.parent / "cache.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncated_cache(folder, monkeypatch):
    path = folder.parent / "cache.npy"
    path.write_bytes(path.read_bytes()[:-1])


def no_cache(folder, monkeypatch):
    (folder.parent / "cache.npy").unlink()


@pytest.mark.parametrize(
    "change",
    [
        *(newer, longer, renamed, other_pillow, other_limit, moved),
        *(changed_cache, truncated_cache, no_cache),
    ],
)
def test_a_cache_of_other_files_is_written_anew(folder, count, monkeypatch, change):
    load(folder)
    change(folder, monkeypatch)
    folder = folder if folder.exists() else folder.with_name("other")
    found = load(folder)
    assert len(count) == 16
    np.testing.assert_array_equal(found.images, load(folder, cache=False).images)


@pytest.mark.parametrize(
    "options", [{"color_mode": "grayscale"}, {"image_size": (3, 3)}]
)
def test_a_cache_of_other_arguments_is_written_anew(folder, options):
    load(folder)
    plain = load(folder, cache=False, **options)
    np.testing.assert_array_equal(load(folder, **options).images, plain.images)


@pytest.mark.parametrize("place", [(keras.utils.Progbar, "update"), (os, "replace")])
def test_an_interrupted_run_leaves_no_file(folder, monkeypatch, place):
    first = load(folder)
    Image.new("RGB", (4, 5)).save(folder / "b" / "9.png")
    before = {path: path.stat() for path in folder.parent.iterdir()}

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(*place, interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_folder(folder, cache=folder.parent / "cache.npy", verbose=0)
    assert {path: path.stat() for path in folder.parent.iterdir()} == before
    np.testing.assert_array_equal(np.load(folder.parent / "cache.npy"), first.images)


def test_a_cache_in_the_folder_is_no_image(folder):
    cache = folder / "a" / "cache.npy"
    for _ in range(2):
        with pytest.warns(UserWarning, match="1 files"):
            found = load_folder(folder, cache=cache, verbose=0)
        assert [name for name, _ in found.unreadable] == ["a/empty.png"]
    assert {path.name for path in cache.parent.iterdir()} == {
        *("0.png", "1.png", "2.png", "empty.png"),
        *("cache.npy", "cache.npy.json"),
    }


@pytest.mark.parametrize("name", ["cache.npy", "cache.npy.json"])
@pytest.mark.parametrize("text", ["[1]", "{}", "mine"])
def test_files_of_others_are_kept(folder, name, text):
    path = folder.parent / name
    path.write_text(text)
    with pytest.raises(ValueError, match=r"`cache` must be a new file .*cache\.npy"):
        load_folder(folder, cache=folder.parent / "cache.npy", verbose=0)
    assert path.read_text() == text
    assert len(list(folder.parent.iterdir())) == 2


def test_names_that_are_no_text_are_kept(folder):
    name = os.fsdecode(b"b/\xff.png")
    Image.new("RGB", (4, 5)).save(folder / "b" / "9.png")
    (folder / "b" / "9.png").rename(folder / name)
    for _ in range(2):
        assert name in load(folder).files
    saved = json.loads((folder.parent / "cache.npy.json").read_text())
    digest = hashlib.sha256()
    paths = [f"{of}/{number}.png" for of in "ab" for number in range(3)]
    for path in [*paths[:3], "a/empty.png", *paths[3:], name, "unlabelled/1.png"]:
        status = (folder / path).stat()
        digest.update(os.fsencode(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0"))
    assert (saved["key"]["files"], saved["key"]["sha256"]) == (9, digest.hexdigest())


def test_memory_does_not_grow_with_the_images(tmp_path):
    def peak(number, cache):
        folder = tmp_path / str(number)
        folder.mkdir(exist_ok=True)
        for place in range(number):
            Image.new("L", (8, 8), place).save(folder / f"{place}.png")
        tracemalloc.start()
        load_folder(folder, (512, 512), "rgb", cache=cache, verbose=0)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    few, many = (peak(v, tmp_path / f"{v}.npy") for v in (5, 50))
    assert many < 1.05 * few
    # Of an array in memory it does, so that the measure would tell.
    assert peak(50, None) > 5 * peak(5, None)


@pytest.mark.every_backend
def test_training_reads_batches_of_a_cache(tmp_path):
    random = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / f"{'ab'[number % 2]}/{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), dtype="uint8")).save(path)
    found = load_folder(tmp_path, 64, cache=tmp_path / "cache.npy", verbose=0)
    options = {"batch_size": 4, "validation": 4}
    tracemalloc.start()
    mapped = semi_supervised(found.images, found.labels, 6, **options)
    _ = mapped[0]
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The four images of a batch as float32, of forty as uint8.
    assert highest < found.images.nbytes
    arrays = semi_supervised(np.array(found.images), found.labels, 6, **options)
    assert len(mapped) == len(arrays) > 0
    for batch, expected in zip(mapped, arrays, strict=True):
        for part, wanted in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(part, wanted)

    losses = []
    for data in (mapped, arrays):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((64, 64, 1)),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(2),
            ]
        )
        model.compile(
            "sgd",
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, ignore_class=-1
            ),
        )
        data.epoch = 0
        history = model.fit(data, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    assert losses[0] == losses[1]
    assert np.isfinite(losses[0]).all()
