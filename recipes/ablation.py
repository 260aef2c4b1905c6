"""Show what each term of the zoo's objective does for 100 labels of MNIST.

    python -m recipes.ablation --variant 'zoo, no nuisance' --epochs 3 --draw 0
    python -m recipes.ablation --list
    python -m recipes.ablation --variant 'zoo, no entropy' --model rfm --short

Trains a model of the zoo, by default the 5-level DRMM, with one change to the zoo's
objective, and measures its error on `--validation` training images whose labels are
hidden. The test images are not used. With `--epochs 3 --dtype mixed_bfloat16` the
objective of commit 632eff2, now `zoo, all noise`, had a validation error of 1.31 %, the
mean of draws 0 to 2, and 1.37 % without pixel noise and consistency. A run took 4 to 7
minutes on one core of an AMD EPYC. The last command is a check in seconds, which is not
recorded.

Appends a row to `recipes/results/ablation.csv`, which says in words what each variant
changes. The rows of variants whose names do not begin with `zoo` are of the search for
the objective; `docs/guides/retired_commands.md` has the commit that could run them.
"""

import time
from dataclasses import dataclass, field, replace

from recipes.common import measure, results
from recipes.common.command import at_least, choose_backend, keep_memory, make_parser
from recipes.tables.augmentations import image_augmentation
from recipes.tables.cells import SEMI_SUPERVISED, Cell
from recipes.tables.training import (
    MODELS,
    make_dataset,
    validation_error,
)

MNIST_IMAGES, SHORT_IMAGES = 60_000, 2000
# The options that a row begins with.
RECORDED = ("variant", "model", "labels", "draw", "seed", "epochs")


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
    import keras

    return lambda own: keras.layers.GaussianNoise(factor * own.augmentation.stddev)


def _pose_cover_and_noise(own):
    import keras

    return keras.layers.Pipeline([*image_augmentation(0).layers, own.augmentation])


# Each shows what one part of the zoo's objective does.
VARIANTS = {
    "zoo, as it is": Variant("The zoo's objective."),
    "zoo, no nuisance": Variant(
        "Without consistency: q may change under pixel noise.",
        {"consistency": 0.0, "augmentation": None, "augmentation_divisor": 1},
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
        {"reconstruction": 0.0, "nonnegativity": 0.0, "render_divisor": 1},
    ),
    "zoo, reconstruction 1": Variant(
        "What is rendered counts twenty times as much.", {"reconstruction": 1.0}
    ),
    "zoo, no warm-up": Variant(
        "All terms count from the first step on.", {"warmup_steps": 0}
    ),
    "zoo, all noise": Variant(
        "Each row is augmented, and rows decide later.",
        {"entropy": 1.0, "augmentation_divisor": 1},
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


def main():
    """Train one variant and record it."""
    options = parse()
    choose_backend(options.backend)
    import keras

    from keras_drmm import data, zoo

    if options.list:
        for name, variant in VARIANTS.items():
            print(f"{name}: {variant.meaning}")
        return
    if options.variant not in VARIANTS:
        raise SystemExit(f"There is no variant {options.variant!r}: see --list.")
    variant, origin = VARIANTS[options.variant], results.origin(options.backend)
    keras.config.set_dtype_policy(options.dtype)
    keras.utils.set_random_seed(options.seed)
    (x, y), _ = data.load("mnist", options.data_dir)
    if options.short:
        x, y = x[:SHORT_IMAGES], y[:SHORT_IMAGES]
    cell = Cell(1, SEMI_SUPERVISED, options.model, options.labels, options.draw)
    dataset = make_dataset(cell, x, y, options.validation)
    steps = options.epochs * len(dataset)
    image_shape = dataset[0][0].shape[1:]
    model = getattr(zoo, options.model)(image_shape, training_steps=steps)
    variant.compile(model)
    batches = dataset.as_tf_dataset() if options.backend == "tensorflow" else dataset
    start = time.perf_counter()
    model.fit(batches, epochs=options.epochs, shuffle=False, verbose=2)
    row = {
        **{name: getattr(options, name) for name in RECORDED},
        "seconds": round(time.perf_counter() - start),
        **origin,
        "validation_error": validation_error(model, dataset),
        "validation_images": len(dataset.validation_indices),
        "meaning": variant.meaning,
    }
    results.record("ablation", row, not options.short)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "dtype", "backend", "data-dir")
    parser.add_argument("--variant", default="zoo, as it is", help="see --list")
    parser.add_argument("--list", action="store_true", help="name all variants")
    parser.add_argument("--model", choices=MODELS, default="drmm_conv_small")
    parser.add_argument(
        "--labels", type=at_least(1), default=100, help="number of labelled images"
    )
    parser.add_argument("--epochs", type=at_least(1), default=5)
    parser.add_argument(
        "--validation",
        type=int,
        default=measure.VALIDATION_IMAGES,
        help="number of validation images; default: %(default)s",
    )
    parser.add_argument(
        "--short", action="store_true", help="one epoch of few images; not recorded"
    )
    options = parser.parse_args(arguments)
    hidden = (SHORT_IMAGES if options.short else MNIST_IMAGES) - options.labels
    if options.short:
        options.epochs, options.validation = 1, min(options.validation, hidden // 2)
    if not 0 < options.validation < hidden:
        parser.error(
            f"--validation must be from 1 to {hidden - 1}, so that some images without "
            "labels are left to learn from."
        )
    return options


if __name__ == "__main__":
    keep_memory()
    main()
