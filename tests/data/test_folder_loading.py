import dataclasses
import doctest
import os
import sys

import numpy as np
import pytest
from PIL import Image

import keras_drmm
from keras_drmm.data import load_folder, semi_supervised

pytestmark = pytest.mark.once


def save(folder, *names, size=(3, 2)):
    """Save images of (width, height) whose level is their position, from 1 on."""
    for level, name in enumerate(names, start=1):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, level).save(path)


def load(folder, *args, **options):
    return load_folder(folder, *args, verbose=0, **options)


def levels(found):
    return found.images[:, 0, 0, 0].tolist()


@pytest.mark.smoke
def test_subfolders_are_classes(tmp_path):
    names = ["zebra/1.png", "10/b/1.png", "2/1.png", "10/a.png", "Unlabeled/x/1.png"]
    save(tmp_path, *names, "1.png", "unlabelled/1.png")
    found = load(tmp_path)
    assert found.class_names == ("10", "2", "zebra")
    assert found.files == [
        *("1.png", "10/a.png", "10/b/1.png", "2/1.png"),
        *("Unlabeled/x/1.png", "unlabelled/1.png", "zebra/1.png"),
    ]
    assert found.labels.tolist() == [-1, 0, 0, 1, -1, -1, 2]
    assert found.labels.dtype == np.int32
    assert levels(found) == [6, 4, 2, 3, 5, 7, 1]
    assert found.images.dtype == np.uint8
    assert found.images.shape == (7, 2, 3, 1)
    assert found.unreadable == []
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.files = []


def test_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    save(tmp_path, "b/2.png", "a/1.png", "b/1.png", "a-/1.png")
    found, listed = load(tmp_path), os.scandir
    assert found.files == ["a/1.png", "a-/1.png", "b/1.png", "b/2.png"]
    monkeypatch.setattr(os, "scandir", lambda path: list(listed(path))[::-1])
    assert load(tmp_path).files == found.files


def test_without_classes_all_are_unlabelled(tmp_path):
    save(tmp_path, "b.png", "a.png")
    found = load(tmp_path)
    assert found.class_names == ()
    assert found.labels.tolist() == [-1, -1]
    with pytest.raises(ValueError, match="No row is labelled"):
        semi_supervised(found.images, found.labels, None)


TABLE = """\
note,label,file
,dog,one/1.png
"a, b", cat ,./one/2.png
,,two/1.png
,dog,one/1.png
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_names_the_labels(tmp_path, encoding):
    save(tmp_path, "one/1.png", "one/2.png", "two/1.png", "two/2.png")
    (tmp_path / "labels.csv").write_text(TABLE, encoding)
    found = load(tmp_path, labels=tmp_path / "labels.csv")
    assert found.class_names == ("cat", "dog")
    assert found.files == ["one/1.png", "one/2.png", "two/1.png", "two/2.png"]
    assert found.labels.tolist() == [1, 0, -1, -1]
    # The table itself is no file that was left out.
    assert found.unreadable == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.png,cat\n", "header `file,label`, got '1.png,cat'"),
        ("", "header `file,label`, got ''"),
        ("file;label\n1.png;cat\n", "got 'file;label'. Separate columns by commas"),
        ("file,label\n1.png\n", "line 2: a row must have 2 columns"),
        ("file,label\n1.png,cat,dog\n", "line 2: a row must have 2 columns"),
        ("file,label\n1.png,a\n./1.png,b\n", "line 3: 1.png is labelled twice, 'a' an"),
        (
            "file,label\n1.png,a\n1.png,\n",
            "line 3: 1.png is labelled twice, 'a' and ''",
        ),
        (
            "file,label\n1.png,a\n8.png,a\n../1.png,a\n",
            r"names files that are not in .*: \.\./1\.png, 8\.png\. Write paths",
        ),
        ('file,label\n"1.png"x,a\n', "cannot be read as a CSV file"),
        ("file,label\n1.png,\xe4\n", r"cannot be read as a CSV file in UTF-8 \('utf-8"),
    ],
)
def test_bad_tables_are_refused(tmp_path, text, message):
    save(tmp_path, "1.png")
    (tmp_path / "labels.csv").write_text(text, "latin-1")
    with pytest.raises(ValueError, match=f"labels.csv.*{message}"):
        load(tmp_path, labels=str(tmp_path / "labels.csv"))


def test_without_labels_subfolders_mean_nothing(tmp_path):
    """Not even one without an image that can be read, which is no class here."""
    save(tmp_path, "a/1.png", "c/1.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").touch()
    with pytest.warns(UserWarning, match="1 files in .* are left out"):
        found = load(tmp_path, labels=False)
    assert found.files == ["a/1.png", "c/1.png"]
    assert found.labels.tolist() == [-1, -1]
    assert found.class_names == ()
    assert found.unreadable == [("b/1.png", "the file is empty")]


def test_a_class_without_a_readable_image_is_refused(tmp_path):
    save(tmp_path, "a/1.png", "c/1.png")
    (tmp_path / "b" / "empty").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"\['b'\] have no image that can be read\. G"):
        load(tmp_path)
    (tmp_path / "b" / "1.png").touch()
    with pytest.raises(ValueError, match=r"\['b'\] .*: b/1\.png \(the file is empty\)"):
        load(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na/1.png,x\nb/1.png,y\n")
    with pytest.raises(ValueError, match=r"\['y'\] have no image that can be read"):
        load(tmp_path, labels=tmp_path / "labels.csv")


def test_images_of_several_sizes_are_refused_or_resized(tmp_path):
    save(tmp_path, "a/1.png", "a/2.png")
    save(tmp_path, "b/1.png", size=(2, 2))
    message = r"\(2, 3\) of a/1\.png and \(2, 2\) of b/1\.png\. Pass `image_size="
    with pytest.raises(ValueError, match=message):
        load(tmp_path)
    assert load(tmp_path, (4, 5)).images.shape == (3, 4, 5, 1)
    assert load(tmp_path, 4).images.shape == (3, 4, 4, 1)


def test_damaged_files_do_not_decide_the_size(tmp_path):
    save(tmp_path, "b/1.png")
    save(tmp_path, "a.png", size=(9, 9))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:-20])
    with pytest.warns(UserWarning, match=r"1 files .*a\.png") as warned:
        found = load_folder(tmp_path, verbose=0)
    assert warned[0].filename == __file__
    assert found.files == ["b/1.png"]
    assert found.labels.tolist() == [0]
    assert levels(found) == [1]
    ((name, _),) = found.unreadable
    assert name == "a.png"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": 5}, "`path` must be the path of a folder, got 5"),
        ({"path": "nowhere"}, "`path` must be a folder, but nowhere is none"),
        ({"image_size": (4, 0)}, r"`image_size` must be .*, got \(4, 0\)"),
        ({"image_size": (4, 4, 3)}, r"`image_size` must be .*, got \(4, 4, 3\)"),
        ({"image_size": "4"}, "`image_size` must be .*, got '4'"),
        ({"color_mode": "rgba"}, "`color_mode` must be 'auto', .*, got 'rgba'"),
        ({"verbose": 3}, "`verbose` must be 'auto', 0, 1 or 2, got 3"),
        ({"labels": 3}, "`labels` must be the path of a CSV file, got 3"),
        ({"labels": "none.csv"}, r"none\.csv cannot be read as a CSV file"),
        ({"cache": 3}, "`cache` must be the path of a file, got 3"),
        ({"cache": "cache.npz"}, r"`cache` must be a file \*\.npy .*'cache.npz'"),
        ({"cache": "nowhere/c.npy"}, r"in a folder that is there, got 'nowhere/c.npy'"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, "images/1.png")
    with pytest.raises(ValueError, match=message):
        load_folder(**{"path": "images", "verbose": 0, **arguments})
    assert [v.name for v in tmp_path.iterdir()] == ["images"]


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"There is no image in .*Give the folder"):
        load(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        ValueError, match=r"There is no image in .*: notes\.txt \(the s"
    ):
        load(tmp_path)
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    message = r"None of the 2 images in .* can be read: a\.png \(the file is empty\), b"
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    save(tmp_path, "a/1.png", "a/locked/2.png")
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.warns(UserWarning, match=r"a/locked \(this folder cannot be listed: P"):
        found = load(tmp_path)
    assert found.unreadable[0][0] == "a/locked"
    assert levels(found) == [1]


@pytest.mark.parametrize(
    ("verbose", "shown"), [("auto", "2/2"), (1, "2/2"), (2, "2/2 - "), (0, "")]
)
def test_progress_is_shown(tmp_path, capsys, verbose, shown):
    save(tmp_path, "1.png", "2.png")
    load_folder(tmp_path, verbose=verbose)
    text = capsys.readouterr().out
    assert shown in text
    assert bool(text) == bool(shown)


def test_without_pillow_the_error_says_what_to_install(tmp_path, monkeypatch):
    # An entry of None makes Python's import fail, as if it were not installed.
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "keras_drmm.data.image_files", raising=False)
    with pytest.raises(ImportError, match=r"pip install keras-drmm\[images\]"):
        load(tmp_path)


def test_example_is_true():
    names = {"keras_drmm": keras_drmm}
    (test,) = doctest.DocTestFinder().find(load_folder, "load_folder", globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
