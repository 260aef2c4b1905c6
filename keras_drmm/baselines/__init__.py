"""The methods that the paper compares with, as baselines."""

from keras_drmm.baselines.convnet import convnet
from keras_drmm.baselines.ladder import Ladder
from keras_drmm.baselines.pseudo_label import PseudoLabel
from keras_drmm.baselines.swwae import SWWAE

__all__ = ["SWWAE", "Ladder", "PseudoLabel", "convnet"]
