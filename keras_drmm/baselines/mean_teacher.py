"""MeanTeacher: a network that agrees with the running mean of itself."""

from typing import Any, NamedTuple

import keras
from keras import ops

# Keras has no public name for it.
from keras.src.backend.common.variables import AutocastScope

from keras_drmm.baselines.baseline import Baseline, check_augmentation, check_network
from keras_drmm.layers.arguments import standardize_integer, standardize_number
from keras_drmm.layers.augmentation import augment
from keras_drmm.layers.keeps_frozen import freeze, frozen_parts
from keras_drmm.layers.weighting import weighted_mean
from keras_drmm.learning import terms
from keras_drmm.models.learns_part import without


class StudentAndTeacher(NamedTuple):
    """What the objective of `MeanTeacher` needs: logits, both (B, num_classes).

    Attributes:
        logits: the student's.
        teacher: the teacher's, of the images changed otherwise.
    """

    logits: Any
    teacher: Any


@keras.saving.register_keras_serializable(package="keras_drmm")
class MeanTeacher(Baseline):
    r"""A classifier, the student, that must agree with the mean of its past weights.

    $$\mathcal{L} = \frac{1}{n} \sum_{i\ \mathrm{labelled}} H(y_i, f(I'_i, \theta)) +
    w(t) \frac{1}{B K} \sum_i \big\| f(I'_i, \theta) - f(I''_i, \theta') \big\|^2$$

    $$\theta' \leftarrow a_t \theta' + (1 - a_t) \theta, \quad a_t = \min(a, 1 -
    \tfrac{1}{t + 1}), \quad w(t) = w\, e^{-5 (1 - \min(t / T, 1))^2}$$

    H is the cross entropy, f the softmax of the network's logits, I' and I'' are two
    random changes of an image, n the number of labelled rows in a batch of B, K that of
    classes, and t the number of training steps so far. No gradient flows through the
    teacher, whose weights θ' follow the student's as a step begins: those of the step
    before. In a training step both run as networks do that learn: a batch
    normalisation, say, takes the moments of the batch, and the running ones of the
    teacher are of its own passes. Predictions are the teacher's.

    Args:
        network: a Keras model with one input that returns logits: the student. It is
            not copied: training changes its weights.
        augmentation: a Keras layer that changes images at random.
        consistency: w, final weight of the agreement.
        ramp_steps: T, after how many steps it has this weight.
        decay: a.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: `network` does not map images to rows of logits, `augmentation` is
            no layer that leaves images at their shape, or a number is out of range.

    Example:

    >>> drmm = keras_drmm.zoo.drmm_conv_small((8, 8, 1), num_classes=3)
    >>> noise = keras.layers.GaussianNoise(0.15)
    >>> model = MeanTeacher(drmm.to_convnet(), augmentation=noise)
    >>> model.compile("adam")
    >>> images, labels = np.random.rand(6, 8, 8, 1), np.array([0, 1, 2, -1, -1, -1])
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.predict(images, verbose=0).shape
    (6, 3)

    Source: Tarvainen, Valpola (2017), "Mean teachers are better role models", sections
    2 and 3. The defaults w = 100 and a = 0.999 are its settings for SVHN and CIFAR-10;
    T was 40,000 of its 150,000 to 180,000 steps. That the teacher normalises by its
    batch is not in the paper but in the authors' published program.
    """

    def __init__(
        self,
        network,
        augmentation,
        consistency=100.0,
        ramp_steps=1000,
        decay=0.999,
        **kwargs,
    ):
        check_network(network)
        image_shape = tuple(network.input_shape[1:])
        check_augmentation(augmentation, "augmentation", network)
        consistency = standardize_number(consistency, "consistency", least=0)
        super().__init__({"cross_entropy": 1.0, "consistency": consistency}, **kwargs)
        self.network, self.augmentation = network, augmentation
        self.consistency = consistency
        self.ramp_steps = standardize_integer(ramp_steps, "ramp_steps")
        self.decay = standardize_number(decay, "decay", least=0, most=1)
        self.image_shape = image_shape
        self.num_classes = network.output_shape[-1]
        self.teacher = keras.models.clone_model(network)
        self.teacher.set_weights(network.get_weights())
        _thaw(self.teacher)
        # All but what layers keep by themselves, like the moments of batches.
        self._is_averaged = [weight.trainable for weight in self.teacher.weights]
        _freeze_like(self.teacher, network)
        self.steps = self.add_weight(
            name="steps", shape=(), dtype="int", initializer="zeros", trainable=False
        )
        self.built = True
        self._freeze_parts()

    def classify(self, images, training=False):
        """Return the teacher's logits, in training the student's."""
        network = self.network if training else self.teacher
        return network(images, training=training)

    def passes(self, images, training=False):
        """Return the `StudentAndTeacher` of a batch.

        In a test step the teacher sees images as they are, and the student changed.
        """
        if not training:
            changed = augment(self.augmentation, images, training)
            student = self.network(changed, training=False)
            return StudentAndTeacher(self.classify(images), student)
        if self.trainable:
            self._follow()
        # What is frozen in the student stays as it is in the teacher.
        _freeze_like(self.teacher, self.network)
        one, other = (augment(self.augmentation, images, True) for _ in range(2))
        teacher = ops.stop_gradient(self.teacher(other, training=True))
        return StudentAndTeacher(self.classify(one, training=True), teacher)

    def terms(self, outputs, labels, sample_weight=None):
        """Return the terms of the objective."""
        one, other = (ops.softmax(ops.cast(logits, "float32")) for logits in outputs)
        squares = ops.mean(ops.square(one - other), axis=-1)
        return {
            "cross_entropy": terms.cross_entropy(outputs, labels, sample_weight, None),
            "consistency": weighted_mean(squares, sample_weight),
        }

    def ramp(self, name):
        """Return w(t) / w of the agreement's term."""
        if name == "cross_entropy":
            return 1.0
        share = ops.minimum(ops.cast(self.steps, "float32") / self.ramp_steps, 1.0)
        return ops.exp(-5.0 * ops.square(1.0 - share))

    def count_step(self, one):
        if self.trainable:
            self.steps.assign_add(ops.cast(one, self.steps.dtype))

    def _follow(self):
        """Move the teacher's weights towards the student's."""
        steps = ops.cast(self.steps, "float32")
        rate = ops.maximum(1.0 - self.decay, 1.0 / (steps + 1.0))
        weights = self.teacher.weights, self.network.weights, self._is_averaged
        # Half precision, to which Keras casts within `call`, would round a small change
        # away.
        with AutocastScope(None):
            for mean, weight, is_averaged in zip(*weights, strict=True):
                if is_averaged:
                    change = ops.cast(weight, mean.dtype) - mean
                    mean.assign(mean + ops.cast(rate, mean.dtype) * change)

    def _learned(self, variables):
        return without(variables, self.teacher.weights)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "network": serialize(self.network),
            "augmentation": serialize(self.augmentation),
            "consistency": self.consistency,
            "ramp_steps": self.ramp_steps,
            "decay": self.decay,
        }

    @classmethod
    def _arguments_from(cls, config):
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("network", "augmentation")
        }
        return {**config, **parts}


def _thaw(network):
    """Let gradients change whatever they can change."""
    for layer in _layers(network):
        freeze(layer, [])


def _freeze_like(network, example):
    """Freeze in a network what is frozen in one of the same structure."""
    for layer, other in zip(_layers(network), _layers(example), strict=True):
        freeze(layer, frozen_parts(other))


def _layers(network):
    """Yield a network and the layers in it, a whole before its parts."""
    yield network
    for layer in getattr(network, "layers", ()):
        yield from _layers(layer)
