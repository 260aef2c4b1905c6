"""Rows that the tests of the report make themselves."""

import json

from recipes.common import results

COLUMNS = tuple(results.read_rows("tables")[0])
OBJECTIVE = {"cross_entropy": 1.0, "augmentation": None}


def row(model, error, draw="0", weight=1.0, dtype="float32", **changes):
    """Return a row of `tables.csv`: Table 1, 100 labels, 5 epochs.

    Args:
        model: its model.
        error: its test error.
        draw: its draw.
        weight: of cross-entropy, by which settings differ.
        dtype: its precision.
        **changes: other columns.
    """
    cell = {"table": "1", "setting": "semi-supervised", "labels": "100", "epochs": "5"}
    own = {"model": model, "test_error": error, "draw": draw, "seed": "0"}
    found = dict.fromkeys(COLUMNS, "")
    found |= cell | own | {"seconds": "10"} | changes
    settings = {
        "objective": OBJECTIVE | {"cross_entropy": weight},
        "optimizer": {"name": "Adam", "learning_rate": 0.002},
        "epochs": int(found["epochs"]),
        "dtype": dtype,
    }
    if found["setting"] == "unsupervised-pretraining":
        settings["pretraining"] = {"images": 10000, "sweeps": 5}
    return found | {"settings": json.dumps(settings, sort_keys=True)}


def cells_of(table):
    """Return the lines of a Markdown table below its titles, as lists of cells."""
    _, _, *lines = table.splitlines()
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
