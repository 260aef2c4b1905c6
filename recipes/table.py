"""Train the models of the paper's tables, one command for each cell.

    python -m recipes.table --table 1 --model drmm_conv_small --labels 100 --draw 0
    python -m recipes.table --table 3 --setting supervised --model rfm --labels 60000
    python -m recipes.table --all --missing
    python -m recipes.table --model rfm --short --images 2000

The first command trains the 5-level DRMM on MNIST with 100 labels, in less than 10
minutes on one core of an AMD EPYC. `docs/results.md` has the results of all cells. The
last command is a check in seconds.

A run appends a row to `recipes/results/tables.csv` and a row for each epoch to
`epochs.csv`. It reads the test images once, after training. Of the 60,000 training
images 5,000 validate with hidden labels, unless the cell asks for 60,000 labels.

Settings:

- `semi-supervised` learns from all images and `--labels` of their labels;
- `labeled-only` (Table 5) and `supervised` (Table 3) learn from the labelled images
  alone;
- `unsupervised-pretraining` first learns templates from 10,000 images by hard EM, then
  learns as `labeled-only` does;
- `semi-supervised, nuisances` is `semi-supervised` with another augmentation: the class
  must not change with the pose of an image, nor when a part of it is covered;
- `semi-supervised, second network` trains a network as `semi-supervised`, and then
  another one by the labels that the first one and its neighbours' vote give all images.

Models are those of the zoo, the stock convnets of 5, 2 and 1 levels (`convnet`,
`convnet_2`, `convnet_1`; 9, `convnet_9`) and the other baselines (`swwae`, `ladder`,
`pseudo_label`, `fixmatch`, `mean_teacher`).
Baselines learn from the same batches in about the same time or less.

A run that was stopped goes on after its last whole epoch when it is started again. The
name of its folder in `runs/` is made of the options and a hash of the settings that the
model learns by, so a run with other settings is another run.

`--all` runs every cell, one process on each core; with `--missing`, only the cells that
have no row of this seed and backend. `--dtype mixed_bfloat16` trains in half precision;
the errors are those of a float32 model with the same weights. `--dtype auto` chooses
the faster precision for each cell. `--short` trains for one epoch on the first
`--images` images and records nothing; at most half of the images whose labels are
hidden validate.

Table 4 needs keras-drmm[tensorflow], or a `--data-dir` that has cifar10.npz.
"""

import hashlib
import json
import re
import time
from dataclasses import asdict, replace
from pathlib import Path

from recipes.common import measure, results
from recipes.common.command import choose_backend, keep_memory
from recipes.common.results import RUNS
from recipes.tables import options as table_options
from recipes.tables import training
from recipes.tables.cells import SEMI_SUPERVISED, Cell


def main():
    """Run what the command line asks for."""
    options = parse()
    table_options.check_data(options)
    if options.all:
        from recipes.tables.run_cells import run_all

        run_all(options)
    else:
        run(Cell.of(vars(options)), options)


def parse(arguments=None):
    """Read the command line."""
    return table_options.parse(__doc__, arguments)


def run(cell, options):
    """Train a cell's model and record its row."""
    choose_backend(options.backend)
    import keras

    from keras_drmm import data

    folder = options.output or RUNS / name_of(cell, options)
    finished = folder / "finished.json"
    if finished.exists():
        print(f"This run is finished:\n{results.read_marker(finished)}")
        return
    origin = results.origin(options.backend)
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.dtype)
    (x, y), test = data.load(cell.data, options.data_dir)
    validation = None
    if options.short:
        x, y = x[: options.images], y[: options.images]
        # The other half stays in training: a setting needs its unlabelled images.
        validation = min(measure.VALIDATION_IMAGES, (len(x) - cell.labels) // 2)
    dataset = scored = training.make_dataset(cell, x, y, validation)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    if cell.has_first_network:
        dataset, seconds = label_by_first_network(cell, x, scored, folder, options)
    epochs = options.epochs or training.default_epochs(cell)
    image_shape, steps = dataset[0][0].shape[1:], epochs * len(dataset)
    model = training.make_model(cell, steps, image_shape)
    if cell.is_pretrained:
        # Kept in case the run is stopped later.
        pretraining = folder / "pretraining_seconds.txt"
        if not (folder / "history.csv").exists():
            pretraining.write_text(str(training.pretrain_templates(model, x)))
        seconds = float(pretraining.read_text())
    before = seconds
    seconds += training.train(model, dataset, epochs, folder, options.backend, scored)

    keras.config.set_dtype_policy("float32")
    trained = training.make_model(cell, steps, image_shape)
    trained.set_weights(model.get_weights())
    trained.save_weights(folder / "model.weights.h5")
    row = {
        **asdict(cell),
        "seed": options.seed,
        "epochs": epochs,
        "seconds": round(seconds),
        **origin,
        "validation_error": training.validation_error(trained, scored),
        # The test images are used here, for the first and only time.
        "test_error": training.test_error(trained, *test),
        "objective": training.objective_of(trained),
        "settings": training.settings_json(cell, trained, epochs, options.dtype),
    }
    results.record("tables", row, not options.short)
    if not options.short:
        training.record_epochs(cell, options.seed, epochs, folder, before)
    # `publish_preset` makes a model of these.
    made = {"steps": steps, "image_shape": image_shape}
    results.write_marker(finished, json.dumps({**row, **made}, indent=2))


def label_by_first_network(cell, x, first, folder, options):
    """Train a first network as `semi-supervised` and let it label all images.

    Args:
        cell: of the setting `semi-supervised, second network`.
        x: training images, uint8.
        first: the data set that the first network learns from.
        folder: of the run. Labels and seconds are kept there, in case it is stopped.
        options: of the command line.

    Returns:
        (the batches of the second network, seconds).
    """
    import keras
    import numpy as np

    from keras_drmm import data
    from keras_drmm.learning import neighbour_labels

    labels, timed = folder / "labels.npy", folder / "first_seconds.txt"
    if not timed.exists():
        cell = replace(cell, setting=SEMI_SUPERVISED)
        epochs = 1 if options.short else training.default_epochs(cell)
        model = training.make_model(cell, epochs * len(first), first[0][0].shape[1:])
        seconds = training.train(
            model, first, epochs, folder / "first", options.backend
        )
        start = time.perf_counter()
        images = data.to_unit_range(x)
        np.save(labels, neighbour_labels(model, images, first.shown_labels))
        seconds += time.perf_counter() - start
        timed.write_text(str(seconds))
    # Training the first network consumed random numbers; a run that goes on after it
    # does not.
    keras.utils.set_random_seed(options.seed + 1)
    second = data.semi_supervised(x, np.load(labels), None, seed=cell.draw)
    return second, float(timed.read_text())


def name_of(cell, options):
    """Return the name of a run's folder; runs that differ have different names."""
    networks = [cell]
    # The cell's default may change, so the number of epochs is always in the name.
    epochs = [options.epochs or training.default_epochs(cell)]
    if cell.has_first_network:
        networks.append(replace(cell, setting=SEMI_SUPERVISED))
        epochs.insert(0, training.default_epochs(networks[-1]))
    settings = [training.settings_of(network) for network in networks]
    folder = options.data_dir and str(Path(options.data_dir).resolve())
    text = json.dumps([settings, folder], sort_keys=True)
    parts = [cell.data, *cell.arguments()[1::2], options.seed, options.backend]
    parts += [options.dtype, *epochs, "epochs"]
    if options.short:
        parts.append(f"short_{options.images}")
    parts.append(hashlib.sha256(text.encode()).hexdigest()[:8])
    return re.sub(r"[^\w-]+", "_", "_".join(map(str, parts)))


if __name__ == "__main__":
    keep_memory()
    main()
