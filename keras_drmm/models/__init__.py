"""Rendering models, put together from layers."""

from keras_drmm.models.drmm import DRMM
from keras_drmm.models.e_step import EStep
from keras_drmm.models.level import Level

__all__ = ["DRMM", "EStep", "Level"]
