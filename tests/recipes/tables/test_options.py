"""What the command line of `python -m recipes.table` takes, and what it refuses."""

import pytest

from recipes import table
from recipes.tables import cells
from recipes.tables.cells import Cell
from recipes.tables.options import check_data
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

    def check(*arguments, folder=tmp_path):
        check_data(options("--data-dir", str(folder), *arguments))

    def told(*arguments, **keywords):
        with pytest.raises(SystemExit) as refused:
            check(*arguments, **keywords)
        return str(refused.value)

    assert "no mnist.npz: put it there" in told()
    assert "no cifar10.npz: put it there" in told("--all")
    assert "no cifar10.npz: put it there" in told("--table", "4")
    # As TensorFlow Datasets prepares them.
    for name in ("cifar10", "mnist"):
        (tmp_path / name).mkdir()
    check("--table", "4")
    assert "no mnist.npz" in told()
    (tmp_path / "mnist.npz").touch()
    check("--all")
    assert "is not a folder" in told(folder=tmp_path / "none")


def test_a_command_can_be_read_where_its_data_are_not():
    """Rows record commands of machines that have other folders."""
    arguments = "--data-dir", "no such folder", "--table", "4"
    assert options(*arguments).data_dir == "no such folder"


def test_a_run_checks_its_data_first(monkeypatch):
    monkeypatch.setattr("sys.argv", ["table", "--data-dir", "no such folder"])
    with pytest.raises(SystemExit, match="--data-dir no such folder is not a folder"):
        table.main()


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
