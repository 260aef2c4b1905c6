"""Evidence maps and their areas against backpropagation and sums by hand."""

import keras
import numpy as np
import pytest
from sklearn.metrics import auc

from keras_drmm import DRMM, Level, zoo
from keras_drmm.analysis import (
    deletion_insertion,
    evidence,
    logit_templates,
    maximise_activity,
)
from keras_drmm.analysis.evidence import METHODS
from tests.analysis.test_active_paths import with_random_weights
from tests.kernels.differentiate import vector_jacobian

pytestmark = [pytest.mark.smoke, pytest.mark.every_backend]


def models():
    levels = [
        Level(6, 3, padding="full", pool_size=2, batch_norm=True),
        Level(4, 2, strides=2, padding="valid"),
        Level(5, 3, padding="same", pool_size=2, batch_norm=True),
    ]
    for pooling in ("mean", None):
        fresh = [level.fresh() for level in levels]
        yield with_random_weights(DRMM(fresh, (12, 10, 2), 4, pooling=pooling))
    yield with_random_weights(zoo.drfm_lenet((16, 16, 1), 3))


MODELS = list(models())


def images_of(model, rows=5, seed=3):
    random = np.random.default_rng(seed)
    return random.random((rows, *model.image_shape)).astype("float32")


@pytest.mark.parametrize("model", MODELS)
def test_templates_are_gradients(model):
    images = images_of(model)
    beta = np.random.default_rng(0).normal(size=(5, model.num_classes))
    beta = beta.astype("float32")
    wanted = vector_jacobian(model.classify, images, beta)
    found = logit_templates(model, images, beta)
    scale = np.abs(wanted).max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_maps_are_their_formulas(model):
    images = images_of(model)
    logits = model.predict(images, verbose=0)
    classes = np.argsort(logits, axis=1)
    beta = np.eye(model.num_classes, dtype="float32")
    beta = beta[classes[:, -1]] - beta[classes[:, -2]]

    def gradient(at):
        return vector_jacobian(model.classify, at.astype("float32"), beta)

    own = gradient(images)
    on_the_way = [gradient(images * s) for s in (0.125, 0.375, 0.625, 0.875)]
    maps = {
        "contribution": images * own,
        "gradient": np.abs(own),
        "integrated_gradients": images * np.mean(on_the_way, axis=0),
    }
    for method, wanted in maps.items():
        found = evidence(model, images, method, steps=4)
        wanted = wanted.sum(axis=-1)
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-5)


def test_contributions_add_up_without_biases():
    """Without batch normalisation and biases a logit is linear in its active paths."""
    model = DRMM([Level(6, 3), Level(4, 3, pool_size=2)], (8, 8, 1), 3)
    images = images_of(model)
    logits = np.sort(model.predict(images, verbose=0), axis=1)
    found = evidence(model, images).sum(axis=(1, 2))
    np.testing.assert_allclose(found, logits[:, -1] - logits[:, -2], rtol=1e-3)


def test_integrated_gradients_are_complete():
    """They add up to the difference from a black image, whatever the biases."""
    model = MODELS[0]
    images = images_of(model)
    both = model.predict(np.concatenate([images, 0 * images]), verbose=0)
    change = both[:5] - both[5:]
    rows, classes = np.arange(5), np.full(5, 1)
    against = np.full(5, 2)
    maps = evidence(model, images, "integrated_gradients", classes, against, steps=200)
    wanted = change[rows, classes] - change[rows, against]
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), wanted, rtol=0.02, atol=0.02)


def test_render_is_where_two_renders_differ():
    model = MODELS[0]
    images = images_of(model)
    switches = model.infer(images).switches
    one, other = (model.render(np.full(5, c), switches) for c in (0, 3))
    maps = evidence(model, images, "render", np.full(5, 0), np.full(5, 3))
    np.testing.assert_allclose(maps, np.abs(one - other).sum(axis=-1), rtol=1e-5)


def test_grad_cam_is_that_of_the_last_messages():
    """By backpropagation through the top level alone."""
    model = MODELS[0]
    images = images_of(model)
    classes, against = np.full(5, 1), np.full(5, 2)
    message = model.infer(images).messages[-2]
    beta = np.tile(np.array([0, 1, -1, 0], "float32"), (5, 1))

    def top(value):
        return model.templates(model.levels[-1](value))

    means = vector_jacobian(top, message, beta).mean(axis=(1, 2), keepdims=True)
    small = np.maximum((message * means).sum(axis=-1, keepdims=True), 0)
    large = keras.ops.image.resize(small, (12, 10))
    wanted = keras.ops.convert_to_numpy(large)[..., 0]
    found = evidence(model, images, "grad_cam", classes, against)
    assert wanted.max() > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_areas_are_trapezoids_over_both_ends():
    """A model whose logit is the sum of an image's pixels."""
    inputs = keras.Input((2, 2, 1))
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, use_bias=False)(flat))
    weights = np.stack([np.ones(4), np.zeros(4)], axis=1)
    model.set_weights([weights.astype("float32")])
    image = np.array([1.0, 2.0, 3.0, -1.0], "float32").reshape(1, 2, 2, 1)
    maps = image[..., 0]
    found = deletion_insertion(model, image, maps, [0], steps=4)
    gone = np.array([5.0, 2.0, 0.0, -1.0, 0.0])
    come = np.array([0.0, 3.0, 5.0, 6.0, 5.0])
    share = np.linspace(0, 1, 5)
    for curve, sums in (
        (found.deletion_curve, gone),
        (found.insertion_curve, come),
    ):
        np.testing.assert_allclose(curve, 1 / (1 + np.exp(-sums)), rtol=1e-5)
    np.testing.assert_allclose(found.deletion, auc(share, found.deletion_curve))
    np.testing.assert_allclose(found.insertion, auc(share, found.insertion_curve))


@pytest.mark.parametrize("model", [MODELS[0], MODELS[2]])
def test_maximised_activity_beats_other_images_of_its_norm(model):
    classes = np.arange(model.num_classes)
    found = maximise_activity(model, classes, norm=3.0, steps=20)
    np.testing.assert_allclose(
        np.linalg.norm(found.reshape(len(found), -1), axis=1), 3.0, rtol=1e-5
    )
    others = images_of(model, rows=200) - 0.5
    norms = np.linalg.norm(others.reshape(200, -1), axis=1)
    others *= (3.0 / norms)[:, None, None, None]

    def logits(images):
        return keras.ops.convert_to_numpy(model.classify(images))

    best, own = logits(others.astype("float32")).max(axis=0), np.diag(logits(found))
    assert (own > best).all()


def test_one_step_of_activity_is_two_thirds_of_a_template():
    model = MODELS[0]
    start = images_of(model, rows=1)[0]
    found = maximise_activity(model, [2], norm=1.5, start=start, steps=1)[0]

    def of_norm(image):
        return 1.5 * image / np.linalg.norm(image)

    template = logit_templates(model, of_norm(start)[None], np.eye(4)[[2]])[0]
    wanted = of_norm(of_norm(start) / 3 + 2 * of_norm(template) / 3)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_bad_arguments_are_named():
    model, images = MODELS[0], images_of(MODELS[0])
    with pytest.raises(ValueError, match="`class_weights` must have 4 numbers"):
        logit_templates(model, images, np.ones((5, 3)))
    with pytest.raises(ValueError, match="`method`"):
        evidence(model, images, "lime")
    with pytest.raises(ValueError, match="`against` must be another class"):
        evidence(model, images, classes=[0] * 5, against=[1, 1, 0, 1, 1])
    with pytest.raises(TypeError, match="must not be signed"):
        evidence(DRMM([Level(2, 3)], (8, 8, 1), 3, nonnegative=False), images)
    with pytest.raises(ValueError, match=r"`maps` must have a number for each pixel"):
        deletion_insertion(model, images, np.zeros((5, 12, 9)))
    with pytest.raises(ValueError, match="`maps` must be finite"):
        deletion_insertion(model, images, np.full((5, 12, 10), np.nan))
    with pytest.raises(ValueError, match="`norm` must be a finite number above 0"):
        maximise_activity(model, [0], norm=0)
    with pytest.raises(ValueError, match="`start` must be of shape"):
        maximise_activity(model, [0], norm=1, start=images)
    assert len(METHODS) == 5


def test_maps_of_integrated_gradients_begin_at_black():
    """Whatever number black is: they add up to the difference from a black image."""
    model = with_random_weights(
        DRMM([Level(6, 3, pool_size=2), Level(5, 3)], (8, 8, 1), 3, pixel_range=(-1, 1))
    )
    images = 2 * images_of(model) - 1
    logits = [model.predict(v, verbose=0) for v in (images, np.full_like(images, -1))]
    maps = evidence(model, images, "integrated_gradients", [0] * 5, [1] * 5, steps=500)
    expected = np.subtract(*(v[:, 0] - v[:, 1] for v in logits))
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), expected, rtol=0.02, atol=0.02)


def test_channels_first_is_refused():
    level = Level(4, 3, data_format="channels_first")
    model = DRMM([level], (1, 8, 8), 3)
    for method in METHODS:
        with pytest.raises(TypeError, match="must be channels_last, got channels_fir"):
            evidence(model, np.zeros((1, 1, 8, 8), "float32"), method)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_gives_nearly_the_same_templates(policy):
    found = []
    for dtype in ("float32", policy):
        levels = [Level(6, 3, pool_size=2, batch_norm=True, dtype=dtype)]
        model = with_random_weights(DRMM(levels, (8, 8, 1), 3, dtype=dtype))
        beta = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1]]
        found.append(logit_templates(model, images_of(model), beta))
    assert found[1].dtype == np.float32
    scale = np.abs(found[0]).max()
    # Switches of nearly equal matches may be others.
    assert np.mean(np.abs(found[1] - found[0]) > 0.05 * scale) < 0.1


def test_what_is_deleted_of_bytes_is_the_baseline():
    class Mean:
        def predict(self, images, batch_size, verbose):
            assert verbose == 0
            seen.append(images)
            return images.reshape(len(images), -1)[:, :2].astype("float32")

    seen: list = []
    images = np.arange(8, dtype="uint8").reshape(2, 2, 2, 1)
    deletion_insertion(Mean(), images, np.ones((2, 2, 2)), steps=2, baseline=127.5)
    assert seen[-1].max() == 127.5 or seen[-2].max() == 127.5
