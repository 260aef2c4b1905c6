"""The functions of the zoo by name, and the arguments that determine the model."""

import inspect

from keras_drmm.zoo.drfm_lenet import drfm_lenet
from keras_drmm.zoo.drmm_conv_large import drmm_conv_large
from keras_drmm.zoo.drmm_conv_small import drmm_conv_small
from keras_drmm.zoo.drmm_lenet import drmm_lenet
from keras_drmm.zoo.evolutionary_forest import evolutionary_forest
from keras_drmm.zoo.evolutionary_tree import evolutionary_tree
from keras_drmm.zoo.rfm import rfm
from keras_drmm.zoo.rmm import rmm

FUNCTIONS = {
    function.__name__: function
    for function in (
        drfm_lenet,
        drmm_conv_large,
        drmm_conv_small,
        drmm_lenet,
        evolutionary_forest,
        evolutionary_tree,
        rfm,
        rmm,
    )
}


def shape_arguments(function):
    """Return the names of the arguments that a preset stores, as a tuple."""
    names = inspect.signature(function).parameters
    return tuple(name for name in names if name not in ("training_steps", "preset"))
