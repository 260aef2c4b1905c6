"""How the parameters of a rendering model change: objectives and algorithms."""

from keras_drmm.learning.eg import EG
from keras_drmm.learning.hard_em import HardEM
from keras_drmm.learning.neighbours import neighbour_labels
from keras_drmm.learning.pose import Pose
from keras_drmm.learning.pretraining import pretrain
from keras_drmm.learning.soft_em import SoftEM

__all__ = ["EG", "HardEM", "Pose", "SoftEM", "neighbour_labels", "pretrain"]
