"""Publish the weights of a finished run as a preset, or refresh the model cards.

    python -m recipes.publish_preset --run runs/... --name drmm_conv_small_mnist_100
    python -m recipes.publish_preset --refresh

The first command reads the row and the weights of a run of `python -m recipes.table`
and writes `zoo/<name>/` with its card. Mean and standard deviation on the card are
those of the same cell's rows in `recipes/results/tables.csv`. Choose a run by its
validation error, never by its test error: the card says whether it has the least. The
second command updates the cards of all presets from the rows; weights and check sums
stay as they are. Both take seconds.
"""

import json
import os
import re
import sys
from numbers import Real
from pathlib import Path
from statistics import mean, stdev

from recipes.common.command import make_parser
from recipes.common.results import PROJECT, read_marker, read_rows

LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes and Burges)",
    "cifar10": "see Krizhevsky (2009), Learning Multiple Layers of Features",
}
# The entries of a run that its card and its row share. No two runs have all in common.
OF_RUN = (
    *("labels", "draw", "seed", "seconds", "machine", "backend", "commit", "command"),
    *("validation_error", "test_error"),
)
# All entries of a card, in the order in which they are written.
FIELDS = (
    *("data", "data_licence", "setting", "objective"),
    *OF_RUN,
    *("mean_test_error", "std_test_error", "draws", "chosen"),
)
# What `recipes.generation` adds to the card of a preset that has a prior of switches.
GENERATION = "generation"
# Entries that are compared or formatted as numbers; CSV files give text.
NUMBERS = (
    *("seconds", "validation_error", "test_error"),
    *("mean_test_error", "std_test_error", "draws"),
)


def main(arguments=None):
    """Publish a run or refresh the cards, as the command line says."""
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
    """Write the preset of a run.

    Args:
        run: `Path` of the run's folder.
        folder: `Path` of the preset's folder.

    Returns:
        The `Path` of the preset.

    Raises:
        FileExistsError: the preset's folder exists and is not a preset.
        FileNotFoundError: the run is not finished.
        ValueError: the run has no row, its model is not one of the zoo, or what says
            that it is finished is damaged.
    """
    from keras_drmm import zoo
    from keras_drmm.zoo.zoo_model import FUNCTIONS
    from recipes.tables import training
    from recipes.tables.cells import Cell

    try:
        row = _read_finished(run / "finished.json")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{run} has no finished.json: the run is not finished. Start its command "
            "again; it continues after its last whole epoch."
        ) from None
    cell = Cell.of(row)
    if cell.model not in FUNCTIONS:
        raise ValueError(
            f"{run} trained {cell.model}, which is not a function of the zoo. A preset "
            f"must be of one of {', '.join(FUNCTIONS)}."
        )
    of_cell = entries(recorded(cell.model, row))
    model = training.make_model(cell, row["steps"], tuple(row["image_shape"]))
    model.load_weights(run / "model.weights.h5")
    card = {
        "data": cell.data,
        "data_licence": LICENCES[cell.data],
        **{name: row[name] for name in OF_RUN},
        **of_cell,
    }
    if row["validation_error"] == "":
        card["validation_error"] = None
    # A better run replaces the preset; git keeps the earlier one.
    zoo.save_to_preset(folder, model, checked(card), overwrite=True)
    write_readme(folder)
    return folder


def _read_finished(path):
    """Return the row of a finished run, with what its model is made of."""
    try:
        row = json.loads(read_marker(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}. Run the command again.") from (
            error
        )
    needed = ("table", "setting", "model", "steps", "image_shape", *OF_RUN)
    missing = [name for name in needed if name not in row]
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}: it is of another version or damaged. "
            "Run the command again."
        )
    return row


def refresh():
    """Update the cards of all shipped presets from the rows.

    Raises:
        ValueError: the run of a preset has no row. Then no card is written.
    """
    from keras_drmm import zoo
    from keras_drmm.zoo.preset import Preset
    from keras_drmm.zoo.preset_writer import OWN, rewrite_card

    cards = {}
    for preset in map(Preset, zoo.presets()):
        card = {k: v for k, v in preset.metadata.items() if k not in OWN}
        card |= entries(recorded(preset.function, card))
        cards[preset.folder] = checked(card)
    for folder, card in cards.items():
        rewrite_card(folder, card)
        write_readme(folder)
        error = card["mean_test_error"]
        print(f"{folder.name}: mean {error:.2f} %, {card['chosen']}")


def recorded(model, run):
    """Return the row of a run in `tables.csv`.

    Args:
        model: name of the zoo's function.
        run: dictionary with the entries `OF_RUN`, as cards and finished runs have them.

    Raises:
        ValueError: the run has no row.
    """
    wanted = {"model": model}
    for name in OF_RUN:
        wanted[name] = "" if run[name] is None else str(run[name])
    for row in read_rows("tables"):
        if wanted.items() <= row.items():
            return row
    raise ValueError(
        f"The run of `{run['command']}` (commit {run['commit']}) has no row in "
        "recipes/results/tables.csv, so there is no mean over draws. Short runs are "
        "not recorded: run it without --short."
    )


def entries(row):
    """Return the entries of a card that describe the cell of a recorded run.

    Args:
        row: the run's row of `tables.csv`.
    """
    from recipes.reporting.records import cell_of, grouped, settings_of

    def experiment(row):
        return cell_of(row), settings_of(row)

    draws = dict(grouped(read_rows("tables"), experiment))[experiment(row)]
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
    """Return in words how a run was chosen from the runs of its cell."""
    if len(draws) == 1:
        return "the only run"
    if not row["validation_error"]:
        return f"one of {len(draws)} draws, which have no validation error"
    least = min(float(v["validation_error"]) for v in draws)
    if float(row["validation_error"]) > least:
        return f"not the run of least validation error among {len(draws)} draws"
    return f"the run of least validation error among {len(draws)} draws"


def checked(card):
    """Return a card with its entries in the order of `FIELDS`.

    Raises:
        ValueError: an entry is missing, too many or of the wrong type.
    """
    if set(card) - {GENERATION} != set(FIELDS):
        raise ValueError(
            f"A card has the entries {', '.join(FIELDS)}; these differ: "
            f"{', '.join(sorted(set(card) - {GENERATION} ^ set(FIELDS)))}."
        )
    absent = {"std_test_error"} if card["draws"] == 1 else set()
    if card["validation_error"] is None:
        absent.add("validation_error")
    for name in NUMBERS:
        if name not in absent and not isinstance(card[name], Real):
            raise ValueError(f"{name!r} must be a number, got {card[name]!r}.")
    return {field: card[field] for field in (*FIELDS, GENERATION) if field in card}


def write_readme(folder):
    """Write the README of a preset, its model card."""
    from keras_drmm.zoo.preset import Preset
    from keras_drmm.zoo.preset_writer import README

    text = readme(Preset(folder))
    (folder / README).write_text(text, encoding="utf-8", newline="\n")


def readme(preset):
    """Return the model card of a `Preset` as Markdown text."""
    card = preset.metadata
    height, width, channels = preset.arguments["input_shape"]
    text = (PROJECT / "recipes" / "model_card.md").read_text("utf-8")
    described = {
        "function": preset.function,
        "spread": spread(card),
        "validation": validation(card),
        "samples": samples(card),
        "command": command(card),
        "image": f"{height}x{width}x{channels}",
        "num_classes": preset.arguments["num_classes"],
    }
    return text.format(**{**card, **described})


def samples(card):
    """Return how good samples are, a line of the table, or nothing without a prior."""
    found = card.get(GENERATION)
    if found is None:
        return ""
    return (
        "| samples | {share:.1f} % are taken for the class asked for, Fréchet distance "
        "{frechet:.3f}, {trained_on:.2f} % error after training on them (`{command}`) "
        "|\n"
    ).format(**found)


def command(card):
    """Return the command that trained a model as it is called today."""
    return re.sub(r"\brecipes/(\w+)\.py\b", r"-m recipes.\1", card["command"])


def validation(card):
    """Return the validation error, or why there is none."""
    error = card["validation_error"]
    return "none: all labels were learned" if error is None else f"{error:.2f} %"


def spread(card):
    """Return the mean ± the standard deviation over draws, and their number."""
    average, draws = card["mean_test_error"], card["draws"]
    if draws == 1:
        return f"{average:.2f} %, 1 draw"
    return f"{average:.2f} ± {card['std_test_error']:.2f} %, {draws} draws"


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, help="folder of a run")
    what.add_argument("--refresh", action="store_true", help="the cards of all presets")
    parser.add_argument("--name", help="name of the preset to make of --run")
    options = parser.parse_args(arguments)
    if (options.name is None) != options.refresh:
        parser.error("--run needs a --name, and --refresh takes none.")
    if options.refresh:
        return options

    from keras_drmm.zoo.preset import is_name

    # Another name could lead out of the folder of presets, or replace it.
    if not is_name(options.name):
        parser.error(f"--name may have letters, digits, _ and -, got {options.name!r}.")
    return options


if __name__ == "__main__":
    main()
