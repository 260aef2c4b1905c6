"""Arguments that all functions of the zoo have in common.

- `input_shape`: shape (H, W, C) of an image.
- `num_classes`: number of classes.
- `training_steps`, of models that learn by `EG`: number of steps of the whole training,
  over which the learning rate falls to 0 along a cosine, after a warm-up of 1,000. None
  follows `fit`, whose steps are those of its `epochs`.
- `preset`: name or folder of a preset whose weights the model gets, see `from_preset`.
  None gives initial weights.

Raises:
    FileNotFoundError: there is no such preset, or one of its files is missing.
    ValueError: the preset is damaged, or it is for another model or other arguments.
"""

import functools
import inspect

from keras_drmm.layers.arguments import check_keywords

_COMMON = __doc__

FUNCTIONS: dict = {}
"""The functions of the zoo by name."""


def zoo_model(function):
    """List a function of the zoo, and append this module's docstring, for `help`."""

    @functools.wraps(function)
    def checked(*args, **kwargs):
        check_keywords(function, kwargs)
        return function(*args, **kwargs)

    FUNCTIONS[function.__name__] = checked
    checked.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{_COMMON}"
    return checked


def shape_arguments(function):
    """Return the names of the arguments that a preset stores, as a tuple."""
    names = inspect.signature(function).parameters
    return tuple(name for name in names if name not in ("training_steps", "preset"))
