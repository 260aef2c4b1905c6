"""Search for the settings of a model on MNIST with keras-tuner.

    python -m recipes.tune --model drmm_lenet --labels 100 --draw 0 --trials 20
    python -m recipes.tune --model swwae --tuner bayesian --epochs 2
    python -m recipes.tune --workers 2 --trials 12 --save my_presets/tuned
    python -m recipes.tune --images 2000 --trials 2

A trial trains a model of the zoo by EG, or a baseline (`swwae`, `ladder`,
`pseudo_label`) by its own objective, with the settings and the learning rate that
keras-tuner chose. It learns from the 60,000 training images, of which `--labels` are
labelled, and is scored on 5,000 of the images whose labels are hidden. Test images are
never used. The best of 5 trials of `swwae` had a validation error of 17.52 %; a trial
of one epoch took 3 minutes on one core of an Intel Xeon.

Hyperband trains few trials for `--epochs` and the others for less; the learning rate
falls over `--epochs` in all of them.

The state of the search is kept in `runs/`. A search that was stopped goes on with the
trial that was under way when it is started again, with any number of workers, and a
larger `--trials` adds more. Each trial is a row of `recipes/results/tuning.csv`, and
one only, if it was stopped between its row and keras-tuner's own note that it ended.

With `--workers` a chief of keras-tuner gives out trials, and each worker is a process
that computes in one thread. `--save` writes the model of the best trial, as it was at
the end of its training, as a preset: `keras_drmm.zoo.from_preset` takes the folder.

With `--images` it uses the first training images alone, at most a quarter of them for
validation, and its rows stay in `runs/`: the last command is a check in seconds.
"""

import csv
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from recipes.common import measure, results
from recipes.common.command import at_least, choose_backend, keep_memory, make_parser

TUNERS = {
    "random": "RandomSearch",
    "bayesian": "BayesianOptimization",
    "hyperband": "Hyperband",
}
# The name of the process that has the search's state. keras-tuner looks for the state
# under the name of the process that asks: with another one it would begin anew.
ID, CHIEF = "KERASTUNER_TUNER_ID", "chief"
# The columns that say which trial of which search a row is.
TRIAL = (
    *("model", "labels", "draw", "images", "tuner", "seed", "epochs"),
    *("settings", "dtype", "backend", "commit"),
)
ADDRESS, PORT = "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"


def main():
    """Search, print the best trials and save the best model."""
    options = parse()
    is_part = ADDRESS in os.environ
    if options.save is not None and options.save.exists():
        raise SystemExit(f"--save {options.save} is there: give another folder.")
    os.environ.setdefault(ID, CHIEF)
    adopt(options.folder)
    if options.workers > 1 and not is_part:
        run_parts([CHIEF, *(f"worker_{n}" for n in range(options.workers))])
    choose_backend(options.backend)
    import keras

    from keras_drmm import data

    keras.config.set_dtype_policy(options.dtype)
    (x, y), _ = data.load("mnist", options.data_dir)
    # After its parts have ended this finds all trials done.
    tuner = search(x[: options.images], y[: options.images], options)
    if is_part:
        return
    show(tuner)
    if options.save is not None:
        save(tuner, options.save)


def adopt(folder):
    """Let a search that keras-tuner's own name for one process began go on."""
    begun = folder / "tuner0.json"
    if begun.exists():
        begun.rename(folder / f"{CHIEF}.json")


def run_parts(names):
    """Run this command in processes of keras-tuner, and wait until all have ended.

    Args:
        names: of the processes.

    Raises:
        SystemExit: one of them failed. The others are stopped then.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address, port = free.getsockname()
    common = {**os.environ, ADDRESS: address, PORT: str(port)}
    # One core each; TensorFlow has threads of its own.
    common |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    parts = {
        name: subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]], env={**common, ID: name}
        )
        for name in names
    }
    try:
        while (codes := [part.poll() for part in parts.values()]) != [0] * len(parts):
            for name, code in zip(names, codes, strict=True):
                if code:
                    raise SystemExit(f"{name} failed; start again to go on.")
            time.sleep(0.2)
    finally:
        for part in parts.values():
            part.terminate()


def save(tuner, folder):
    """Write the model of the best trial as a preset."""
    from keras_drmm import zoo

    (trial,) = tuner.oracle.get_best_trials(1)
    (model,) = tuner.get_best_models(1)
    card = {
        "validation_error": round(trial.score, 2),
        "settings": described(trial.hyperparameters),
    }
    print(f"Saved: {zoo.save_to_preset(folder, model, card)}")


def search(x, y, options, **arguments):
    """Run the trials that have not been run yet.

    Args:
        x: training images.
        y: their labels, of which a trial sees `options.labels`.
        options: of the command line.
        **arguments: keyword arguments of the zoo's function.

    Returns:
        The tuner.
    """
    import keras_tuner

    from keras_drmm import data
    from keras_drmm.tuning import EGHyperModel
    from recipes.tables.baseline_hypermodel import BaselineHyperModel
    from recipes.tables.cells import BASELINES

    dataset = data.semi_supervised(
        x,
        y,
        options.labels,
        validation=min(measure.VALIDATION_IMAGES, len(x) // 4),
        validation_images_unlabelled=True,
        seed=options.draw,
    )
    is_baseline = options.model in BASELINES
    hypermodel = (BaselineHyperModel if is_baseline else EGHyperModel)(
        options.model,
        training_steps=options.epochs * len(dataset),
        seed=options.seed,
        **arguments,
    )
    names = "model", "labels", "draw", "tuner", "seed", "dtype"
    run = {name: getattr(options, name) for name in names}
    run |= {"images": len(x), **results.origin(options.backend)}
    hypermodel.fit = recorded(hypermodel.fit, options.output, run)
    limits = {"max_trials": options.trials}
    if options.tuner == "hyperband":
        limits = {"max_epochs": options.epochs, "hyperband_iterations": None}
    tuner = getattr(keras_tuner, TUNERS[options.tuner])(
        hypermodel,
        objective=keras_tuner.Objective("validation_error", "min"),
        # keras-tuner treats a seed of 0 as none, and takes a random one.
        seed=options.seed + 1,
        directory=options.folder.parent,
        project_name=options.folder.name,
        **limits,
    )
    # Hyperband has no argument for this limit and would never end.
    tuner.oracle.max_trials = options.trials
    tuner.search(dataset, epochs=options.epochs, verbose=2)
    return tuner


def recorded(fit, path, run):
    """Return a hypermodel's `fit` that also appends a row to the CSV file `path`.

    keras-tuner runs a trial again if it was stopped before it kept the score. If its
    row was written by then, it stays the only one.
    """

    def timed(hp, model, dataset, epochs, **options):
        start = time.perf_counter()
        scores = fit(hp, model, dataset, epochs, **options)
        row = {
            **run,
            "epochs": epochs,
            # All digits, so that the trial can be repeated.
            "settings": described(hp, "{!r}"),
            "seconds": round(time.perf_counter() - start, 1),
            "validation_error": round(scores["validation_error"], 2),
        }
        if not is_recorded(path, row):
            results.append_row(path, row)
        return scores

    return timed


def is_recorded(path, row):
    """Return whether the CSV file `path` has a row of the same trial."""
    if not path.exists():
        return False
    with path.open(newline="") as file:
        return any(
            all(before[name] == str(row[name]) for name in TRIAL)
            for before in csv.DictReader(file)
        )


def show(tuner, number=5):
    """Print the best trials, the best first."""
    for trial in tuner.oracle.get_best_trials(number):
        if trial.score is None:
            continue
        settings = described(trial.hyperparameters)
        print(f"{trial.score:6.2f} %  trial {trial.trial_id}: {settings}")


def described(hp, number="{:.4g}"):
    """Return hyperparameters as text: "entropy 0.5, learning_rate 0.002"."""
    return ", ".join(
        f"{name} {number.format(value)}"
        for name, value in hp.values.items()
        # Hyperband's own.
        if not name.startswith("tuner/")
    )


def parse(arguments=None):
    """Read the command line."""
    from recipes.tables.cells import BASELINES

    parser = make_parser(__doc__, "draw", "seed", "dtype", "backend", "data-dir")
    parser.add_argument(
        "--model",
        choices=("drmm_conv_small", "drmm_lenet", "drfm_lenet", "rfm", *BASELINES[1:]),
        default="drmm_lenet",
    )
    parser.add_argument(
        "--labels", type=int, default=100, help="number of labelled images"
    )
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument(
        "--epochs", type=int, default=1, help="of a trial, at most; default: 1"
    )
    parser.add_argument("--tuner", choices=tuple(TUNERS), default="random")
    parser.add_argument(
        "--workers", type=at_least(1), default=1, help="processes that run trials"
    )
    parser.add_argument("--save", type=Path, help="folder of a preset to write")
    parser.add_argument(
        "--images", type=int, help="short mode: number of images to train on"
    )
    options = parser.parse_args(arguments)
    if options.save is not None and options.model in BASELINES:
        parser.error(
            f"--save keeps models of the zoo, not the baseline {options.model}."
        )
    name = (
        "tune_{model}_{labels}_{draw}_{epochs}_{tuner}_{seed}_{dtype}_{backend}"
    ).format(**vars(options))
    name += f"_{options.images}_images" * bool(options.images)
    options.folder = results.RUNS / name
    options.output = results.RESULTS / "tuning.csv"
    if options.images:
        options.output = options.folder / "tuning.csv"
    return options


if __name__ == "__main__":
    keep_memory()
    main()
