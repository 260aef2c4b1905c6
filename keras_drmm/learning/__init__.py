"""How the parameters of a rendering model change: objectives and algorithms."""

from keras_drmm.learning.eg import EG

__all__ = ["EG"]
