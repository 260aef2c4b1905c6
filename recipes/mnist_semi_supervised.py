"""Demonstrate learning from 100 labels of MNIST.

    python -m recipes.mnist_semi_supervised
    python -m recipes.mnist_semi_supervised --short

Trains the 5-level DRMM by EG for 3 epochs on all 60,000 training images, of which 100
are labelled, and the stock convnet of the same levels on the labelled images alone. The
DRMM then learns from 10,000 images which of its switches go together, so that its
samples are digits. `python -m recipes.table --labels 100` has 5 epochs. 5,000 of the
images whose labels are hidden are scored after each epoch; nothing is selected by them.
The test set is read once, at the end.

Prints a line for each model while it learns, a small table, and where the pictures are.
Writes checkpoints, `history.csv` with a row for each epoch, the model, and pictures to
`--output`, and no row of results. A run that was stopped goes on after its last whole
epoch when it is started again.

`--short` trains for 2 epochs: on 2 cores four minutes where the processor has a unit
for half precision, which it then uses on TensorFlow, and ten where it has none.
"""

import time
from pathlib import Path

from recipes.common.command import choose_backend, keep_memory, make_parser
from recipes.common.progress import ProgressLine, quiet_start
from recipes.common.results import RUNS, read_marker, write_marker

# Fewer than in the tables, so that the demonstration takes minutes.
EPOCHS, SHORT_EPOCHS = 3, 2
# The prior of switches. The preset's has more epochs, images and channels.
PRIOR_IMAGES, PRIOR = 10_000, {"epochs": 2, "width": 32}
PICTURES = {
    "samples.png": "images that the model draws, with and without pixel noise",
    "styles.png": "all classes in the styles of images",
    "reconstructions.png": "images, what the model renders of them, how classes look",
}


def main():
    """Train both models, plot pictures and print the errors."""
    options = parse()
    choose_backend(options.backend)
    finished = options.output / "finished.txt"
    if finished.exists():
        print(f"This run is finished:\n\n{read_marker(finished)}")
        return
    with quiet_start():
        import keras

        # The first operation starts the backend.
        keras.ops.convert_to_tensor(0.0)
    lines = train_both(options)
    lines += ["", f"Pictures, in {options.output}:"]
    lines += [f"  {name:<20}  {what}" for name, what in PICTURES.items()]
    write_marker(finished, "\n".join(lines))
    print(f"\n{read_marker(finished)}")


def train_both(options):
    """Train the model and the convnet, plot pictures, and return the lines of a table.

    Args:
        options: of the command line.
    """
    import keras

    from keras_drmm import data
    from recipes import pictures
    from recipes.tables import training
    from recipes.tables.cells import LABELED_ONLY, SEMI_SUPERVISED, Cell
    from recipes.tables.run_cells import fastest

    folder = options.output
    (x, y), test = data.load("mnist", options.data_dir)
    print(f"MNIST: {len(x):,} training images, of which 100 have a label.", flush=True)
    lines = [f"  wrong     time  learned from ({len(test[0]):,} test images)"]
    for table, setting, name, title, source in (
        (1, SEMI_SUPERVISED, "drmm_conv_small", "DRMM", "100 labels and all images"),
        (5, LABELED_ONLY, "convnet", "convnet", "the 100 labelled images alone"),
    ):
        cell = Cell(table, setting, name, 100)
        keras.utils.set_random_seed(0)
        dataset = training.make_dataset(cell, x, y)
        if cell.learns_without_labels:
            epochs = SHORT_EPOCHS if options.short else EPOCHS
        else:
            epochs = 150 if options.short else training.default_epochs(cell)
        steps = epochs * len(dataset)
        # The other backends are no faster in half precision on a CPU.
        is_tensorflow = options.backend == "tensorflow"
        policy = fastest("auto", name) if is_tensorflow else "float32"
        keras.config.set_dtype_policy(policy)
        learned = training.make_model(cell, steps, (28, 28, 1))
        run = folder / name
        run.mkdir(parents=True, exist_ok=True)
        progress = ProgressLine(f"{title} of 5 levels learns", epochs, len(dataset))
        seconds = training.train(
            learned, dataset, epochs, run, options.backend, progress=progress
        )
        progress.end(f"{seconds:.0f} s, {epochs} epochs")
        keras.config.set_dtype_policy("float32")
        model = training.make_model(cell, steps, (28, 28, 1))
        model.set_weights(learned.get_weights())
        if cell.learns_without_labels:
            learn_prior(model, data.to_unit_range(x[:PRIOR_IMAGES]), folder)
            pictures.plot(model, dataset, folder)
            model.save(folder / "model.keras")
        # The test images are used here, for the first and only time.
        error = training.test_error(model, *test)
        lines.append(f"{error:5.2f} %  {seconds:5.0f} s  {title}: {source}")
    return lines


def learn_prior(model, images, folder):
    """Learn which switches go together, and tell how far it is.

    Args:
        model: a trained `DRMM`.
        images: (N, H, W, C), floats; their labels are not asked for.
        folder: the `Path` of the run.
    """
    from keras_drmm.callbacks import Resume
    from keras_drmm.learning.fit_prior import BATCH_SIZE

    steps = -(-len(images) // BATCH_SIZE)
    progress = ProgressLine("Its switches learn to go together", PRIOR["epochs"], steps)
    start = time.monotonic()
    callbacks = [progress.callback(), Resume(folder / "prior")]
    model.fit_prior(images, verbose=0, callbacks=callbacks, **PRIOR)
    progress.end(f"{time.monotonic() - start:.0f} s, {len(images):,} images")


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "backend", "data-dir")
    parser.add_argument("--output", type=Path, help="default: a folder in runs/")
    parser.add_argument("--short", action="store_true", help="2 epochs")
    options = parser.parse_args(arguments)
    if options.output is None:
        options.output = RUNS / f"demo_{options.backend}"
        if options.short:
            options.output = options.output.with_name(f"{options.output.name}_short")
    return options


if __name__ == "__main__":
    keep_memory()
    main()
