"""The models of the paper: one function each."""

from keras_drmm.zoo.drmm_conv_small import drmm_conv_small

__all__ = ["drmm_conv_small"]
