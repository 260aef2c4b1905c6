"""Other methods that learn from few labels, most of them the paper's peers."""

from keras_drmm.baselines.convnet import convnet
from keras_drmm.baselines.fix_match import FixMatch
from keras_drmm.baselines.ladder import Ladder
from keras_drmm.baselines.mean_teacher import MeanTeacher
from keras_drmm.baselines.pseudo_label import PseudoLabel
from keras_drmm.baselines.swwae import SWWAE

__all__ = ["SWWAE", "FixMatch", "Ladder", "MeanTeacher", "PseudoLabel", "convnet"]
