"""Publishes the weights of a finished run as a preset, or refreshes the cards.

    python -m recipes.publish_preset --run runs/... --name drmm_conv_small_mnist_100
    python -m recipes.publish_preset --refresh

The first reads the run's row and weights and writes `zoo/<name>/` with its card, whose
mean and deviation are those of the same cell's rows in `recipes/results/tables.csv`.
Choose a run by its validation error, never by its test error: the card tells whether
it is the least. The second writes what the rows say today to the cards of all presets;
weights and check sums stay.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import mean, stdev

PROJECT = Path(__file__).resolve().parents[1]

LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes and Burges)",
    "cifar10": "see Krizhevsky (2009), Learning Multiple Layers of Features",
}
# What both a card and a row have of a run. Two runs differ in one of these.
OF_RUN = (
    *("labels", "draw", "seed", "seconds", "machine", "backend", "commit", "command"),
    *("validation_error", "test_error"),
)


def main(arguments=None):
    """Publish the run that the command line names, or refresh."""
    # Keras reads the backend when it is imported.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    options = parse(arguments)
    try:
        if options.refresh:
            refresh()
        else:
            print(publish(options.run, PROJECT / "zoo" / options.name))
    except (OSError, ValueError) as problem:
        sys.exit(str(problem))


def publish(run, folder):
    """Write the preset of a run's folder.

    Returns:
        The `Path` of the preset.

    Raises:
        FileExistsError: the preset's folder is there and is no preset.
        FileNotFoundError: the run is not finished.
        ValueError: the run has no row, or is of a model that is not of the zoo.
    """
    from keras_drmm import zoo
    from keras_drmm.zoo.functions import FUNCTIONS
    from recipes.tables import training
    from recipes.tables.cells import Cell

    try:
        row = json.loads((run / "finished.json").read_text())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{run} has no finished.json: the run is not finished. Start its command "
            "again; it goes on after its last whole epoch."
        ) from None
    cell = Cell.of(row)
    if cell.model not in FUNCTIONS:
        raise ValueError(
            f"{run} is of {cell.model}, which is no function of the zoo. A preset is "
            f"of one of {', '.join(FUNCTIONS)}."
        )
    of_cell = entries(recorded(cell.model, row))
    model = training.make_model(cell, row["steps"], tuple(row["image_shape"]))
    model.load_weights(run / "model.weights.h5")
    metadata = {
        "data": cell.data,
        "data_licence": LICENCES[cell.data],
        **{name: row[name] for name in OF_RUN},
        **of_cell,
    }
    if row["validation_error"] == "":
        metadata["validation_error"] = None
    # A better run takes its place: the repository has the earlier one.
    return zoo.save_preset(folder, model, metadata, overwrite=True)


def refresh():
    """Write what the rows say today to the cards of all shipped presets.

    Raises:
        ValueError: a preset's run has no row; then no card is written.
    """
    from keras_drmm import zoo
    from keras_drmm.zoo.preset import Preset
    from keras_drmm.zoo.preset_writer import rewrite_card

    changes = {}
    for preset in map(Preset, zoo.presets()):
        row = recorded(preset.function, preset.metadata)
        changes[preset.folder] = entries(row)
    for folder, of_cell in changes.items():
        rewrite_card(folder, of_cell)
        error = of_cell["mean_test_error"]
        print(f"{folder.name}: mean {error:.2f} %, {of_cell['chosen']}")


def recorded(model, run):
    """Return the row of a run in `tables.csv`.

    Args:
        model: name of the zoo's function.
        run: dictionary with the entries `OF_RUN`, as a card or a finished run has them.

    Raises:
        ValueError: it has none.
    """
    from recipes.reporting import page as report

    wanted = {"model": model}
    for name in OF_RUN:
        wanted[name] = "" if run[name] is None else str(run[name])
    for row in report.rows("tables"):
        if wanted.items() <= row.items():
            return row
    raise ValueError(
        f"The run of `{run['command']}` (commit {run['commit']}) has no row in "
        "recipes/results/tables.csv, so there is no mean over draws. Short runs are "
        "not recorded: run it without --short."
    )


def entries(row):
    """Return what a card says of a recorded run's cell.

    Args:
        row: of `tables.csv`.
    """
    from recipes.reporting import grouping
    from recipes.reporting import page as report

    ((key, _),) = grouping.grouped([row], report.CELL)
    draws = dict(grouping.grouped(report.rows("tables"), report.CELL))[key]
    errors = [float(v["test_error"]) for v in draws]
    return {
        "setting": row["setting"],
        "objective": row["objective"],
        "mean_test_error": round(mean(errors), 2),
        "std_test_error": round(stdev(errors), 2) if len(errors) > 1 else None,
        "draws": len(errors),
        "chosen": choice(row, draws),
    }


def choice(row, draws):
    """Say which of a cell's runs one is."""
    if len(draws) == 1:
        return "the only run"
    if not row["validation_error"]:
        return f"one of {len(draws)} draws, which have no validation error"
    least = min(float(v["validation_error"]) for v in draws)
    if float(row["validation_error"]) > least:
        return f"not the run of least validation error among {len(draws)} draws"
    return f"the run of least validation error among {len(draws)} draws"


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, help="folder of a run")
    what.add_argument("--refresh", action="store_true", help="the cards of all presets")
    parser.add_argument("--name", help="of the preset that --run becomes")
    options = parser.parse_args(arguments)
    if (options.name is None) != options.refresh:
        parser.error("--run needs a --name, and --refresh takes none.")
    if options.refresh:
        return options

    from keras_drmm.zoo.preset import is_name

    # Another would lead out of the folder of presets, or be that folder.
    if not is_name(options.name):
        parser.error(f"--name has letters, digits, _ and -, got {options.name!r}.")
    return options


if __name__ == "__main__":
    main()
