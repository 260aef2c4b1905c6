"""The models of the paper: one function each, and their trained weights."""

from keras_drmm.zoo.drfm_lenet import drfm_lenet
from keras_drmm.zoo.drmm_conv_large import drmm_conv_large
from keras_drmm.zoo.drmm_conv_small import drmm_conv_small
from keras_drmm.zoo.drmm_lenet import drmm_lenet
from keras_drmm.zoo.epochs_for import epochs_for
from keras_drmm.zoo.evolutionary_forest import evolutionary_forest
from keras_drmm.zoo.evolutionary_tree import evolutionary_tree
from keras_drmm.zoo.for_images import for_images
from keras_drmm.zoo.preset import presets
from keras_drmm.zoo.preset_loader import from_preset
from keras_drmm.zoo.preset_writer import save_preset as save_preset  # its old name
from keras_drmm.zoo.preset_writer import save_to_preset
from keras_drmm.zoo.rfm import rfm
from keras_drmm.zoo.rmm import rmm

__all__ = [
    "drfm_lenet",
    "drmm_conv_large",
    "drmm_conv_small",
    "drmm_lenet",
    "epochs_for",
    "evolutionary_forest",
    "evolutionary_tree",
    "for_images",
    "from_preset",
    "presets",
    "rfm",
    "rmm",
    "save_to_preset",
]
