"""Deep Rendering Mixture Models (DRMM) in Keras."""

from keras_drmm import (
    analysis,
    baselines,
    callbacks,
    convert,
    data,
    em,
    evaluation,
    layers,
    learning,
    models,
    trees,
    wrappers,
    zoo,
)
from keras_drmm.em import HardEM, SoftEM
from keras_drmm.layers import (
    ClassTemplates,
    Level,
    RenderingConv2D,
    SwitchMaxPool,
    TopDownRender,
)
from keras_drmm.learning import EG
from keras_drmm.models import DRFM, DRMM, RFM, RMM, EStep
from keras_drmm.trees import EvolutionaryDRMM, EvolutionaryForest

__version__ = "0.2.0"

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
    "callbacks",
    "convert",
    "data",
    "em",
    "evaluation",
    "layers",
    "learning",
    "models",
    "trees",
    "wrappers",
    "zoo",
]
