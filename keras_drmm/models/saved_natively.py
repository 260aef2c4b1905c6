"""SavedNatively: a model that is saved in the format that brings it back."""

import keras


class SavedNatively(keras.Model):
    """Keeps what `compile` was given, and refuses a format that loses it.

    Keras writes files of its legacy HDF5 format of any model. They have neither the
    algorithm nor the names that the library registers, so that
    `keras.saving.load_model` fails afterwards.
    """

    # Of `compile`, with its defaults.
    _arguments: dict

    @property
    def compile_arguments(self):
        """What `compile` was given, with its defaults: {name: value}, a copy."""
        return dict(self._arguments)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Save the model with what it learns by; see `keras.Model.save`.

        Raises:
            ValueError: `filepath` is of an HDF5 file.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"`filepath` must end in `.keras`, got {str(filepath)!r}: a model "
                "could not be loaded from Keras' legacy HDF5 format. Weights alone are "
                "saved by `save_weights('name.weights.h5')`."
            )
        return super().save(filepath, overwrite, zipped, **kwargs)

    def get_compile_config(self):
        if not self.compiled:
            return None
        return {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self._arguments.items()
        }

    def compile_from_config(self, config):
        self.compile(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )
        self.optimizer.build(self.trainable_variables)
