"""Layers of rendering models, usable in any Keras model."""

from keras_drmm.layers.class_styles import ClassStyles
from keras_drmm.layers.class_templates import ClassTemplates
from keras_drmm.layers.factor_templates import FactorTemplates
from keras_drmm.layers.fused_batch_normalization import FusedBatchNormalization
from keras_drmm.layers.level import Level
from keras_drmm.layers.nuisance_prior import NuisancePrior
from keras_drmm.layers.rendering_conv2d import RenderingConv2D
from keras_drmm.layers.style_encoder import StyleEncoder
from keras_drmm.layers.style_factors import StyleFactors
from keras_drmm.layers.switch_max_pool import SwitchMaxPool
from keras_drmm.layers.switch_prior import SwitchPrior
from keras_drmm.layers.top_down_render import TopDownRender

__all__ = [
    "ClassStyles",
    "ClassTemplates",
    "FactorTemplates",
    "FusedBatchNormalization",
    "Level",
    "NuisancePrior",
    "RenderingConv2D",
    "StyleEncoder",
    "StyleFactors",
    "SwitchMaxPool",
    "SwitchPrior",
    "TopDownRender",
]
