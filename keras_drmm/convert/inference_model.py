"""The inference of a DRMM as a functional model, made to be exported."""

import keras
from keras import ops

from keras_drmm import kernels
from keras_drmm.layers.arguments import check_model
from keras_drmm.models.drmm import DRMM


def to_inference_model(model):
    """Return a model that gives the logits and the reconstruction of images.

    The model classifies and renders as `DRMM.infer` does and shares the weights of the
    DRMM. It computes in operations that SavedModel, ONNX, OpenVINO and LiteRT have; see
    the guide on export for what was checked.

    Args:
        model: a `DRMM`.

    Returns:
        A functional `keras.Model`, images (B, H, W, C) -> {"logits": (B, num_classes),
        "reconstruction": (B, H, W, C)}.

    Raises:
        TypeError: `model` is no `DRMM`.
        ValueError: `model` is signed or has factors, whose inference iterates.

    Example:

    >>> inference = to_inference_model(model)
    >>> inference.export("drmm.onnx", format="onnx")
    >>> session = onnxruntime.InferenceSession("drmm.onnx")
    >>> logits, reconstruction = session.run(None, {"images": images})

    Source: Patel, Nguyen, Baraniuk (2016), Appendix B.
    """
    check_model(model, "model", DRMM)
    if type(model) is not DRMM or not model.nonnegative:
        raise ValueError(
            f"`{model.name}` is no plain nonnegative `DRMM`: its inference iterates, "
            "which is not made to be exported. Export its logits by `model.export`."
        )
    images = keras.Input(model.image_shape, name="images")
    outputs = _Inference(model, dtype=model.dtype_policy, name="inference")(images)
    return keras.Model(images, outputs, name=f"{model.name}_inference")


class _Inference(keras.layers.Layer):
    """The E-step of a DRMM as a layer."""

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        self.model = model

    def call(self, images):
        with kernels.exporting():
            messages, switches = self.model.bottom_up(images)
            logits = self.model.templates(messages[-1])
            reconstruction = self.model.top_down(_one_hot(logits), switches)[0]
        return {"logits": logits, "reconstruction": reconstruction}


def _one_hot(logits):
    """Return the one-hot rows of the largest logits, the first of equal ones.

    `ops.argmax` looks at the bits of floats on TensorFlow, which ONNX and OpenVINO
    cannot, and `ops.one_hot` asserts on PyTorch, which LiteRT cannot.
    """
    largest = ops.equal(logits, ops.max(logits, axis=-1, keepdims=True))
    count = ops.cumsum(ops.cast(largest, "int32"), axis=-1)
    return ops.cast(ops.logical_and(largest, ops.equal(count, 1)), logits.dtype)
