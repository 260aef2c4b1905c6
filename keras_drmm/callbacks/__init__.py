"""Callbacks of `fit`: to go on after a stop, and to watch what a model renders."""

from keras_drmm.callbacks.resume import Resume
from keras_drmm.callbacks.tensorboard_pictures import TensorBoardPictures

__all__ = ["Resume", "TensorBoardPictures"]
