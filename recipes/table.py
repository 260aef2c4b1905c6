"""The paper's tables, a command a cell.

    python -m recipes.table --table 1 --model drmm_conv_small --labels 100 --draw 0
    python -m recipes.table --table 3 --setting supervised --model rfm --labels 60000
    python -m recipes.table --all --missing

Trains one model and appends its row to `recipes/results/tables.csv`, and a row an
epoch to `epochs.csv`. The test images are read once, when training is over. Of the
60,000 training images 5,000 validate, without being shown their labels, unless the
cell asks for 60,000 labels.

The settings: `semi-supervised` learns all images and `--labels` of their labels;
`labeled-only` (Table 5) and `supervised` (Table 3) these images alone;
`unsupervised-pretraining` learns templates by hard EM from 10,000 images first and
then as `labeled-only`; `semi-supervised, second network` trains a network as
`semi-supervised` and then another by the labels that the first one and its
neighbours' vote give all images. Models are those of the zoo, the stock convnet of
5, 2 and 1 levels (`convnet`, `convnet_2`, `convnet_1`) and the other peers (`swwae`,
`ladder`, `pseudo_label`), which learn by the same batches in about the same time or
less.

A run that was stopped goes on after its last whole epoch when it is started again. Its
folder in `runs/` is named by what the command line says and a hash of the settings that
the model learns by: with others it is another run.
`--all` runs every cell, one process a core, `--missing` leaves out those that have a
row of this seed and backend, and `--dtype auto` runs each in the precision that is
fastest on this processor.
`--dtype mixed_bfloat16` trains in half precision; the errors are those of a float32
model with the same weights. `--short` is one epoch of the first `--images`, for a
check: at most half of those whose labels are hidden validate, and no row is recorded.

Table 4 needs `--data-dir`, a folder with cifar10.npz, or keras-drmm[tensorflow].
"""

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def main():
    """Run what the command line asks for."""
    from recipes.tables.cells import Cell
    from recipes.tables.options import parse

    options = parse(__doc__.split("\n")[0])
    if options.all:
        from recipes.tables.run_cells import run_all

        run_all(options)
    else:
        run(Cell.of(vars(options)), options)


def run(cell, options):
    """Train a cell's model and record its row."""
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from keras_drmm import data
    from recipes.common import results
    from recipes.tables import second_network, training

    folder = options.output or PROJECT / "runs" / name_of(cell, options)
    finished = folder / "finished.json"
    if finished.exists():
        print(f"This run is finished:\n{finished.read_text()}")
        return
    # Asked now: the code may be edited while the run goes on.
    commit = results.commit()
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.dtype)
    (x, y), test = data.load(cell.data, options.data_dir)
    validation = None
    if options.short:
        x, y = x[: options.images], y[: options.images]
        # The others stay unlabelled ones, without which a setting is another.
        validation = min(training.VALIDATION_IMAGES, (len(x) - cell.labels) // 2)
    dataset = scored = training.make_dataset(cell, x, y, validation)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    if cell.has_first_network:
        dataset, seconds = second_network.make_dataset(cell, x, scored, folder, options)
    epochs = options.epochs or training.default_epochs(cell)
    image_shape, steps = dataset[0][0].shape[1:], epochs * len(dataset)
    model = training.make_model(cell, steps, image_shape)
    if cell.is_pretrained:
        # Kept for a run that is stopped later on.
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
        "table": cell.table,
        "setting": cell.setting,
        "model": cell.model,
        "labels": cell.labels,
        "draw": cell.draw,
        "seed": options.seed,
        "epochs": epochs,
        "seconds": round(seconds),
        "machine": results.machine(),
        "backend": options.backend,
        "commit": commit,
        "command": results.command(),
        "validation_error": training.validation_error(trained, scored),
        # The test images are used here, for the first and only time.
        "test_error": training.test_error(trained, *test),
        "objective": training.objective_of(trained),
    }
    if not options.short:
        results.append_row(results.RESULTS / "tables.csv", row, results.TABLE_COLUMNS)
        training.record_epochs(cell, options.seed, epochs, folder, before)
    # What `publish_preset.py` makes a model of.
    made = {"steps": steps, "image_shape": image_shape}
    finished.write_text(json.dumps({**row, **made}, indent=2) + "\n")
    print(row)


def name_of(cell, options):
    """Return the name of a run's folder: runs that differ have different ones."""
    from recipes.tables import training
    from recipes.tables.cells import SEMI_SUPERVISED

    networks = [cell]
    # The cell's own are told, too: they may be others tomorrow.
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
    from recipes.common.allocator import keep_memory

    keep_memory()
    main()
