"""FixMatch: confident guesses on weakly changed images label strongly changed ones."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_drmm.baselines.baseline import Baseline, check_augmentation, check_network
from keras_drmm.layers.arguments import standardize_number
from keras_drmm.layers.augmentation import augment
from keras_drmm.layers.weighting import weighted_mean
from keras_drmm.learning import terms


class WeakAndStrong(NamedTuple):
    """What the objective of `FixMatch` needs: logits, both (B, num_classes).

    Attributes:
        logits: of the weakly changed images.
        strong: of the strongly changed ones.
    """

    logits: Any
    strong: Any


@keras.saving.register_keras_serializable(package="keras_drmm")
class FixMatch(Baseline):
    r"""A classifier that must see in a strongly changed image what it saw before.

    $$\mathcal{L} = \frac{1}{n} \sum_{i\ \mathrm{labelled}} H(y_i, f(\alpha(I_i))) +
    \lambda \frac{1}{n'} \sum_{i\ \mathrm{unlabelled}} [\max_c q_{ic} \geq \tau]\,
    H(\arg\max_c q_{ic}, f(\mathcal{A}(I_i))), \qquad q_i = f(\alpha(I_i))$$

    H is the cross entropy, f the softmax of the network's logits, α changes an image a
    little and 𝒜 strongly, n and n' are the numbers of labelled and unlabelled rows in a
    batch. No gradient flows through q. Both kinds of images pass through the network
    together, so that they are normalised together.

    Args:
        network: a Keras model with one input that returns logits. It is not copied:
            training changes its weights.
        strong: 𝒜, a Keras layer that changes images at random.
        weak: α, likewise, or None for images as they are.
        threshold: τ, how sure a guess must be to count.
        unlabelled: λ, weight of the unlabelled rows.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: `network` does not map images to rows of logits, an augmentation is
            no layer that leaves images at their shape, or a number is out of range.

    Example:

    >>> drmm = keras_drmm.zoo.drmm_conv_small((8, 8, 1), num_classes=3)
    >>> model = FixMatch(drmm.to_convnet(), strong=keras.layers.GaussianNoise(0.3))
    >>> model.compile("adam")
    >>> images, labels = np.random.rand(6, 8, 8, 1), np.array([0, 1, 2, -1, -1, -1])
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.predict(images, verbose=0).shape
    (6, 3)

    Source: Sohn et al. (2020), "FixMatch: Simplifying Semi-Supervised Learning with
    Consistency and Confidence", equations (3), (4). The defaults are its τ and λ. The
    authors average the network's weights as well, which Keras' optimizers do with
    `use_ema=True`.
    """

    def __init__(
        self, network, strong, weak=None, threshold=0.95, unlabelled=1.0, **kwargs
    ):
        check_network(network)
        image_shape = tuple(network.input_shape[1:])
        check_augmentation(strong, "strong", network)
        if weak is not None:
            check_augmentation(weak, "weak", network, ", or None")
        unlabelled = standardize_number(unlabelled, "unlabelled", least=0)
        super().__init__({"cross_entropy": 1.0, "unlabelled": unlabelled}, **kwargs)
        self.network, self.strong, self.weak = network, strong, weak
        self.threshold = standardize_number(threshold, "threshold", least=0, most=1)
        self.unlabelled = unlabelled
        self.image_shape = image_shape
        self.num_classes = network.output_shape[-1]
        self.built = True
        self._freeze_parts()

    def classify(self, images, training=False):
        """Return the network's logits."""
        return self.network(images, training=training)

    def passes(self, images, training=False):
        """Return the `WeakAndStrong` of a batch; a test step changes nothing weakly."""
        weak = images
        if self.weak is not None and training:
            weak = augment(self.weak, images, training)
        both = ops.concatenate([weak, augment(self.strong, images, training)])
        return WeakAndStrong(*ops.split(self.classify(both, training), 2))

    def terms(self, outputs, labels, sample_weight=None):
        """Return the terms of the objective."""
        q = ops.stop_gradient(ops.softmax(ops.cast(outputs.logits, "float32")))
        counts = ops.cast(ops.max(q, axis=-1) >= self.threshold, "float32")
        guesses = ops.one_hot(ops.argmax(q, axis=-1), self.num_classes)
        log_f = ops.log_softmax(ops.cast(outputs.strong, "float32"))
        losses = -counts * ops.sum(guesses * log_f, axis=-1)
        rows = ops.ones_like(counts)
        if labels is not None:
            rows = ops.cast(labels < 0, "float32")
        if sample_weight is not None:
            rows = rows * sample_weight
        return {
            "cross_entropy": terms.cross_entropy(outputs, labels, sample_weight, None),
            "unlabelled": weighted_mean(losses, rows),
        }

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "network": serialize(self.network),
            "strong": serialize(self.strong),
            "weak": serialize(self.weak),
            "threshold": self.threshold,
            "unlabelled": self.unlabelled,
        }

    @classmethod
    def _arguments_from(cls, config):
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("network", "strong", "weak")
        }
        return {**config, **parts}
