"""The variants of the objective that `ablation.py` compares."""

from dataclasses import dataclass, field, replace

import keras
from keras import layers

from keras_drmm.learning import EG, Pose
from keras_drmm.learning.schedule import falling
from recipes.training import image_nuisances


@dataclass(frozen=True)
class Variant:
    """One way to learn.

    Attributes:
        meaning: a sentence on what it is.
        algorithm: how parameters change; None for the one of the zoo.
        learning_rate: of Adam at the start; it falls to 0.
        changes: fields of the algorithm that are other.
    """

    meaning: str
    algorithm: EG | None = None
    learning_rate: float = 2e-3
    changes: dict = field(default_factory=dict)

    def compile(self, model, steps):
        """Compile `model` for `steps` training steps."""
        algorithm = replace(self.algorithm or model.algorithm, **self.changes)
        optimizer = keras.optimizers.Adam(falling(self.learning_rate, steps))
        model.compile(optimizer, algorithm=algorithm)


_EG = EG(reconstruction=0.05, nonnegativity=0.01, rows_per_render=4, warmup_steps=1000)
_BARE = replace(_EG, reconstruction=0, nonnegativity=0)
# z of a factor model has both signs.
_FACTORS = replace(_EG, nonnegativity=0, rows_per_render=16)
_POSE = replace(_BARE, consistency=1.0, nuisance=Pose())

VARIANTS = {
    "baseline": Variant(
        "Entropy 0.5, marginal KL 1, reconstruction 0.05, all but cross-entropy ramped "
        "over 1,000 steps.",
        _EG,
    ),
    "no generation": Variant(
        "Bare: the baseline without reconstruction and non-negativity.", _BARE
    ),
    "noise": Variant(
        "Baseline, and q must not change under pixel noise of 0.3.",
        replace(_EG, consistency=1.0, nuisance=layers.GaussianNoise(0.3)),
    ),
    "pose": Variant(
        "Baseline, and q must not change with the pose of the image.",
        replace(_EG, consistency=1.0, nuisance=Pose()),
    ),
    "entropy 0.2": Variant(
        "Bare, entropy 0.2: rows between classes stay there.",
        replace(_BARE, entropy=0.2),
    ),
    "marginal 0.3": Variant(
        "Bare, marginal KL 0.3: a batch's classes need not be equally many.",
        replace(_BARE, marginal_kl=0.3),
    ),
    "rate 4e-3": Variant("Bare, twice the learning rate.", _BARE, learning_rate=4e-3),
    "pose, entropy 0.1": Variant(
        "Bare and pose, entropy 0.1: consistency alone does not decide.",
        replace(_POSE, entropy=0.1),
    ),
    "pose, entropy 1, warm-up 300": Variant(
        "Bare and pose, entropy 1, labels lead for 300 steps instead of 1,000.",
        replace(_POSE, entropy=1.0, warmup_steps=300),
    ),
}
for _entropy in (1.0, 2.0, 4.0):
    VARIANTS[f"entropy {_entropy:g}"] = Variant(
        f"Bare, entropy {_entropy:g}: rows decide earlier and for good.",
        replace(_BARE, entropy=_entropy),
    )
    VARIANTS[f"pose, entropy {_entropy:g}"] = Variant(
        f"Bare and pose, entropy {_entropy:g}.", replace(_POSE, entropy=_entropy)
    )
    VARIANTS[f"entropy {_entropy:g}, rate 4e-3"] = Variant(
        f"Bare, entropy {_entropy:g}, twice the learning rate.",
        replace(_BARE, entropy=_entropy),
        learning_rate=4e-3,
    )
    VARIANTS[f"pose, entropy {_entropy:g}, rate 4e-3"] = Variant(
        f"Bare and pose, entropy {_entropy:g}, twice the learning rate.",
        replace(_POSE, entropy=_entropy),
        learning_rate=4e-3,
    )
for _noise, _entropy, _consistency in ((0.3, 0.5, 1.0), (0.4, 1.0, 2.0)):
    _name = f"noise {_noise}, entropy {_entropy:g}, consistency {_consistency:g}"
    VARIANTS[_name] = Variant(
        f"Reconstruction 0.05 alone of the generative terms, {_name}, twice the "
        "learning rate.",
        replace(
            _FACTORS,
            entropy=_entropy,
            consistency=_consistency,
            nuisance=layers.GaussianNoise(_noise),
        ),
        learning_rate=4e-3,
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
    (
        "noise 0.2",
        "Half the pixel noise.",
        {"nuisance": layers.GaussianNoise(0.2)},
    ),
    (
        "noise 0.8",
        "Twice the pixel noise.",
        {"nuisance": layers.GaussianNoise(0.8)},
    ),
    (
        "pose, cover and noise",
        "The image is also moved, turned, scaled and partly covered.",
        {
            "nuisance": layers.Pipeline(
                [*image_nuisances(0).layers, layers.GaussianNoise(0.4)]
            )
        },
    ),
):
    VARIANTS[f"zoo, {_change}"] = Variant(_meaning, learning_rate=4e-3, changes=_fields)

# What the code no longer has: the commits of their rows do.
RETIRED = {
    f"{_name}, chance": f"{VARIANTS[_name].meaning[:-1]}, and marginal KL only beyond "
    "what 95 % of true batches have. It made no difference over draws, and was removed."
    for _name in ("entropy 2", "entropy 4, rate 4e-3", "pose, entropy 4, rate 4e-3")
}
