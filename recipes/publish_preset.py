"""Publishes the weights of a finished run as a preset.

    python recipes/publish_preset.py --run runs/... --name drmm_conv_small_mnist_100

Reads the run's row and weights, writes `zoo/<name>/` with its card, and takes mean and
deviation from the rows of the same cell in `recipes/results/tables.csv`. Choose a run
by its validation error, never by its test error.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import mean, stdev

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes and Burges)",
    "cifar10": "see Krizhevsky (2009), Learning Multiple Layers of Features",
}


def main():
    """Publish the run that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of a run")
    parser.add_argument("--name", required=True, help="of the preset")
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    print(publish(options.run, PROJECT / "zoo" / options.name))


def publish(run, folder):
    """Write the preset of a run's folder.

    Returns:
        The `Path` of the preset.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    from keras_drmm import zoo
    from recipes import report, training
    from recipes.cells import Cell

    row = json.loads((run / "finished.json").read_text())
    cell = Cell.of(row)
    model = training.make_model(cell, row["steps"], tuple(row["image_shape"]))
    model.load_weights(run / "model.weights.h5")
    name = f"{cell.model}, {cell.setting}"
    key = name, *(str(row[column]) for column in report.CELL)
    draws = dict(report.grouped(report.rows("tables"), report.CELL))[key]
    errors = [float(v["test_error"]) for v in draws]
    names = ("labels", "draw", "seed", "seconds", "machine", "backend", "commit")
    metadata = {
        "data": cell.data,
        "data_licence": LICENCES[cell.data],
        **{name: row[name] for name in names},
        "command": row["command"],
        "validation_error": (
            None if row["validation_error"] == "" else row["validation_error"]
        ),
        "test_error": row["test_error"],
        "mean_test_error": round(mean(errors), 2),
        "std_test_error": round(stdev(errors), 2) if len(errors) > 1 else None,
        "draws": len(errors),
    }
    # A better run takes its place: the repository has the earlier one.
    return zoo.save_preset(folder, model, metadata, overwrite=True)


if __name__ == "__main__":
    main()
