import hashlib
import re
import struct
import sys
from importlib.resources import files

import numpy as np
import pytest

from keras_drmm.data import load

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def mnist():
    return load("mnist")


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (6, 4, 4, 3), dtype="uint8"),
        "y_train": np.array([[0], [1], [2], [0], [1], [2]], dtype="uint8"),
        "x_test": rng.integers(0, 256, (3, 4, 4, 3), dtype="uint8"),
        "y_test": np.array([[2], [1], [0]], dtype="uint8"),
    }


def idx_md5(array):
    # The IDX format: two zero bytes, the type (8 is uint8), the rank, the sizes, all
    # big-endian, and then the data.
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return hashlib.md5(header + array.tobytes()).hexdigest()


@pytest.mark.smoke
def test_mnist_is_bit_exact(mnist):
    (x_train, y_train), (x_test, y_test) = mnist
    sums = [idx_md5(array) for array in (x_train, y_train, x_test, y_test)]
    assert sums == [
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ]


def test_licence_comes_with_mnist_and_names_its_sums(mnist):
    licence = (files("keras_drmm.data") / "MNIST_LICENSE.md").read_text("utf-8")
    assert "CC BY-SA 3.0" in licence
    for split in mnist:
        for array in split:
            assert idx_md5(array) in licence


def test_file_in_data_dir_is_returned_as_it_is(arrays, tmp_path):
    np.savez_compressed(tmp_path / "tiny.npz", **arrays, extra=np.zeros(2))
    (x_train, y_train), (x_test, y_test) = load("tiny", tmp_path)
    results = {"x_train": x_train, "y_train": y_train, "x_test": x_test}
    results["y_test"] = y_test
    for key, result in results.items():
        np.testing.assert_array_equal(result, arrays[key], strict=True)


def test_file_in_data_dir_goes_before_the_embedded_one(arrays, tmp_path, mnist):
    (x_train, _), _ = load("mnist", tmp_path)
    np.testing.assert_array_equal(x_train, mnist[0][0])
    np.savez(tmp_path / "mnist.npz", **arrays)
    (x_train, _), _ = load("mnist", str(tmp_path))
    np.testing.assert_array_equal(x_train, arrays["x_train"])


def other_bytes(path):
    path.write_bytes(b"no archive at all" * 100)


def empty(path):
    path.write_bytes(b"")


def truncated(path):
    path.write_bytes(path.read_bytes()[:-300])


def flipped(path):
    content = bytearray(path.read_bytes())
    # Far behind the headers, in the compressed pixels of the first array.
    content[300:310] = bytes(byte ^ 255 for byte in content[300:310])
    path.write_bytes(content)


def npy(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def pickled(path):
    np.savez(path, x_train=np.array([None]), y_train=0, x_test=0, y_test=0)


@pytest.mark.parametrize(
    "damage", [other_bytes, empty, truncated, flipped, npy, pickled]
)
def test_damaged_file_is_named(damage, arrays, tmp_path):
    path = tmp_path / "tiny.npz"
    np.savez_compressed(path, **arrays)
    damage(path)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} cannot be read .*"):
        load("tiny", tmp_path)


def test_no_damage_goes_unnoticed(arrays, tmp_path):
    path = tmp_path / "tiny.npz"
    np.savez_compressed(path, **arrays)
    content = path.read_bytes()
    variants = [content[:length] for length in range(0, len(content), 11)]
    for index in range(0, len(content), 3):
        changed = bytes([content[index] ^ 255])
        variants.append(content[:index] + changed + content[index + 1 :])
    messages = []
    for variant in variants:
        path.write_bytes(variant)
        try:
            (x_train, y_train), (x_test, y_test) = load("tiny", tmp_path)
        except ValueError as error:
            messages.append(str(error))
        else:  # A byte that does not matter, such as one of a date.
            results = {"x_train": x_train, "y_train": y_train}
            results |= {"x_test": x_test, "y_test": y_test}
            for key, result in results.items():
                np.testing.assert_array_equal(result, arrays[key], strict=True)
    assert len(messages) > len(variants) / 2
    assert all(str(path) in message for message in messages)


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_missing_key_is_named(key, arrays, tmp_path):
    del arrays[key]
    np.savez(tmp_path / "tiny.npz", **arrays)
    with pytest.raises(ValueError, match=rf"tiny\.npz lacks {key}\. Write it with"):
        load("tiny", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": np.zeros((3, 4, 4, 3))}, "x_test must hold uint8 .*float64"),
        ({"x_train": np.zeros((6, 16), "uint8")}, r"x_train must hold .*\(6, 16\)"),
        ({"y_train": np.zeros(6)}, "y_train must hold integer labels.*float64"),
        ({"y_test": np.zeros((3, 2), "uint8")}, r"y_test must hold .*\(3, 2\)"),
        ({"y_train": np.zeros(5, "uint8")}, "6 images, but y_train has 5 labels"),
        ({"y_test": np.zeros(4, "uint8")}, "3 images, but y_test has 4 labels"),
        ({"x_test": np.zeros((3, 5, 4, 3), "uint8")}, "Write them with the same shape"),
    ],
)
def test_wrong_arrays_are_named_with_their_file(changes, message, arrays, tmp_path):
    np.savez(tmp_path / "tiny.npz", **{**arrays, **changes})
    with pytest.raises(ValueError, match=rf"tiny\.npz: .*{message}"):
        load("tiny", tmp_path)


def test_without_tfds_the_error_says_what_to_install(arrays, tmp_path, monkeypatch):
    # An entry of None makes Python's import fail, as if it were not installed.
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    message = r"no data_dir is given.*pip install keras-drmm\[tensorflow\]"
    with pytest.raises(ImportError, match=message):
        load("cifar10")
    np.savez(tmp_path / "tiny.npz", **arrays)
    with pytest.raises(ImportError, match=r"'cifar10' is .*\(tiny\.npz\)"):
        load("cifar10", tmp_path)
