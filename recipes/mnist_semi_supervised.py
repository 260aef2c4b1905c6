"""Semi-supervised MNIST: a DRMM learns from a few labels (Table 1).

    python recipes/mnist_semi_supervised.py --labels 100 --draw 0
    python recipes/mnist_semi_supervised.py --model rfm
    python recipes/mnist_semi_supervised.py --setting unsupervised-pretraining
    python recipes/mnist_semi_supervised.py --short

Trains a model of the zoo by EG on all 60,000 training images, of which `--labels` keep
their label, and the stock convnet of the same configuration on these labels alone.
5,000 of the images whose labels are hidden are scored after each epoch; nothing is
selected by them. The test set is read once, at the end.

In the setting `unsupervised-pretraining` hard EM learns the templates level by level
from 10,000 images without labels, and EG then the model from the labelled rows alone,
as many steps as the convnet takes.

Writes checkpoints, `history.csv` (a row an epoch), the model and pictures of what it
reconstructs, transfers and samples to `--output`, and a row for each of the two models
to `recipes/results/mnist_semi_supervised.csv`. A run that was stopped goes on after its
last whole epoch when it is started again.

`--short` is one epoch, at most 6 minutes on 2 cores; its rows are not recorded.
"""

import argparse
import csv
import os
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

VALIDATION_IMAGES = 5000
# Of `unsupervised-pretraining`.
PRETRAINING_IMAGES, SWEEPS = 10_000, 5
SEMI_SUPERVISED, PRETRAINING = "semi-supervised", "unsupervised-pretraining"


def main():
    """Train both models, report and record."""
    options = parse()
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from keras_drmm import analysis, baselines, data, zoo
    from recipes import results
    from recipes.measure import error

    finished = options.output / "finished.txt"
    if finished.exists():
        print(f"This run is finished:\n{finished.read_text()}")
        return
    options.output.mkdir(parents=True, exist_ok=True)
    # Asked now: the code may be edited while the run goes on.
    commit = results.commit()
    keras.utils.set_random_seed(options.seed)
    (x, y), (x_test, y_test) = data.load("mnist", options.data_dir)
    dataset = data.semi_supervised(
        x,
        y,
        options.labels,
        labelled_per_batch=16 if options.labels < 10_000 else None,
        validation=VALIDATION_IMAGES,
        validation_images_unlabelled=True,
        seed=options.draw,
    )
    convnet_epochs = max(10, (15_000 if options.short else 50_000) // options.labels)
    convnet_steps = convnet_epochs * -(-options.labels // 50)
    is_pretrained = options.setting == PRETRAINING
    if is_pretrained:
        options.epochs, steps = convnet_epochs, convnet_steps
    else:
        steps = options.epochs * len(dataset)
    model = getattr(zoo, options.model)(training_steps=steps)
    convnet = baselines.convnet(model, convnet_steps)

    shown = dataset.labelled_indices
    if is_pretrained:
        seconds = train_pretrained(model, x, y, shown, options)
    else:
        seconds = train(model, dataset, options)
    start = time.perf_counter()
    convnet.fit(
        data.to_unit_range(x[shown]),
        y[shown],
        batch_size=50,
        epochs=convnet_epochs,
        verbose=0,
    )
    convnet_seconds = time.perf_counter() - start

    images, labels = (v[:500] for v in dataset.validation)
    folder = options.output
    analysis.plot_reconstructions(model, images, labels, folder / "reconstructions.png")
    analysis.plot_nuisance_transfer(model, images, labels, folder / "transfer.png")
    analysis.plot_samples(model, folder / "samples.png", columns=5)
    model.save(folder / "model.keras")
    # The test images are used here, for the first and only time.
    x_test = data.to_unit_range(x_test)
    lines = [f"{options.labels} labels, test error:"]
    for table, setting, name, trained, epochs, took in (
        (1, options.setting, options.model, model, options.epochs, seconds),
        (
            5,
            "labeled-only",
            f"Convnet {len(model.levels)}-layer",
            convnet,
            convnet_epochs,
            convnet_seconds,
        ),
    ):
        row = {
            "table": table,
            "setting": setting,
            "model": name,
            "labels": options.labels,
            "draw": options.draw,
            "seed": options.seed,
            "epochs": epochs,
            "seconds": round(took),
            "machine": results.machine(),
            "backend": options.backend,
            "commit": commit,
            "command": results.command(),
            "validation_error": error(trained, *dataset.validation),
            "test_error": error(trained, x_test, y_test),
        }
        lines.append(
            f"{row['test_error']:6.2f} %  {name}, {setting}, {row['seconds']} s"
        )
        if not options.short:
            results.append_row(results.RESULTS / "mnist_semi_supervised.csv", row)
    finished.write_text("\n".join(lines) + "\n")
    print(finished.read_text())
    print(f"Pictures: {options.output}/*.png")


def train(model, dataset, options):
    """Fit `model`, from the last whole epoch if the run was stopped.

    Returns:
        Seconds of all epochs, those before a stop included.
    """
    import keras

    history = options.output / "history.csv"
    log = EpochLog(model, dataset, history)
    batches = dataset
    if options.backend == "tensorflow":
        batches = dataset.as_tf_dataset()
    model.fit(
        batches,
        epochs=options.epochs,
        # The data set shuffles itself, as a function of seed and epoch.
        shuffle=False,
        callbacks=[
            keras.callbacks.BackupAndRestore(
                options.output / "checkpoint",
                double_checkpoint=True,
                delete_checkpoint=False,
            ),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=log.begin, on_epoch_end=log.end
            ),
        ],
    )
    with history.open() as file:
        return sum(float(row["seconds"]) for row in csv.DictReader(file))


def train_pretrained(model, x, y, shown, options):
    """Learn templates without labels, then the model from the rows `shown`.

    Returns:
        Seconds of both.
    """
    from keras_drmm import HardEM, data
    from keras_drmm.learning import pretrain

    start = time.perf_counter()
    images = data.to_unit_range(x[:PRETRAINING_IMAGES])
    for level, losses in enumerate(
        pretrain(model, images, HardEM(step=0.5, rows_per_gram=8), SWEEPS), start=1
    ):
        print(f"Level {level}: objective {losses[0]:.4g} to {losses[-1]:.4g}")
    images, labels = data.to_unit_range(x[shown]), y[shown].astype("int32")
    model.fit(images, labels, batch_size=50, epochs=options.epochs, verbose=0)
    return time.perf_counter() - start


class EpochLog:
    """Puts the data set at each epoch's order and logs what the epoch gave."""

    def __init__(self, model, dataset, path):
        self.model, self.dataset, self.path = model, dataset, path

    def begin(self, epoch, logs=None):
        """Start the clock and, after a stop, go on with this epoch's order."""
        self.dataset.epoch = epoch
        self.start = time.perf_counter()

    def end(self, epoch, logs):
        """Append epoch, seconds, validation error and the terms to the history."""
        from recipes import results
        from recipes.measure import error

        seconds = time.perf_counter() - self.start
        row = {
            "epoch": epoch + 1,
            "seconds": round(seconds, 1),
            "validation_error": error(self.model, *self.dataset.validation),
            **{name: f"{value:.5f}" for name, value in logs.items()},
        }
        results.append_row(self.path, row, tuple(row))
        print(f" - validation error: {row['validation_error']:.2f} %")


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model",
        choices=("drmm_conv_small", "drmm_lenet", "drfm_lenet", "rfm"),
        default="drmm_conv_small",
    )
    parser.add_argument(
        "--setting", choices=(SEMI_SUPERVISED, PRETRAINING), default=SEMI_SUPERVISED
    )
    parser.add_argument("--labels", type=int, default=100, help="how many labels")
    parser.add_argument("--draw", type=int, default=0, help="which labels are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    parser.add_argument("--output", type=Path, help="default: runs/ and the settings")
    parser.add_argument("--short", action="store_true", help="one epoch, not recorded")
    options = parser.parse_args()
    if options.short:
        options.epochs = 1
    if options.output is None:
        name = "mnist_{model}_{labels}_{draw}_{seed}_{epochs}_{backend}".format(
            **vars(options)
        )
        name += "_pretrained" * (options.setting == PRETRAINING)
        options.output = PROJECT / "runs" / (name + "_short" * options.short)
    return options


if __name__ == "__main__":
    from recipes.allocator import keep_memory

    keep_memory()
    main()
