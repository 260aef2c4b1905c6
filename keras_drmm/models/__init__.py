"""Rendering models, put together from layers."""

from keras_drmm.models.drfm import DRFM
from keras_drmm.models.drmm import DRMM
from keras_drmm.models.e_step import EStep
from keras_drmm.models.level import Level
from keras_drmm.models.rfm import RFM

__all__ = ["DRFM", "DRMM", "RFM", "EStep", "Level"]
