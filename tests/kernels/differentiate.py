"""Functions and their gradients by whatever backend Keras runs on."""

import keras
from keras import ops


def compiled(function):
    """Return `function`, on JAX as one program: many small ones compile slowly."""
    if keras.config.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def vector_jacobian(function, x, upstream):
    """Return the gradient of <function(x), upstream> with respect to x, in NumPy."""

    def loss(x):
        return ops.sum(function(x) * ops.convert_to_tensor(upstream))

    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        gradient = tape.gradient(value, x)
    elif keras.config.backend() == "jax":
        import jax

        gradient = compiled(jax.grad(loss))(ops.convert_to_tensor(x))
    else:
        x = ops.convert_to_tensor(x).requires_grad_()
        loss(x).backward()
        gradient = x.grad
    return ops.convert_to_numpy(gradient)
