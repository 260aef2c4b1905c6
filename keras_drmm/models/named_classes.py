"""NamedClasses: a model that knows what its classes are called."""

from typing import Any

import numpy as np

from keras_drmm.layers.arguments import check_config, standardize_class_names


class NamedClasses:
    """A model of `num_classes` classes, which may have names.

    Stands before `keras.Model` among the bases. Names are set as `class_names`, such as
    those that `keras_drmm.data.load_folder` finds, and go into the configuration:
    saving, cloning and presets keep them.
    """

    num_classes: Any
    name: Any
    predict: Any
    _class_names: tuple | None = None

    @property
    def class_names(self):
        """The names of the classes, a tuple of text, or None if they have none.

        Raises:
            ValueError: it is set to something else than a different text for each
                class.
        """
        return self._class_names

    @class_names.setter
    def class_names(self, names):
        if names is None:
            self._class_names = None
            return
        self._class_names = tuple(standardize_class_names(names, self.num_classes))

    def predict_names(self, x, batch_size=100):
        """Return the names of the classes that images are taken for.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            batch_size: images at a time.

        Returns:
            (N,), a NumPy array of text.

        Raises:
            ValueError: the classes have no names, or images are not what the model
                takes.

        Example:

        >>> model.class_names = ["cat", "cow", "dog"]
        >>> model.predict_names(x).shape == (len(x),)
        True
        """
        if self._class_names is None:
            raise ValueError(
                f"The classes of `{self.name}` have no names: set "
                "`model.class_names = [...]` first, a text for each class."
            )
        logits = self.predict(x, batch_size=batch_size, verbose=0)
        return np.array(self._class_names)[logits.argmax(axis=-1)]

    def get_config(self):
        own = super().get_config()  # type: ignore[misc]  # of the Keras base
        if self._class_names is None:
            return own
        return {**own, "class_names": list(self._class_names)}

    @classmethod
    def from_config(cls, config):
        check_config(cls, config)
        config = dict(config)
        names = config.pop("class_names", None)
        model = super().from_config(config)  # type: ignore[misc]
        model.class_names = names
        return model
