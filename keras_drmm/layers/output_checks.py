"""Whether a network's outputs are the logits that they are taken for."""

import keras


def check_gives_logits(network, name):
    """Raise if a network ends in a softmax, as far as that can be told.

    Args:
        network: a Keras model.
        name: of the argument that it is.

    Raises:
        ValueError: its outputs are probabilities.
    """
    if _is_softmax(network):
        raise ValueError(
            f"`{name}` must give logits, got {network.name!r}, whose outputs are "
            "probabilities: its last layer is a softmax. Leave it out, and where the "
            "model has a loss of its own, give that `from_logits=True`."
        )


def _is_softmax(layer):
    """Return whether a layer, or the last one in it, is a softmax."""
    if isinstance(layer, keras.Model):
        # Functional and sequential models know what made their outputs.
        outputs = getattr(layer, "outputs", None) or [None]
        history = getattr(outputs[0], "_keras_history", None)
        return history is not None and _is_softmax(history.operation)
    if isinstance(layer, keras.layers.Activation | keras.layers.Dense):
        return layer.activation is keras.activations.softmax
    return isinstance(layer, keras.layers.Softmax)
