"""The rendering models, put together from layers."""

from keras_drmm.layers.deprecation import moved_names
from keras_drmm.models.drfm import DRFM
from keras_drmm.models.drmm import DRMM
from keras_drmm.models.e_step import EStep
from keras_drmm.models.natural_parameters import NaturalParameters
from keras_drmm.models.rfm import RFM
from keras_drmm.models.rmm import RMM

__all__ = ["DRFM", "DRMM", "RFM", "RMM", "EStep", "NaturalParameters"]

__getattr__ = moved_names(
    __name__,
    {
        "EvolutionaryDRMM": "keras_drmm.trees",
        "EvolutionaryForest": "keras_drmm.trees",
        "Level": "keras_drmm.layers",
        "from_convnet": "keras_drmm.convert",
        "to_inference_model": "keras_drmm.convert",
    },
)
