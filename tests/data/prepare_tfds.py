"""Prepare tiny data sets in the folder given: a program, run by test_tfds.py.

It runs in a process of its own, because TensorFlow Datasets writes with TensorFlow,
which the tests of the other backends must not import.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

SIZES = {"train": 7, "test": 4}


class Tiny(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    SPLITS = ("train", "test")
    IMAGE_SHAPE: tuple[int | None, int | None, int] = (4, 5, 3)

    def _info(self):
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=self.IMAGE_SHAPE),
                "label": tfds.features.ClassLabel(num_classes=3),
            }
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self.SPLITS}

    def _generate_examples(self, split):
        rng = np.random.default_rng(SIZES[split])
        for index in range(SIZES[split]):
            image = rng.integers(0, 256, (4, 5, 3), dtype="uint8")
            yield index, {"image": image, "label": index % 3}


class TinyTrainOnly(Tiny):
    SPLITS = ("train",)


class TinyAnySize(Tiny):
    IMAGE_SHAPE = (None, None, 3)


def main(folder):
    for file_format in ("array_record", "tfrecord"):
        Tiny(
            data_dir=folder / file_format, file_format=file_format
        ).download_and_prepare()
    for builder in (TinyTrainOnly, TinyAnySize):
        builder(
            data_dir=folder / "array_record", file_format="array_record"
        ).download_and_prepare()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
