"""The command line: a folder of images to a model, its answers, a report and a file."""

from keras_drmm.command_line.main import main

__all__ = ["main"]
