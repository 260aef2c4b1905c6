"""KeepsFrozen: which parts are frozen, as a part of a layer's configuration."""

import keras

from keras_drmm.layers.arguments import check_config


class KeepsFrozen:
    """A layer or model of several parts, each of which may be frozen by itself.

    `trainable=False` freezes all parts. Which ones are frozen goes into the
    configuration, by attributes and not by names, which Keras may number anew: saving,
    pickling and cloning keep it. Stands before `keras.layers.Layer` or `keras.Model`
    among the bases. A subclass calls `_freeze_parts` at the end of its constructor, and
    defines `_arguments_from` where `get_config` serializes objects.
    """

    trainable: bool

    def get_config(self):
        frozen = frozen_parts(self)
        own = super().get_config()  # type: ignore[misc]  # of the Keras base
        return {**own, "frozen": frozen} if frozen else own

    @classmethod
    def from_config(cls, config):
        check_config(cls, config)
        config = dict(config)
        frozen = config.pop("frozen", None)
        layer = cls(**cls._arguments_from(config))
        if frozen is not None:
            freeze(layer, frozen)
        return layer

    @classmethod
    def _arguments_from(cls, config):
        """Return the constructor's arguments of a configuration, a dictionary."""
        return config

    def _freeze_parts(self):
        """Freeze what the constructor made, if it was given `trainable=False`."""
        if self.trainable:
            return
        # Part by part: TensorFlow leaves out an assignment of what is there already.
        for _, part in _parts(self):
            part.trainable = False


def frozen_parts(layer):
    """Return the paths of what is frozen in a layer, "" for the layer itself."""
    return [path for path, part in _parts(layer) if not part.trainable]


def freeze(layer, frozen):
    """Freeze the parts of these paths in a layer, and no others.

    A path that leads nowhere is left out: it is that of a part which a copy without it
    does not have.
    """
    for path, part in _parts(layer):
        # A part that is as it should be keeps single variables that are frozen.
        if part.trainable != (path not in frozen):
            part.trainable = path not in frozen


def _parts(layer):
    """List (path, part) of a layer and what is in it, a whole before its parts."""
    found: list = []
    seen: set = set()

    def visit(path, value):
        if isinstance(value, keras.Layer):
            if id(value) in seen:
                return
            seen.add(id(value))
            found.append((path, value))
            # PyTorch keeps layers elsewhere than other attributes.
            attributes = {**vars(value), **vars(value).get("_modules", {})}
            children = sorted(attributes.items())
        elif isinstance(value, list | tuple):
            children = [(str(place), child) for place, child in enumerate(value)]
        else:
            return
        for name, child in children:
            if not name.startswith("_"):
                visit(f"{path}/{name}" if path else name, child)

    visit("", layer)
    return found
