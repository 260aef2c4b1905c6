"""Old public names: they keep working until 0.3, with a DeprecationWarning."""

import functools
import importlib
import inspect
import operator
import warnings

from keras_drmm.layers.arguments import check_keywords, is_integer


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


def renamed_arguments(**new_names):
    """Return a decorator for a function or class whose arguments have new names.

    Of a class the attributes of the old names can be read as well.

    Args:
        **new_names: old name = "new name".
    """

    def decorate(decorated):
        is_class = isinstance(decorated, type)
        function = decorated.__init__ if is_class else decorated

        @functools.wraps(function)
        def accept(*args, **kwargs):
            for old in new_names.keys() & kwargs.keys():
                new, call = new_names[old], f"{decorated.__name__}({{}}=...)"
                if new in kwargs:
                    raise TypeError(
                        f"`{decorated.__name__}` got `{old}` and `{new}`, which are "
                        f"one argument: leave out `{old}`, its old name."
                    )
                warn_renamed(f"`{call.format(old)}`", f"`{call.format(new)}`")
                kwargs[new] = kwargs.pop(old)
            check_keywords(decorated, kwargs)
            return function(*args, **kwargs)

        if not is_class:
            return accept
        decorated.__init__ = accept
        return renamed_attributes(**new_names)(decorated)

    return decorate


def removed_arguments(**reasons):
    """Return a class decorator that still takes keywords which do nothing any more.

    Args:
        **reasons: keyword = why it is not needed.
    """

    def decorate(cls):
        init = cls.__init__

        @functools.wraps(init)
        def accept(self, *args, **kwargs):
            for name in reasons.keys() & kwargs.keys():
                warn_renamed(f"`{cls.__name__}({name}=...)`", f"none, {reasons[name]}")
                del kwargs[name]
            return init(self, *args, **kwargs)

        cls.__init__ = accept
        return cls

    return decorate


def renamed_attributes(**new_names):
    """Return a decorator for a class whose attributes have new names.

    Args:
        **new_names: old name = "new name", with dots where it is an attribute's own.
    """

    def decorate(cls):
        # Not properties: Keras looks at all of them as it saves a model.
        inherited = getattr(cls, "__getattr__", None)

        def find(self, name):
            if name in new_names:
                new = new_names[name]
                warn_renamed(f"`{cls.__name__}.{name}`", f"`{new}`")
                return operator.attrgetter(new)(self)
            if inherited is not None:
                return inherited(self, name)
            raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")

        cls.__getattr__ = find
        return cls

    return decorate


def reordered_arguments(*old_order):
    """Return a class decorator that still takes positional arguments of 0.1's order.

    An integer where `input_shape` stands now tells the old order.

    Args:
        *old_order: the first arguments by name, as they came then.
    """

    def decorate(cls):
        init = cls.__init__
        parameters = list(inspect.signature(init).parameters.values())[1:]
        names = [v.name for v in parameters if v.kind is v.POSITIONAL_OR_KEYWORD]
        place = names.index("input_shape")
        others = [name for name in names if name not in old_order]

        @functools.wraps(init)
        def accept(self, *args, **kwargs):
            # Too many are left to Python, which says so.
            is_possible = place < len(args) <= len(names)
            in_old_order = dict(zip([*old_order, *others], args, strict=False))
            # Two integers are no order at all: the checks of arguments say so.
            is_shape = not is_integer(in_old_order.get("input_shape"))
            if is_possible and is_shape and is_integer(args[place]):
                new = ", ".join(names[: len(old_order)])
                warn_renamed(
                    f"`{cls.__name__}({', '.join(old_order)}, ...)`",
                    f"the order ({new}, ...), or keywords",
                )
                # Not one dictionary: what is given twice is an error, as in any call.
                return init(self, **in_old_order, **kwargs)
            return init(self, *args, **kwargs)

        cls.__init__ = accept
        return cls

    return decorate
