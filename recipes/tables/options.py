"""The command line of `table.py`: what it takes, and what it refuses."""

import argparse
from pathlib import Path

from recipes.common.precision import PRECISIONS
from recipes.tables.cells import (
    CONVNETS,
    FROM_FEW_LABELS,
    LABELED_ONLY,
    PEERS,
    PRETRAINING,
    SEMI_SUPERVISED,
    SETTINGS,
    SUPERVISED,
    Cell,
    all_cells,
)
from recipes.tables.training import MODELS

# What one run is told, where it is not; with --all a cell has its own.
DEFAULTS = {
    "table": 1,
    "setting": SEMI_SUPERVISED,
    "model": "drmm_conv_small",
    "labels": 100,
    "draw": 0,
    "epochs": None,
    "output": None,
    "short": False,
    "images": 10_000,
}
# Rows of a batch of `training.make_dataset`: fewer unlabelled images fill none.
BATCH = 100


def parse(description):
    """Read the command line.

    Returns:
        The options, those of one run with their defaults.

    Raises:
        SystemExit: an option is out of range, would be ignored, or does not fit
            another.
    """
    parser = argparse.ArgumentParser(description=description)
    models = (*MODELS, *PEERS, *CONVNETS)
    parser.add_argument("--table", type=int, choices=(1, 3, 4, 5))
    parser.add_argument("--setting", choices=SETTINGS)
    parser.add_argument("--model", choices=models)
    parser.add_argument("--labels", type=at_least(1), help="how many labels")
    parser.add_argument("--draw", type=at_least(0), help="which labels are drawn")
    parser.add_argument("--epochs", type=at_least(1), help="default: the cell's")
    parser.add_argument("--output", type=Path, help="default: runs/ and the settings")
    parser.add_argument(
        "--short", action="store_true", default=None, help="not recorded"
    )
    parser.add_argument("--images", type=at_least(1), help="of a short run")
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="of the initial weights"
    )
    parser.add_argument("--dtype", choices=("auto", *PRECISIONS), default="float32")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    parser.add_argument("--all", action="store_true", help="run every cell")
    parser.add_argument("--missing", action="store_true", help="that has no row")
    options = parser.parse_args()
    given = [name for name in DEFAULTS if getattr(options, name) is not None]
    for name, value in DEFAULTS.items():
        if name not in given:
            setattr(options, name, value)
    check_choice(options, given, parser.error)
    check_cell(options, parser.error)
    if options.data_dir is not None:
        check_data(options, parser.error)
    if options.short:
        options.epochs = options.epochs or 1
    return options


def at_least(least):
    """Return what reads an integer of at least `least` for `argparse`."""

    def read(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"must be an integer of at least {least}, got {text!r}."
            )
        return int(text)

    return read


def check_choice(options, given, error):
    """Tell `error` of options that only go with or without `--all`, or `--short`."""
    if options.all and given:
        names = ", ".join(f"--{name}" for name in given)
        error(f"--all runs each cell as it is: leave out {names}, or --all.")
    if options.missing and not options.all:
        error("--missing says which cells of --all: give both.")
    if options.dtype == "auto" and not options.all:
        error("--dtype auto decides for each cell of --all: give one for a run.")
    if "images" in given and not options.short:
        error("--images says how many a short run has: give --short, too.")


def check_cell(options, error):
    """Tell `error` of a table, a model or images that do not fit the setting."""
    setting, model = options.setting, options.model
    tables = dict.fromkeys(FROM_FEW_LABELS, (1, 3, 4))
    tables |= {PRETRAINING: (1, 3), SUPERVISED: (3, 4), LABELED_ONLY: (5,)}
    if options.table not in tables[setting]:
        fitting = " or ".join(map(str, tables[setting]))
        error(f"Table {options.table} has no {setting}: give --table {fitting}.")
    if model in (*PEERS, *CONVNETS) and setting not in (
        SEMI_SUPERVISED,
        SUPERVISED,
        LABELED_ONLY,
    ):
        error(f"What learns as {setting!r} must be a model of the zoo, not {model}.")
    if model.startswith("convnet") and setting == SEMI_SUPERVISED:
        error(
            f"{model} learns labelled images alone: give --setting {SUPERVISED} or "
            f"{LABELED_ONLY}."
        )
    hidden = options.images - options.labels
    if options.short and hidden != 0 and hidden < BATCH:
        error(
            f"--images of a short run must be as many as --labels, {options.labels}, "
            f"or at least {BATCH} more, got {options.images}."
        )


def check_data(options, error):
    """Tell `error` of a `--data-dir` without what is asked for.

    `load` would take another copy, or download one.
    """
    folder = Path(options.data_dir)
    if not folder.is_dir():
        error(f"--data-dir {folder} is no folder.")
    cells = all_cells() if options.all else [Cell.of(vars(options))]
    for name in sorted({cell.data for cell in cells}):
        # `load` also reads what TensorFlow Datasets prepared there, but for MNIST.
        is_prepared = name != "mnist" and (folder / name).is_dir()
        if not is_prepared and not (folder / f"{name}.npz").is_file():
            error(
                f"--data-dir {folder} has no {name}.npz: put it there, or leave out "
                "--data-dir."
            )
