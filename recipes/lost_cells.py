"""Try what might win a cell of the paper's tables that ours has lost.

    python -m recipes.lost_cells --list
    python -m recipes.lost_cells --model rfm --labels 600 --way 'averaged weights'
    python -m recipes.lost_cells --setting labeled-only --model drmm_lenet --draw 1

Trains the model of a cell with one change to the zoo's settings, and measures its
error on 5,000 training images whose labels are hidden. The test images are not used, so
that the ways may be compared. A run with 600 labels took three minutes on one core of
an AMD EPYC.

Appends a row to `recipes/results/lost_cells.csv`.
"""

import time
from dataclasses import dataclass, field, replace

from recipes.common import results
from recipes.common.command import at_least, choose_backend, keep_memory, make_parser
from recipes.tables import training
from recipes.tables.augmentations import pixel_noise
from recipes.tables.cells import LABELED_ONLY, PRETRAINING, Cell

SHORT_IMAGES, PRETRAINED_ON = 2000, training.PRETRAINING_IMAGES
# The options that a row begins with, after which come its epochs.
RECORDED = ("setting", "model", "labels", "way", "draw", "seed")


@dataclass(frozen=True)
class Way:
    """One change to how a cell's model learns.

    Attributes:
        meaning: a sentence that says what the change is.
        changes: {field of `EG`: its value}.
        noise: deviation of the pixel noise.
        learning_rate: Adam's, at the start; None leaves the zoo's.
        averaged: whether the model has the moving average of its weights in the end.
        epochs: share of the cell's.
        still: share of these during which the templates stay as they were pre-trained.
        images: number of images that templates are pre-trained on.
    """

    meaning: str
    changes: dict = field(default_factory=dict)
    noise: float = training.ZOO_NOISE
    learning_rate: float | None = None
    averaged: bool = False
    epochs: float = 1.0
    still: float = 0.0
    images: int = PRETRAINED_ON

    def stages(self, epochs):
        """Return [(number of epochs, whether the templates stay)] for a cell's."""
        epochs = max(1, round(self.epochs * epochs))
        still = round(self.still * epochs)
        return [(n, s) for n, s in ((still, True), (epochs - still, False)) if n]

    def compile(self, model, steps, still):
        """Compile a cell's model again, with the change.

        Args:
            model: compiled by `training.make_model`.
            steps: number of training steps.
            still: whether the templates stay.
        """
        import keras

        from keras_drmm.learning.schedule import cosine_decay

        for level in model.levels:
            level.conv.trainable = not still
        changes = {"augmentation": pixel_noise(self.noise), **self.changes}
        rate = self.learning_rate
        if rate is None:
            rate = float(model.optimizer.get_config()["learning_rate"]["config"][_RATE])
        model.compile(
            keras.optimizers.Adam(
                cosine_decay(rate, steps), use_ema=self.averaged, ema_momentum=0.99
            ),
            algorithm=replace(model.algorithm, **changes),
        )


_RATE = "initial_learning_rate"
WAYS = {
    "as it is": Way("The settings of the zoo, with its noise of 0.4."),
    "averaged weights": Way(
        "The moving average of the weights over some hundred steps.", averaged=True
    ),
    "a quarter of the steps": Way("The rate falls to 0 sooner.", epochs=0.25),
    "a quarter of the rate": Way("Adam begins at 0.001.", learning_rate=1e-3),
    "consistency 10": Way(
        "The posterior is held still under pixel noise five times as much.",
        {"consistency": 10.0},
    ),
    "twice the noise": Way("Pixel noise of twice the deviation.", noise=0.8),
    "noise of 1": Way(
        "Pixel noise of the deviation 1, as wide as the range of pixels.", noise=1.0
    ),
    "reconstruction 1": Way(
        "What is rendered counts twenty times as much.", {"reconstruction": 1.0}
    ),
    "still templates": Way(
        "The templates stay as they were pre-trained; the classes alone learn.",
        still=1.0,
    ),
    "still at first": Way(
        "The classes alone learn for half of the epochs, then all.", still=0.5
    ),
    "four times the images": Way(
        "Templates are pre-trained on 40,000 images.", images=40_000
    ),
}


def main():
    """Train one way and record it."""
    options = parse()
    if options.list:
        for name, way in WAYS.items():
            print(f"{name}: {way.meaning}")
        return
    choose_backend(options.backend)
    import keras

    from keras_drmm import data

    way, origin = WAYS[options.way], results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    (x, y), _ = data.load("mnist", options.data_dir)
    validation = None
    if options.short:
        x, y = x[:SHORT_IMAGES], y[:SHORT_IMAGES]
        validation = (SHORT_IMAGES - options.labels) // 2
    cell = Cell(
        1 if options.setting == PRETRAINING else 5,
        options.setting,
        options.model,
        options.labels,
        options.draw,
    )
    dataset = training.make_dataset(cell, x, y, validation)
    stages = way.stages(1 if options.short else training.default_epochs(cell))
    epochs = sum(number for number, _ in stages)
    model = training.make_model(cell, epochs * len(dataset), dataset[0][0].shape[1:])
    start = time.perf_counter()
    if cell.is_pretrained:
        training.pretrain_templates(model, x, way.images)
    batches = dataset.as_tf_dataset() if options.backend == "tensorflow" else dataset
    for number, still in stages:
        way.compile(model, number * len(dataset), still)
        model.fit(batches, epochs=number, shuffle=False, verbose=0)
    row = {
        **{name: getattr(options, name) for name in RECORDED},
        "epochs": epochs,
        "seconds": round(time.perf_counter() - start),
        **origin,
        "validation_error": training.validation_error(model, dataset),
        "validation_images": len(dataset.validation_indices),
        "meaning": way.meaning,
    }
    results.record("lost_cells", row, not options.short)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "draw", "seed", "backend", "data-dir")
    parser.add_argument(
        "--setting", choices=(PRETRAINING, LABELED_ONLY), default=PRETRAINING
    )
    parser.add_argument("--model", choices=training.MODELS, default="rfm")
    parser.add_argument(
        "--labels", type=at_least(1), default=600, help="number of labelled images"
    )
    parser.add_argument("--way", choices=WAYS, default="as it is", help="see --list")
    parser.add_argument("--list", action="store_true", help="name all ways")
    parser.add_argument(
        "--short", action="store_true", help="one epoch of few images; not recorded"
    )
    options = parser.parse_args(arguments)
    way = WAYS[options.way]
    if options.setting == LABELED_ONLY and (way.still or way.images != PRETRAINED_ON):
        parser.error(f"--way {options.way!r} is of pre-trained templates.")
    return options


if __name__ == "__main__":
    keep_memory()
    main()
