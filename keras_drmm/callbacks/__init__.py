"""Callbacks of `fit`: a run that was stopped goes on as if it had not been."""

from keras_drmm.callbacks.resume import Resume

__all__ = ["Resume"]
