"""The variants of the zoo's objective that `python -m recipes.ablation` compares."""

from dataclasses import dataclass, field, replace

from keras import layers

from recipes.tables.training import image_augmentation


@dataclass(frozen=True)
class Variant:
    """One change to the zoo's objective.

    Attributes:
        meaning: a sentence that says what the change is.
        changes: {field of the algorithm: its value, or a function that returns the
            value for the zoo's algorithm}.
    """

    meaning: str
    changes: dict = field(default_factory=dict)

    def compile(self, model):
        """Compile a model of the zoo again, with the change."""
        own = model.algorithm
        changes = {
            # A layer is made here, so that it has the seed and the dtype of the run.
            name: value(own) if callable(value) else value
            for name, value in self.changes.items()
        }
        model.compile(model.optimizer, algorithm=replace(own, **changes))


def _noise_times(factor):
    """Return a function that makes pixel noise `factor` times an algorithm's."""
    return lambda own: layers.GaussianNoise(factor * own.augmentation.stddev)


def _pose_cover_and_noise(own):
    return layers.Pipeline([*image_augmentation(0).layers, own.augmentation])


# Each shows what one part of the zoo's objective does.
VARIANTS = {
    "zoo, as it is": Variant("The zoo's objective."),
    "zoo, no nuisance": Variant(
        "Without consistency: q may change under pixel noise.",
        {"consistency": 0.0, "augmentation": None},
    ),
    "zoo, no entropy": Variant(
        "Rows need not decide: consistency and labels alone.", {"entropy": 0.0}
    ),
    "zoo, entropy 0.3": Variant("Rows decide later.", {"entropy": 0.3}),
    "zoo, entropy 3": Variant("Rows decide earlier.", {"entropy": 3.0}),
    "zoo, no marginal KL": Variant(
        "A batch's classes need not be equally many.", {"marginal_kl": 0.0}
    ),
    "zoo, no generation": Variant(
        "Nothing is rendered: the convnet alone learns.",
        {"reconstruction": 0.0, "nonnegativity": 0.0},
    ),
    "zoo, reconstruction 1": Variant(
        "What is rendered counts twenty times as much.", {"reconstruction": 1.0}
    ),
    "zoo, no warm-up": Variant(
        "All terms count from the first step on.", {"warmup_steps": 0}
    ),
    "zoo, half the noise": Variant(
        "Pixel noise of half the deviation.", {"augmentation": _noise_times(0.5)}
    ),
    "zoo, twice the noise": Variant(
        "Pixel noise of twice the deviation.", {"augmentation": _noise_times(2)}
    ),
    "zoo, pose and cover": Variant(
        "Before the noise the image is moved, turned, scaled and partly covered.",
        {"augmentation": _pose_cover_and_noise},
    ),
}
