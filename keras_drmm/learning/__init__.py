"""Learning by gradients: EG and its terms, pre-training, pseudo-labels."""

from keras_drmm.layers.deprecation import moved_names
from keras_drmm.learning.cosine_decay_over_fit import CosineDecayOverFit
from keras_drmm.learning.eg import EG
from keras_drmm.learning.pose import Pose
from keras_drmm.learning.pretraining import pretrain
from keras_drmm.learning.pseudo_labels import neighbour_labels

__all__ = ["EG", "CosineDecayOverFit", "Pose", "neighbour_labels", "pretrain"]

__getattr__ = moved_names(
    __name__, {"HardEM": "keras_drmm.em", "SoftEM": "keras_drmm.em"}
)
