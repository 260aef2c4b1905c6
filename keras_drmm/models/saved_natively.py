"""SavedNatively: a model that is saved in the format that brings it back."""

import keras


class SavedNatively(keras.Model):
    """Refuses Keras' legacy HDF5 format, which loses what a model learns by.

    Keras writes such a file of any model. It has neither the algorithm nor the names
    that the library registers, so that `keras.saving.load_model` fails afterwards.
    """

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
