"""Whether a model is compiled by XLA."""

import keras


def resolve_jit(jit_compile):
    """Return what to pass to `keras.Model.compile` for `jit_compile`.

    "auto" is Keras' own choice except for TensorFlow on a machine without GPU, whose
    own convolutions are faster than XLA's.

    Args:
        jit_compile: True, False or "auto".
    """
    if jit_compile != "auto" or keras.backend.backend() != "tensorflow":
        return jit_compile
    import tensorflow as tf

    return "auto" if tf.config.list_physical_devices("GPU") else False
