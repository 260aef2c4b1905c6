"""Image data sets, and the batches for training with few labels."""

from keras_drmm.data.autotuner import without_autotuner
from keras_drmm.data.folder_images import FolderImages
from keras_drmm.data.folder_loading import load_folder
from keras_drmm.data.images import to_unit_range
from keras_drmm.data.loading import load
from keras_drmm.data.semi_supervised_dataset import SemiSupervisedDataset
from keras_drmm.data.semi_supervision import semi_supervised
from keras_drmm.data.shared_images import shared_images
from keras_drmm.data.shift_and_mirror import ShiftAndMirror

__all__ = [
    "FolderImages",
    "SemiSupervisedDataset",
    "ShiftAndMirror",
    "load",
    "load_folder",
    "semi_supervised",
    "shared_images",
    "to_unit_range",
    "without_autotuner",
]
