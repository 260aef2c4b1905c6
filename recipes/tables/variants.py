"""The variants of the objective that `ablation.py` compares."""

from dataclasses import dataclass, field, replace
from functools import partial

import keras
from keras import layers

from keras_drmm.learning import EG, Pose
from keras_drmm.learning.schedule import falling
from recipes.tables.training import image_nuisances


@dataclass(frozen=True)
class Variant:
    """One way to learn.

    Attributes:
        meaning: a sentence on what it is.
        algorithm: how parameters change; None for the one of the zoo.
        learning_rate: of Adam at the start, from where it falls to 0; None for the
            optimizer of the zoo.
        changes: fields of the algorithm that are other, or functions of the algorithm
            that return them.
    """

    meaning: str
    algorithm: EG | None = None
    learning_rate: float | None = None
    changes: dict = field(default_factory=dict)

    def compile(self, model, steps):
        """Compile a model of the zoo for `steps` training steps."""
        own = self.algorithm or model.algorithm
        changes = {
            # A layer is made now, by the seed and the precision of the run.
            name: value(own) if callable(value) else value
            for name, value in self.changes.items()
        }
        optimizer = model.optimizer
        if self.learning_rate is not None:
            optimizer = keras.optimizers.Adam(falling(self.learning_rate, steps))
        model.compile(optimizer, algorithm=replace(own, **changes))


_EG = EG(reconstruction=0.05, nonnegativity=0.01, rows_per_render=4, warmup_steps=1000)
_BARE = replace(_EG, reconstruction=0, nonnegativity=0)
# z of a factor model has both signs.
_FACTORS = replace(_EG, nonnegativity=0, rows_per_render=16)
_POSE = {"consistency": 1.0, "nuisance": lambda own: Pose()}

# What the search began with: half the zoo's learning rate.
_early = partial(Variant, learning_rate=2e-3)


def _noise(deviation):
    """Return a function that makes a layer of pixel noise."""
    return lambda own: layers.GaussianNoise(deviation)


def _times(factor):
    """Return a function that makes an algorithm's pixel noise, `factor` times it."""
    return lambda own: layers.GaussianNoise(factor * own.nuisance.stddev)


def _all_nuisances(own):
    return layers.Pipeline([*image_nuisances(0).layers, own.nuisance])


VARIANTS = {
    "baseline": _early(
        "Entropy 0.5, marginal KL 1, reconstruction 0.05, all but cross-entropy ramped "
        "over 1,000 steps.",
        _EG,
    ),
    "no generation": _early(
        "Bare: the baseline without reconstruction and non-negativity.", _BARE
    ),
    "noise": _early(
        "Baseline, and q must not change under pixel noise of 0.3.",
        _EG,
        changes={"consistency": 1.0, "nuisance": _noise(0.3)},
    ),
    "pose": _early(
        "Baseline, and q must not change with the pose of the image.",
        _EG,
        changes=_POSE,
    ),
    "entropy 0.2": _early(
        "Bare, entropy 0.2: rows between classes stay there.",
        replace(_BARE, entropy=0.2),
    ),
    "marginal 0.3": _early(
        "Bare, marginal KL 0.3: a batch's classes need not be equally many.",
        replace(_BARE, marginal_kl=0.3),
    ),
    "rate 4e-3": _early("Bare, twice the learning rate.", _BARE, learning_rate=4e-3),
    "pose, entropy 0.1": _early(
        "Bare and pose, entropy 0.1: consistency alone does not decide.",
        replace(_BARE, entropy=0.1),
        changes=_POSE,
    ),
    "pose, entropy 1, warm-up 300": _early(
        "Bare and pose, entropy 1, labels lead for 300 steps instead of 1,000.",
        replace(_BARE, entropy=1.0, warmup_steps=300),
        changes=_POSE,
    ),
}
for _entropy in (1.0, 2.0, 4.0):
    VARIANTS[f"entropy {_entropy:g}"] = _early(
        f"Bare, entropy {_entropy:g}: rows decide earlier and for good.",
        replace(_BARE, entropy=_entropy),
    )
    VARIANTS[f"pose, entropy {_entropy:g}"] = _early(
        f"Bare and pose, entropy {_entropy:g}.",
        replace(_BARE, entropy=_entropy),
        changes=_POSE,
    )
    VARIANTS[f"entropy {_entropy:g}, rate 4e-3"] = _early(
        f"Bare, entropy {_entropy:g}, twice the learning rate.",
        replace(_BARE, entropy=_entropy),
        learning_rate=4e-3,
    )
    VARIANTS[f"pose, entropy {_entropy:g}, rate 4e-3"] = _early(
        f"Bare and pose, entropy {_entropy:g}, twice the learning rate.",
        replace(_BARE, entropy=_entropy),
        learning_rate=4e-3,
        changes=_POSE,
    )
for _deviation, _entropy, _consistency in ((0.3, 0.5, 1.0), (0.4, 1.0, 2.0)):
    _name = f"noise {_deviation}, entropy {_entropy:g}, consistency {_consistency:g}"
    VARIANTS[_name] = _early(
        f"Reconstruction 0.05 alone of the generative terms, {_name}, twice the "
        "learning rate.",
        replace(_FACTORS, entropy=_entropy),
        learning_rate=4e-3,
        changes={"consistency": _consistency, "nuisance": _noise(_deviation)},
    )

# What each part of the zoo's objective does.
for _change, _meaning, _fields in (
    ("as it is", "The zoo's objective.", {}),
    (
        "no nuisance",
        "Without consistency: q may change under pixel noise.",
        {"consistency": 0.0, "nuisance": None},
    ),
    (
        "no entropy",
        "Rows need not decide: consistency and labels alone.",
        {"entropy": 0.0},
    ),
    ("entropy 0.3", "Rows decide later.", {"entropy": 0.3}),
    ("entropy 3", "Rows decide earlier.", {"entropy": 3.0}),
    (
        "no marginal KL",
        "A batch's classes need not be equally many.",
        {"marginal_kl": 0.0},
    ),
    (
        "no generation",
        "Nothing is rendered: the convnet alone learns.",
        {"reconstruction": 0.0, "nonnegativity": 0.0},
    ),
    (
        "reconstruction 1",
        "What is rendered counts twenty times as much.",
        {"reconstruction": 1.0},
    ),
    ("no warm-up", "All terms count from the first step on.", {"warmup_steps": 0}),
    ("half the noise", "Pixel noise of half the deviation.", {"nuisance": _times(0.5)}),
    ("twice the noise", "Pixel noise of twice the deviation.", {"nuisance": _times(2)}),
    (
        "pose and cover",
        "Before the noise the image is moved, turned, scaled and partly covered.",
        {"nuisance": _all_nuisances},
    ),
):
    VARIANTS[f"zoo, {_change}"] = Variant(_meaning, changes=_fields)

# What the code no longer has: the commits of their rows do.
RETIRED = {
    f"{_name}, chance": f"{VARIANTS[_name].meaning[:-1]}, and marginal KL only beyond "
    "what 95 % of true batches have. It made no difference over draws, and was removed."
    for _name in ("entropy 2", "entropy 4, rate 4e-3")
}
