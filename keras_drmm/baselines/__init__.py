"""The peers that the paper compares with."""

from keras_drmm.baselines.convnet import convnet

__all__ = ["convnet"]
