"""Deep Rendering Mixture Models (DRMM) in Keras."""

from keras_drmm import analysis, baselines, data, layers, learning, models, zoo
from keras_drmm.layers import (
    ClassTemplates,
    RenderingConv2D,
    SwitchMaxPool,
    TopDownRender,
)
from keras_drmm.learning import EG, HardEM, SoftEM
from keras_drmm.models import (
    DRFM,
    DRMM,
    RFM,
    RMM,
    EStep,
    EvolutionaryDRMM,
    EvolutionaryForest,
    Level,
)

__version__ = "0.1.0"

__all__ = [
    "DRFM",
    "DRMM",
    "EG",
    "RFM",
    "RMM",
    "ClassTemplates",
    "EStep",
    "EvolutionaryDRMM",
    "EvolutionaryForest",
    "HardEM",
    "Level",
    "RenderingConv2D",
    "SoftEM",
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
