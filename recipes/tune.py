"""The settings of a model on MNIST: a search by images whose labels are hidden.

    python -m recipes.tune --model drmm_lenet --labels 100 --draw 0 --trials 20
    python -m recipes.tune --model swwae --tuner bayesian --epochs 2
    python -m recipes.tune --images 2000 --trials 2

A trial trains a model of the zoo by EG, or a peer (`swwae`, `ladder`, `pseudo_label`)
by its own objective, on the 60,000 training images, of which `--labels` keep their
label, with the settings and the learning rate that keras-tuner chose. It is scored on
5,000 of the images whose labels are hidden. Test images are never looked at.

Hyperband trains few trials for `--epochs` and the others for less; the learning rate
falls over `--epochs` in all of them.

Writes the state of the search to `runs/`. A search that was stopped goes on with the
trial that was under way when it is started again, and a larger `--trials` adds some.
Each trial is a row of `recipes/results/tuning.csv`.

`--images` is the short mode: the first of the training images alone, of which at most a
quarter is for validation; its rows stay in `runs/`.
"""

import argparse
import os
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

VALIDATION_IMAGES = 5000
TUNERS = {
    "random": "RandomSearch",
    "bayesian": "BayesianOptimization",
    "hyperband": "Hyperband",
}
COLUMNS = (
    "model",
    "labels",
    "draw",
    "images",
    "tuner",
    "seed",
    "epochs",
    "settings",
    "seconds",
    "dtype",
    "machine",
    "backend",
    "commit",
    "command",
    "validation_error",
)


def main():
    """Search, and print the best trials."""
    options = parse()
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from keras_drmm import data

    keras.config.set_dtype_policy(options.dtype)
    (x, y), _ = data.load("mnist", options.data_dir)
    show(search(x[: options.images], y[: options.images], options))


def search(x, y, options, **arguments):
    """Run the trials that are not done yet.

    Args:
        x: training images.
        y: their labels, of which a trial sees `options.labels`.
        options: the command line.
        **arguments: keyword arguments of the zoo's function.

    Returns:
        The tuner.
    """
    import keras_tuner

    from keras_drmm import data
    from keras_drmm.tuning import EGHyperModel
    from recipes.common import results
    from recipes.tables.baseline_hypermodel import PeerHyperModel
    from recipes.tables.cells import PEERS

    dataset = data.semi_supervised(
        x,
        y,
        options.labels,
        labelled_per_batch=16 if options.labels < 10_000 else None,
        validation=min(VALIDATION_IMAGES, len(x) // 4),
        validation_images_unlabelled=True,
        seed=options.draw,
    )
    hypermodel_class = PeerHyperModel if options.model in PEERS else EGHyperModel
    hypermodel = hypermodel_class(
        options.model,
        training_steps=options.epochs * len(dataset),
        seed=options.seed,
        **arguments,
    )
    run = {
        "model": options.model,
        "labels": options.labels,
        "draw": options.draw,
        "images": len(x),
        "tuner": options.tuner,
        "seed": options.seed,
        "dtype": options.dtype,
        "machine": results.machine(),
        "backend": options.backend,
        # Asked now: the code may be edited while the search goes on.
        "commit": results.commit(),
        "command": results.command(),
    }
    hypermodel.fit = recorded(hypermodel.fit, options.output, run)
    limits = {"max_trials": options.trials}
    if options.tuner == "hyperband":
        limits = {"max_epochs": options.epochs, "hyperband_iterations": None}
    tuner = getattr(keras_tuner, TUNERS[options.tuner])(
        hypermodel,
        objective=keras_tuner.Objective("validation_error", "min"),
        # keras-tuner takes 0 for none and draws a seed.
        seed=options.seed + 1,
        directory=options.folder.parent,
        project_name=options.folder.name,
        **limits,
    )
    # Hyperband has no argument for it and would go on for ever.
    tuner.oracle.max_trials = options.trials
    tuner.search(dataset, epochs=options.epochs, verbose=2)
    return tuner


def recorded(fit, path, run):
    """Return `fit` of a hypermodel that also appends a row to the CSV file `path`."""
    from recipes.common import results

    def timed(hp, model, dataset, epochs, **options):
        start = time.perf_counter()
        error = fit(hp, model, dataset, epochs, **options)
        row = {
            **run,
            "epochs": epochs,
            # Exactly, so that the trial can be made again.
            "settings": described(hp, "{!r}"),
            "seconds": round(time.perf_counter() - start, 1),
            "validation_error": round(error, 2),
        }
        results.append_row(path, row, COLUMNS)
        return error

    return timed


def show(tuner, number=5):
    """Print the best trials, the best first."""
    for trial in tuner.oracle.get_best_trials(number):
        if trial.score is None:
            continue
        settings = described(trial.hyperparameters)
        print(f"{trial.score:6.2f} %  trial {trial.trial_id}: {settings}")


def described(hp, number="{:.4g}"):
    """Return hyperparameters in words: "entropy 0.5, learning_rate 0.002"."""
    return ", ".join(
        f"{name} {number.format(value)}"
        for name, value in hp.values.items()
        # Hyperband's own.
        if not name.startswith("tuner/")
    )


def parse(arguments=None):
    """Read the command line."""
    from recipes.tables.cells import PEERS

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model",
        choices=("drmm_conv_small", "drmm_lenet", "drfm_lenet", "rfm", *PEERS[1:]),
        default="drmm_lenet",
    )
    parser.add_argument("--labels", type=int, default=100, help="how many labels")
    parser.add_argument("--draw", type=int, default=0, help="which labels are drawn")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=1, help="of a trial, at most")
    parser.add_argument("--tuner", choices=tuple(TUNERS), default="random")
    parser.add_argument("--seed", type=int, default=0, help="of weights and search")
    parser.add_argument("--images", type=int, help="short mode: how many to train on")
    parser.add_argument(
        "--dtype", choices=("float32", "mixed_bfloat16"), default="float32"
    )
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    options = parser.parse_args(arguments)
    name = (
        "tune_{model}_{labels}_{draw}_{epochs}_{tuner}_{seed}_{dtype}_{backend}"
    ).format(**vars(options))
    name += f"_{options.images}_images" * bool(options.images)
    options.folder = PROJECT / "runs" / name
    options.output = PROJECT / "recipes" / "results" / "tuning.csv"
    if options.images:
        options.output = options.folder / "tuning.csv"
    return options


if __name__ == "__main__":
    from recipes.common.allocator import keep_memory

    keep_memory()
    main()
