"""Rendering models, put together from layers."""

from keras_drmm.models.drfm import DRFM
from keras_drmm.models.drmm import DRMM
from keras_drmm.models.e_step import EStep
from keras_drmm.models.evolutionary_drmm import EvolutionaryDRMM
from keras_drmm.models.evolutionary_forest import EvolutionaryForest
from keras_drmm.models.from_convnet import from_convnet
from keras_drmm.models.inference_model import to_inference_model
from keras_drmm.models.level import Level
from keras_drmm.models.natural_parameters import NaturalParameters
from keras_drmm.models.rfm import RFM
from keras_drmm.models.rmm import RMM

__all__ = [
    "DRFM",
    "DRMM",
    "RFM",
    "RMM",
    "EStep",
    "EvolutionaryDRMM",
    "EvolutionaryForest",
    "Level",
    "NaturalParameters",
    "from_convnet",
    "to_inference_model",
]
