"""Stock convnets to DRMMs and back, and what models are exported as."""

from keras_drmm.convert.from_convnet import from_convnet
from keras_drmm.convert.inference_model import to_inference_model
from keras_drmm.convert.rmm_to_level import to_level, to_maxout
from keras_drmm.convert.to_convnet import to_convnet

__all__ = [
    "from_convnet",
    "to_convnet",
    "to_inference_model",
    "to_level",
    "to_maxout",
]
