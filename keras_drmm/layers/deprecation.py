"""Old public names: they keep working until 0.3, with a DeprecationWarning."""

import importlib
import warnings


def warn_renamed(old, new):
    """Warn that `old` is now called `new`, on the line of the user's call."""
    warnings.warn(
        f"{old} is deprecated and goes away in keras_drmm 0.3: use {new}.",
        DeprecationWarning,
        stacklevel=3,
    )


def moved_names(module, homes):
    """Return a module's `__getattr__` that finds names where they moved to.

    Args:
        module: name of the module, `__name__`.
        homes: {public name: the module that it is in now}.
    """

    def find(name):
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_renamed(f"`{module}.{name}`", f"`{homes[name]}.{name}`")
        return getattr(importlib.import_module(homes[name]), name)

    return find
