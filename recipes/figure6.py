"""Learn a shallow RMM without labels and plot what Figure 6 of the paper shows.

    python -m recipes.figure6
    python -m recipes.figure6 --short

`zoo.rmm` learns from the 60,000 training images of MNIST without labels, by 20 sweeps
of exact EM. `docs/images/figure6.png` has both halves of the figure: templates μ_cg, a
column for each class that EM found, and below them the first test images and their
reconstructions, the template of the most probable class and nuisance. It takes 40
seconds on one core of an Intel Xeon. `--short` learns one sweep over 2,000 images and
plots to `runs`.
"""

from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.results import IMAGES, RUNS

TRAINING, SHORT_TRAINING, BATCH = 60_000, 2000, 1000
# Of the picture.
TEMPLATES_OF_A_CLASS, ROWS_OF_IMAGES = 4, 2


def main(arguments=None):
    """Learn and plot."""
    options = parse(arguments)
    choose_backend(options.backend)
    import keras
    import numpy as np

    from keras_drmm import data, zoo

    keras.utils.set_random_seed(options.seed)
    (x, _), (x_test, _) = data.load("mnist")
    images = data.to_unit_range(x[: options.images])
    model = zoo.rmm()
    labels = np.full(len(images), -1)
    model.fit(images, labels, batch_size=BATCH, epochs=options.epochs, verbose=2)
    folder = RUNS if options.short else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    shown = data.to_unit_range(x_test[: ROWS_OF_IMAGES * model.num_classes])
    plot(model, shown, folder / "figure6.png")


def plot(model, images, path):
    """Plot templates, and images above their reconstructions.

    Args:
        model: an `RMM`.
        images: (N, H, W, C), a multiple of the number of classes.
        path: of the PNG file.
    """
    from keras import ops

    from keras_drmm.analysis.grid import save_grid

    templates = ops.convert_to_numpy(model.templates)
    rows = {
        f"templates,\ng = {g}": templates[:, g]
        for g in range(min(TEMPLATES_OF_A_CLASS, model.num_nuisances))
    }
    columns = model.num_classes
    for start in range(0, len(images), columns):
        shown = images[start : start + columns]
        numbers = f"{start + 1} to {start + columns}"
        rows[f"images\n{numbers}"] = shown
        rows[f"reconstructed\n{numbers}"] = model.reconstruct(shown)
    save_grid(rows, model.pixel_range, path)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "seed", "backend")
    parser.add_argument("--short", action="store_true", help="a check, not kept")
    options = parser.parse_args(arguments)
    options.images = SHORT_TRAINING if options.short else TRAINING
    options.epochs = 1 if options.short else 20
    return options


if __name__ == "__main__":
    keep_memory()
    main()
