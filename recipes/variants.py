"""The variants of the objective that `ablation.py` compares."""

from dataclasses import dataclass, field, replace

import keras
from keras import layers

from keras_drmm.learning import EG
from keras_drmm.learning.schedule import falling


@dataclass(frozen=True)
class Variant:
    """One way to learn.

    Attributes:
        meaning: a sentence on what it is.
        algorithm: how parameters change.
        learning_rate: of Adam at the start; it falls to 0.
        labelled_per_batch: labelled rows of a batch of 100.
        optimizer: further arguments of Adam.
    """

    meaning: str
    algorithm: EG
    learning_rate: float = 2e-3
    labelled_per_batch: int = 16
    optimizer: dict = field(default_factory=dict)

    def compile(self, model, steps):
        """Compile `model` for `steps` training steps."""
        rate = falling(self.learning_rate, steps)
        optimizer = keras.optimizers.Adam(rate, **self.optimizer)
        model.compile(optimizer, algorithm=self.algorithm)


def noise(deviation):
    """Return pixel noise, which is none of the image's nuisances."""
    return layers.GaussianNoise(deviation)


def pose():
    """Return small changes of an object's pose: rotation, scale and shift."""
    return layers.Pipeline(
        [
            layers.RandomRotation(0.05, fill_mode="constant"),
            layers.RandomZoom(0.15, 0.15, fill_mode="constant"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
        ]
    )


_EG = EG(reconstruction=0.05, nonnegativity=0.01, rows_per_render=4, warmup_steps=1000)
_BARE = replace(_EG, reconstruction=0, nonnegativity=0)
_POSE = replace(_BARE, consistency=1.0, nuisance=pose())
VARIANTS = {
    "baseline": Variant("The zoo's objective.", _EG),
    "no generation": Variant("Without reconstruction and non-negativity.", _BARE),
    "noise": Variant(
        "The posterior must not change under pixel noise.",
        replace(_EG, consistency=1.0, nuisance=noise(0.3)),
    ),
    "pose": Variant(
        "The posterior must not change with an object's pose.",
        replace(_EG, consistency=1.0, nuisance=pose()),
    ),
    "pose, entropy 0.1": Variant("", replace(_POSE, entropy=0.1)),
    "pose, entropy 1": Variant("", replace(_POSE, entropy=1.0)),
    "pose, entropy 1, consistency 2": Variant(
        "", replace(_POSE, entropy=1.0, consistency=2.0)
    ),
    "entropy 0.2": Variant("", replace(_BARE, entropy=0.2)),
    "entropy 1": Variant("", replace(_BARE, entropy=1.0)),
    "entropy 1, marginal 0.3": Variant(
        "", replace(_BARE, entropy=1.0, marginal_kl=0.3)
    ),
    "marginal 0.3": Variant("", replace(_BARE, marginal_kl=0.3)),
    "warm-up 300": Variant("", replace(_BARE, warmup_steps=300)),
    "32 labelled": Variant("", _BARE, labelled_per_batch=32),
    "8 labelled": Variant("", _BARE, labelled_per_batch=8),
    "rate 4e-3": Variant("", _BARE, learning_rate=4e-3),
    "rate 1e-3": Variant("", _BARE, learning_rate=1e-3),
}
