"""What the command line of `table.py` takes, and what it refuses."""

import pytest

from recipes.tables import cells
from recipes.tables.cells import Cell
from tests.recipes.command_line import options, refusal


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("arguments", "advice"),
    [(["--missing"], "give both"), (["--dtype", "auto"], "give one for a run")],
)
def test_what_is_of_all_cells_says_so(monkeypatch, capsys, arguments, advice):
    assert advice in refusal(monkeypatch, capsys, *arguments)
    assert options(monkeypatch, "--all", *arguments).all


@pytest.mark.smoke
@pytest.mark.parametrize(
    "arguments",
    [
        # As by default, too.
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
def test_what_is_of_one_run_does_not_go_with_all(monkeypatch, capsys, arguments):
    found = refusal(monkeypatch, capsys, "--all", *arguments)
    names = ", ".join(v for v in arguments if v.startswith("--"))
    assert f"leave out {names}, or --all" in found


@pytest.mark.smoke
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
        (["--short", "--images", "199"], "--labels, 100, or at least 100 more"),
        (["--short", "--labels", "60000"], "--labels, 60000, or at least 100 more"),
        (["--table", "5"], "no semi-supervised: give --table 1 or 3 or 4"),
        (["--setting", "labeled-only"], "no labeled-only: give --table 5"),
        (["--setting", "supervised"], "no supervised: give --table 3 or 4"),
        (
            ["--table", "4", "--setting", "unsupervised-pretraining"],
            "no unsupervised-pretraining: give --table 1 or 3",
        ),
        (["--model", "convnet_2"], "give --setting supervised or labeled-only"),
    ],
)
def test_what_cannot_be_run_is_told_before(monkeypatch, capsys, arguments, advice):
    assert advice in refusal(monkeypatch, capsys, *arguments)


@pytest.mark.smoke
def test_all_cells_can_be_run(monkeypatch):
    for cell in cells.all_cells():
        assert Cell.of(vars(options(monkeypatch, *cell.arguments()))) == cell


@pytest.mark.smoke
def test_a_folder_of_data_has_the_data(monkeypatch, capsys, tmp_path):
    """Otherwise other images would be learned, or loaded from the network."""

    def told(*arguments):
        return refusal(monkeypatch, capsys, "--data-dir", str(tmp_path), *arguments)

    assert "no mnist.npz: put it there" in told()
    assert "no mnist.npz: put it there" in told("--all")
    assert "no cifar10.npz: put it there" in told("--table", "4")
    # Prepared by TensorFlow Datasets.
    for name in ("cifar10", "mnist"):
        (tmp_path / name).mkdir()
    given = "--data-dir", str(tmp_path)
    assert options(monkeypatch, *given, "--table", "4").data_dir == str(tmp_path)
    assert "no mnist.npz" in told()
    (tmp_path / "mnist.npz").touch()
    assert options(monkeypatch, *given, "--all").data_dir == str(tmp_path)
    folder = str(tmp_path / "none")
    assert "is no folder" in refusal(monkeypatch, capsys, "--data-dir", folder)


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["swwae", "convnet_1"])
@pytest.mark.parametrize(
    "setting",
    [
        "semi-supervised, second network",
        "semi-supervised, nuisances",
        "unsupervised-pretraining",
    ],
)
def test_what_peers_cannot_do_is_told(monkeypatch, capsys, model, setting):
    told = refusal(monkeypatch, capsys, "--setting", setting, "--model", model)
    assert "must be a model of the zoo" in told
