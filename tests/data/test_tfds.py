import importlib.util
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_drmm.data import load

tfds = pytest.importorskip("tensorflow_datasets")
ON_TENSORFLOW = keras.config.backend() == "tensorflow"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow Datasets needs TensorFlow to write the data")
    folder = tmp_path_factory.mktemp("tfds")
    program = Path(__file__).with_name("prepare_tfds.py")
    subprocess.run([sys.executable, program, folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def no_download(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("there is no network")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)


def check_tiny(splits):
    for size, (images, labels) in zip((7, 4), splits, strict=True):
        # The images that prepare_tfds.py draws; its data sets keep no order.
        rng = np.random.default_rng(size)
        expected = {
            rng.integers(0, 256, (4, 5, 3), dtype="uint8").tobytes(): index % 3
            for index in range(size)
        }
        assert images.dtype == np.uint8
        assert images.shape == (size, 4, 5, 3)
        pairs = zip(images, labels.tolist(), strict=True)
        assert {image.tobytes(): label for image, label in pairs} == expected


@pytest.mark.usefixtures("no_download")
def test_array_record_is_read_on_every_backend(prepared):
    check_tiny(load("tiny", prepared / "array_record"))


@pytest.mark.skipif(ON_TENSORFLOW, reason="TensorFlow is the backend")
def test_array_record_is_read_without_importing_tensorflow(prepared):
    # In a new process, because Keras may have imported it in this one.
    program = (
        "import sys; from keras_drmm.data import load; "
        "load('tiny', sys.argv[1]); sys.exit('tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", program, prepared / "array_record"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


@pytest.mark.usefixtures("no_download")
def test_tfrecord_is_read_on_tensorflow_only(prepared):
    folder = prepared / "tfrecord"
    if ON_TENSORFLOW:
        check_tiny(load("tiny", folder))
        both = load("tiny", folder), load("tiny", prepared / "array_record")
        for one, other in zip(*both, strict=True):
            np.testing.assert_array_equal(one[0], other[0], strict=True)
            np.testing.assert_array_equal(one[1], other[1], strict=True)
    else:
        with pytest.raises(ValueError, match=r"tfrecord.* Prepare the data in another"):
            load("tiny", folder)


def test_split_that_is_missing_is_named(prepared):
    with pytest.raises(ValueError, match=r"no split test, but only \['train'\]"):
        load("tiny_train_only", prepared / "array_record")


def test_images_of_several_sizes_are_refused(prepared):
    with pytest.raises(ValueError, match=r"(?s)all of one size.*resize its images"):
        load("tiny_any_size", prepared / "array_record")


def test_unknown_name_lists_what_there_is(tmp_path):
    (tmp_path / "mine.npz").touch()
    with pytest.raises(ValueError, match=r"only 'mnist' is.*\(mine\.npz\).*list_build"):
        load("no_such_data_set", tmp_path)


@pytest.mark.usefixtures("no_download")
def test_failed_download_says_where_a_file_goes(tmp_path):
    message = r"no network\).* to <data_dir>/cifar10\.npz"
    with pytest.raises(RuntimeError, match=message):
        load("cifar10", tmp_path)


def test_other_backends_prepare_what_they_can_read(tmp_path, monkeypatch):
    formats = []

    def fail(builder, *args, **kwargs):
        formats.append(builder.info.file_format.value)
        raise OSError

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(RuntimeError):
        load("cifar10", tmp_path)
    assert formats == ["tfrecord" if ON_TENSORFLOW else "array_record"]
