import keras
import numpy as np
import pytest

import keras_drmm
from keras_drmm import kernels

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="of the TensorFlow kernel"
)
UNKNOWN_BATCH = [tf.TensorSpec((None, 4, 6, 2), "float32")]
UNKNOWN_SIZES = [tf.TensorSpec((None, None, None, 2), "float32")]


def _there_and_back(u):
    with tf.GradientTape() as tape:
        tape.watch(u)
        pooled, switches = kernels.switch_pool(u, (2, 2), 1)
        loss = tf.reduce_sum(kernels.unpool(pooled**2, switches, (2, 2), 1))
    return loss, tape.gradient(loss, u)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"jit_compile": True},
        {"input_signature": UNKNOWN_BATCH},
        {"input_signature": UNKNOWN_SIZES},
    ],
    ids=["graph", "xla", "unknown batch", "unknown sizes"],
)
def test_graphs_do_as_eager_execution_does(options):
    u = tf.constant(np.random.default_rng(0).normal(size=(3, 4, 6, 2)), "float32")
    for result, expected in zip(
        tf.function(_there_and_back, **options)(u), _there_and_back(u), strict=True
    ):
        np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_infer_does_not_warn_of_retracing(caplog):
    """Five levels are five shapes: one function traced for each of them warned."""
    model = keras_drmm.zoo.drmm_conv_small((12, 12, 1), num_classes=3)
    images = np.zeros((20, 12, 12, 1), "float32")
    tf.get_logger().addHandler(caplog.handler)
    try:
        for rows in (20, 20, 20, 3, 4, 5, 20):
            model.infer(images[:rows], batch_size=15)
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert not [r for r in caplog.records if "retracing" in r.getMessage()]
