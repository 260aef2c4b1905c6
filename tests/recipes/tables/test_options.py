"""What the command line of `python -m recipes.table` takes, and what it refuses."""

import pytest

from recipes.tables import cells
from recipes.tables.cells import Cell
from tests.recipes.tables.command_line import options

pytestmark = pytest.mark.smoke


def refusal(capsys, *arguments):
    """Return the message for a command line that is refused."""
    with pytest.raises(SystemExit):
        options(*arguments)
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [(["--missing"], "give both"), (["--dtype", "auto"], "give one for a run")],
)
def test_options_of_all_cells_need_all(capsys, arguments, advice):
    assert advice in refusal(capsys, *arguments)
    assert options("--all", *arguments).all


@pytest.mark.parametrize(
    "arguments",
    [
        # Also if the value is the default.
        ["--table", "1"],
        ["--setting", "semi-supervised"],
        ["--model", "drmm_conv_small"],
        ["--labels", "100"],
        ["--draw", "0"],
        ["--epochs", "1"],
        ["--output", "run"],
        ["--short"],
        ["--short", "--images", "10000"],
    ],
)
def test_options_of_one_run_exclude_all(capsys, arguments):
    found = refusal(capsys, "--all", *arguments)
    names = ", ".join(v for v in arguments if v.startswith("--"))
    assert f"leave out {names}, or --all" in found


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--labels", "0"], "--labels: must be an integer of at least 1, got '0'"),
        (["--labels", "-10"], "--labels: must be an integer of at least 1"),
        (["--epochs", "0"], "--epochs: must be an integer of at least 1"),
        (["--epochs", "-1"], "--epochs: must be an integer of at least 1"),
        (["--draw", "-1"], "--draw: must be an integer of at least 0"),
        (["--seed", "-1"], "--seed: must be an integer of at least 0"),
        (["--images", "900"], "give --short, too"),
        (["--short", "--images", "0"], "--images: must be an integer of at least 1"),
        (["--short", "--images", "199"], "--labels, 100, or be at least 100 more"),
        (["--short", "--labels", "60000"], "--labels, 60000, or be at least 100 more"),
        (["--table", "5"], "no semi-supervised: give --table 1 or 3 or 4"),
        (["--setting", "labeled-only"], "no labeled-only: give --table 5"),
        (["--setting", "supervised"], "no supervised: give --table 3 or 4"),
        (["--setting", "supervised, shift and mirror"], "mirror: give --table 4"),
        (
            ["--table", "4", "--setting", "unsupervised-pretraining"],
            "no unsupervised-pretraining: give --table 1 or 3",
        ),
        (["--model", "convnet_2"], "give --setting supervised or labeled-only"),
    ],
)
def test_what_cannot_run_is_refused_at_once(capsys, arguments, advice):
    assert advice in refusal(capsys, *arguments)


def test_every_cell_can_be_run():
    for cell in cells.all_cells():
        assert Cell.of(vars(options(*cell.arguments()))) == cell


def test_the_folder_of_data_must_have_the_data(capsys, tmp_path):
    """Otherwise `load` would use other images, or download some."""

    def told(*arguments):
        return refusal(capsys, "--data-dir", str(tmp_path), *arguments)

    assert "no mnist.npz: put it there" in told()
    assert "no cifar10.npz: put it there" in told("--all")
    assert "no cifar10.npz: put it there" in told("--table", "4")
    # As TensorFlow Datasets prepares them.
    for name in ("cifar10", "mnist"):
        (tmp_path / name).mkdir()
    given = "--data-dir", str(tmp_path)
    assert options(*given, "--table", "4").data_dir == str(tmp_path)
    assert "no mnist.npz" in told()
    (tmp_path / "mnist.npz").touch()
    assert options(*given, "--all").data_dir == str(tmp_path)
    folder = str(tmp_path / "none")
    assert "is not a folder" in refusal(capsys, "--data-dir", folder)


@pytest.mark.parametrize("model", ["swwae", "convnet_1"])
@pytest.mark.parametrize(
    "setting",
    [
        "semi-supervised, second network",
        "semi-supervised, nuisances",
        "unsupervised-pretraining",
    ],
)
def test_what_baselines_cannot_do_is_refused(capsys, model, setting):
    told = refusal(capsys, "--setting", setting, "--model", model)
    assert "must be one of the zoo" in told
