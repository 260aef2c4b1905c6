"""PseudoLabel: a network that takes its own predictions as labels."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_drmm.baselines.baseline import Baseline, check_network
from keras_drmm.layers.arguments import standardize_integer, standardize_number
from keras_drmm.learning import terms


class Guesses(NamedTuple):
    """What the objective of `PseudoLabel` needs: logits (B, num_classes)."""

    logits: Any


@keras.saving.register_keras_serializable(package="keras_drmm")
class PseudoLabel(Baseline):
    r"""A classifier that takes the likeliest class of an unlabelled row as its label.

    $$\mathcal{L} = \frac{1}{n} \sum_{i\ \mathrm{labelled}} H(y_i, f_i) + \alpha(t)
    \frac{1}{n'} \sum_{i\ \mathrm{unlabelled}} H(\arg\max_c f_{ic}, f_i)$$

    $$\alpha(t) = \alpha \min(\max(\tfrac{t - t_1}{t_2 - t_1}, 0), 1)$$

    H is the cross entropy, f the softmax of the network's logits, n and n' are the
    numbers of labelled and unlabelled rows in a batch, and t is the number of training
    steps so far. The logged term `pseudo_label` is without the ramp α(t) / α.

    Args:
        network: a Keras model with one input that returns logits. It is not copied:
            training changes its weights.
        alpha: final weight of the unlabelled rows.
        t1: number of steps after which their weight starts to rise.
        t2: number of steps after which it has reached `alpha`.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: `network` does not map images to rows of logits, `alpha` is
            negative, or 0 <= t1 < t2 does not hold.

    Example:

    >>> drmm = keras_drmm.zoo.drmm_conv_small((8, 8, 1), num_classes=3)
    >>> model = PseudoLabel(drmm.to_convnet(), t1=0, t2=10)
    >>> model.compile("adam")
    >>> images, labels = np.random.rand(6, 8, 8, 1), np.array([0, 1, 2, -1, -1, -1])
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.predict(images, verbose=0).shape
    (6, 3)

    Source: Lee (2013), "Pseudo-Label: The Simple and Efficient Semi-Supervised
    Learning Method for Deep Neural Networks", equations (15), (16). The defaults are
    its settings α = 3, t1 = 100, t2 = 600.
    """

    def __init__(self, network, alpha=3.0, t1=100, t2=600, **kwargs):
        check_network(network)
        alpha = standardize_number(alpha, "alpha", least=0)
        super().__init__({"cross_entropy": 1.0, "pseudo_label": alpha}, **kwargs)
        self.network = network
        self.alpha = alpha
        self.t1 = standardize_integer(t1, "t1", minimum=0)
        self.t2 = standardize_integer(t2, "t2", minimum=self.t1 + 1)
        self.image_shape = tuple(network.input_shape[1:])
        self.num_classes = network.output_shape[-1]
        self.steps = self.add_weight(
            name="steps", shape=(), dtype="int", initializer="zeros", trainable=False
        )
        self.built = True
        self._freeze_parts()

    def classify(self, images, training=False):
        """Return the network's logits."""
        return self.network(images, training=training)

    def passes(self, images, training=False):
        """Return the `Guesses` of a batch."""
        return Guesses(self.classify(images, training))

    def terms(self, outputs, labels, sample_weight=None):
        """Return the terms of the objective."""
        guesses = ops.argmax(outputs.logits, axis=-1)
        if labels is not None:
            # Terms leave out rows with the label -1: here, those that have a label.
            labels = ops.cast(labels, guesses.dtype)
            guesses = ops.where(labels >= 0, -ops.ones_like(guesses), guesses)
        return {
            "cross_entropy": terms.cross_entropy(outputs, labels, sample_weight, None),
            "pseudo_label": terms.cross_entropy(outputs, guesses, sample_weight, None),
        }

    def ramp(self, name):
        """Return α(t) / α of the guessed labels' term."""
        if name == "cross_entropy":
            return 1.0
        passed = ops.cast(self.steps, "float32") - self.t1
        return ops.clip(passed / (self.t2 - self.t1), 0.0, 1.0)

    def count_step(self, one):
        if self.trainable:
            self.steps.assign_add(ops.cast(one, self.steps.dtype))

    def get_config(self):
        return {
            **super().get_config(),
            "network": keras.saving.serialize_keras_object(self.network),
            "alpha": self.alpha,
            "t1": self.t1,
            "t2": self.t2,
        }

    @classmethod
    def _arguments_from(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return {**config, "network": network}
