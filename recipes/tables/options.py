"""The command line of `python -m recipes.table`: its options and their checks."""

from pathlib import Path

from recipes.common.command import PRECISIONS, at_least, make_parser
from recipes.tables import cells
from recipes.tables.cells import Cell, all_cells
from recipes.tables.training import MODELS

# The defaults of a single run. With --all every cell has values of its own.
DEFAULTS = {
    "table": 1,
    "setting": cells.SEMI_SUPERVISED,
    "model": "drmm_conv_small",
    "labels": 100,
    "draw": 0,
    "epochs": None,
    "output": None,
    "short": False,
    "images": 10_000,
}
# The rows of a batch of `training.make_dataset`. Fewer unlabelled images fill none.
BATCH = 100


def parse(docstring, arguments=None):
    """Read the command line.

    Args:
        docstring: the command's.
        arguments: the words of the command line; None for those of this process.

    Returns:
        The options. Those of a single run have their defaults where none is given.

    Raises:
        SystemExit: an option is out of range, would be ignored, or contradicts
            another.
    """
    parser = make_parser(docstring, "draw", "seed", "backend", "data-dir")
    # None tells an option that is not given from one that is given its default.
    parser.set_defaults(draw=None)
    models = (*MODELS, *cells.BASELINES, *cells.CONVNETS)
    parser.add_argument("--table", type=int, choices=(1, 3, 4, 5))
    parser.add_argument("--setting", choices=cells.SETTINGS)
    parser.add_argument("--model", choices=models)
    parser.add_argument("--labels", type=at_least(1), help="number of labelled images")
    parser.add_argument("--epochs", type=at_least(1), help="default: the cell's")
    parser.add_argument("--output", type=Path, help="default: a folder in runs/")
    parser.add_argument(
        "--short",
        action="store_true",
        default=None,
        help="one epoch of few images, as a check; not recorded",
    )
    parser.add_argument("--images", type=at_least(1), help="number for a short run")
    parser.add_argument(
        "--dtype",
        choices=("auto", *PRECISIONS),
        default="float32",
        help="dtype policy of training; auto: the fastest for each cell of --all",
    )
    parser.add_argument("--all", action="store_true", help="run every cell")
    parser.add_argument(
        "--missing", action="store_true", help="with --all: only cells without a row"
    )
    options = parser.parse_args(arguments)
    given = [name for name in DEFAULTS if getattr(options, name) is not None]
    for name, value in DEFAULTS.items():
        if name not in given:
            setattr(options, name, value)
    check_choice(options, given, parser.error)
    check_cell(options, parser.error)
    if options.short:
        options.epochs = options.epochs or 1
    return options


def check_choice(options, given, error):
    """Call `error` if an option lacks another that it needs, or excludes it."""
    if options.all and given:
        names = ", ".join(f"--{name}" for name in given)
        error(f"--all runs each cell as it is: leave out {names}, or --all.")
    if options.missing and not options.all:
        error("--missing chooses from the cells of --all: give both.")
    if options.dtype == "auto" and not options.all:
        error("--dtype auto decides for each cell of --all: give one for a run.")
    if "images" in given and not options.short:
        error("--images is the number for a short run: give --short, too.")


def check_cell(options, error):
    """Call `error` if the table, the model or the images do not fit the setting."""
    setting, model = options.setting, options.model
    tables = dict.fromkeys(cells.FROM_FEW_LABELS, (1, 3, 4))
    tables |= {cells.PRETRAINING: (1, 3), cells.SUPERVISED: (3, 4)}
    tables |= {cells.LABELED_ONLY: (5,), cells.SUPERVISED_SHIFTED: (4,)}
    tables |= {cells.SEMI_SUPERVISED_SHIFTED: (4,), cells.SEMI_SUPERVISED_MOVED: (1,)}
    if options.table not in tables[setting]:
        fitting = " or ".join(map(str, tables[setting]))
        error(f"Table {options.table} has no {setting}: give --table {fitting}.")
    if model in (*cells.BASELINES, *cells.CONVNETS) and setting not in (
        cells.SEMI_SUPERVISED,
        cells.SUPERVISED,
        cells.SUPERVISED_SHIFTED,
        cells.LABELED_ONLY,
    ):
        error(f"The model for {setting!r} must be one of the zoo, not {model}.")
    if model.startswith("convnet") and setting == cells.SEMI_SUPERVISED:
        error(
            f"{model} learns from labelled images alone: give --setting "
            f"{cells.SUPERVISED} or {cells.LABELED_ONLY}."
        )
    hidden = options.images - options.labels
    if options.short and hidden != 0 and hidden < BATCH:
        error(
            f"--images of a short run must equal --labels, {options.labels}, or be at "
            f"least {BATCH} more, got {options.images}."
        )


def check_data(options):
    """Check that `--data-dir` has the data sets that the run needs.

    Otherwise `load` would use another copy, or download one.

    Raises:
        SystemExit: a data set is missing.
    """
    if options.data_dir is None:
        return
    folder = Path(options.data_dir)
    if not folder.is_dir():
        raise SystemExit(f"--data-dir {folder} is not a folder.")
    run = all_cells() if options.all else [Cell.of(vars(options))]
    for name in sorted({cell.data for cell in run}):
        # `load` also reads data sets of TensorFlow Datasets, except for MNIST.
        is_prepared = name != "mnist" and (folder / name).is_dir()
        if not is_prepared and not (folder / f"{name}.npz").is_file():
            raise SystemExit(
                f"--data-dir {folder} has no {name}.npz: put it there, or leave out "
                "--data-dir."
            )
