"""The options of `python -m recipes.table` for a command line of a test."""

import keras

from recipes import table


def options(*arguments):
    """Return the options of a command line, on the backend of the tests."""
    return table.parse([*arguments, "--backend", keras.backend.backend()])
