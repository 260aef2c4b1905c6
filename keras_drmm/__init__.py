"""Deep Rendering Mixture Models (DRMM) in Keras."""

from keras_drmm import analysis, baselines, data, layers, learning, models, zoo
from keras_drmm.layers import (
    ClassTemplates,
    RenderingConv2D,
    SwitchMaxPool,
    TopDownRender,
)
from keras_drmm.learning import EG
from keras_drmm.models import DRFM, DRMM, RFM, EStep, Level

__version__ = "0.1.0"

__all__ = [
    "DRFM",
    "DRMM",
    "EG",
    "RFM",
    "ClassTemplates",
    "EStep",
    "Level",
    "RenderingConv2D",
    "SwitchMaxPool",
    "TopDownRender",
    "analysis",
    "baselines",
    "data",
    "layers",
    "learning",
    "models",
    "zoo",
]
