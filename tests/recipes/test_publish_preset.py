"""What becomes a preset, what does not, and that cards agree with the rows."""

import json
import shutil
from statistics import mean, stdev

import pytest

from keras_drmm import zoo
from keras_drmm.zoo import preset as preset_module
from keras_drmm.zoo.preset import Preset
from recipes import publish_preset as recipe
from recipes.common import results
from tests.zoo.test_presets import METADATA

pytestmark = pytest.mark.smoke
# The row of METADATA's run, with the epochs of its cell.
ROW = {
    **{name: METADATA[name] for name in recipe.OF_RUN},
    **{"table": 1, "model": "rfm", "setting": "semi-supervised", "epochs": 8},
    "objective": "cross_entropy 1",
    "settings": "{}",
}


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Return a function that appends ROW, with changes, to a table of the test."""
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    path = tmp_path / "tables.csv"

    def append(**changes):
        results.append_row(path, ROW | changes)

    return append


@pytest.fixture
def run(tmp_path):
    """Return a function that makes the folder of a finished run, without weights."""

    def make(**changes):
        folder = tmp_path / "run"
        folder.mkdir()
        made = {"steps": 1, "image_shape": [16, 16, 1]}
        (folder / "finished.json").write_text(json.dumps({**ROW, **changes, **made}))
        return folder

    return make


@pytest.mark.parametrize("name", ["", ".", "..", "../docs", "a/b", ".hidden", "a b"])
def test_only_a_plain_name_is_a_preset_s(name, tmp_path, monkeypatch, capsys):
    """Neither `zoo/` itself nor what is outside it is replaced."""
    monkeypatch.setattr(recipe, "publish", None)
    with pytest.raises(SystemExit) as ended:
        recipe.main(["--run", str(tmp_path), "--name", name])
    assert ended.value.code == 2
    assert f"may have letters, digits, _ and -, got {name!r}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    ["", "--run a", "--name a", "--refresh --name a", "--refresh --run a --name a"],
)
def test_a_run_has_a_name_and_a_refresh_none(arguments, monkeypatch):
    monkeypatch.setattr(recipe, "publish", None)
    monkeypatch.setattr(recipe, "refresh", None)
    with pytest.raises(SystemExit) as ended:
        recipe.main(arguments.split())
    assert ended.value.code == 2


def test_an_unfinished_run_is_to_be_started_again(tmp_path):
    with pytest.raises(SystemExit, match=r"not finished\. Start its command again"):
        recipe.main(["--run", str(tmp_path), "--name", "new"])


def test_a_run_without_a_row_is_not_published(record, run, tmp_path):
    """Not even if its cell has the rows of other runs."""
    record(draw=2)
    record(test_error=9.0)
    with pytest.raises(ValueError, match=r"no row.*Short runs are not recorded"):
        recipe.publish(run(), tmp_path / "new")


@pytest.mark.parametrize("model", ["convnet", "convnet_1", "swwae", "ladder"])
def test_a_baseline_is_refused_before_its_weights_are_read(
    model, record, run, tmp_path
):
    record(model=model)
    with pytest.raises(ValueError, match=f"{model}, which is not a function of the"):
        recipe.publish(run(model=model), tmp_path / "new")


def test_entries_are_of_the_cell_s_last_runs(record):
    """Without other settings or models, and without a run's repetitions."""
    record()
    record(draw=0, test_error=9.0)
    record(draw=1, test_error=2.0, validation_error=2.6)
    record(draw=0, test_error=3.0, validation_error=2.7)
    for other in ({"settings": '{"epochs": 5}'}, {"model": "drmm_lenet"}):
        record(draw=5, test_error=50.0, validation_error=0.1, **other)
    row = recipe.recorded("rfm", METADATA)
    assert row["draw"] == "3"
    errors = [1.21, 3.0, 2.0]
    assert recipe.entries(row) == {
        "setting": "semi-supervised",
        "objective": "cross_entropy 1",
        "mean_test_error": round(mean(errors), 2),
        "std_test_error": round(stdev(errors), 2),
        "draws": 3,
        "chosen": "the run of least validation error among 3 draws",
    }


@pytest.mark.parametrize(
    ("ours", "others", "words"),
    [
        ("2.5", [], "the only run"),
        ("", ["", ""], "one of 3 draws, which have no validation error"),
        ("2.5", ["2.5", "10.0"], "the run of least validation error among 3 draws"),
        ("2.5", ["2.4"], "not the run of least validation error among 2 draws"),
    ],
)
def test_the_card_says_which_run_was_chosen(ours, others, words):
    draws = [{"validation_error": v} for v in (ours, *others)]
    assert recipe.choice(draws[0], draws) == words


def test_the_readme_has_the_figures(tmp_path):
    card = METADATA | {"command": "python recipes/table.py --draw 3"}
    folder = zoo.save_to_preset(tmp_path / "tiny", zoo.rfm((16, 16, 1), 3), card)
    preset = Preset(folder)
    text = recipe.readme(preset)
    for figure in ("| 1.21 % |", "1.31 ± 0.09 %, 7 draws", "| 2.50 % |", "| 1234 s |"):
        assert figure in text
    for field in ("commit", "machine", "backend", "data_licence"):
        assert METADATA[field] in text
    for field in ("setting", "objective", "chosen"):
        assert f"| {field} | {METADATA[field]} |" in text
    # As commands are called today; the metadata have the one that ran.
    assert "| command | `python -m recipes.table --draw 3` |" in text
    assert preset.metadata["command"] == card["command"]
    assert 'from_preset("tiny")' in text
    assert "python -m recipes.evaluate --preset tiny" in text
    assert "16x16x1 floats" in text
    assert "It knows 3 classes" in text
    preset.metadata |= {"draws": 1, "std_test_error": None, "validation_error": None}
    text = recipe.readme(preset)
    assert "1.31 %, 1 draw |" in text
    assert "| none: all labels were learned |" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 5}, "these differ: epochs"),
        ({"test_error": "1.21"}, "'test_error' must be a number"),
        ({"std_test_error": None}, "'std_test_error' must be a number"),
        ({"mean_test_error": None}, "'mean_test_error' must be a number"),
    ],
)
def test_a_card_has_all_its_entries(changes, message):
    recipe.checked(METADATA)
    recipe.checked(METADATA | {"draws": 1, "std_test_error": None})
    recipe.checked(METADATA | {"validation_error": None})
    with pytest.raises(ValueError, match=message):
        recipe.checked(METADATA | changes)
    with pytest.raises(ValueError, match="these differ: chosen"):
        recipe.checked({k: v for k, v in METADATA.items() if k != "chosen"})


def test_refresh_writes_what_the_rows_say(record, tmp_path, monkeypatch, capsys):
    shipped = tmp_path / "zoo"
    monkeypatch.setattr(preset_module, "SHIPPED", shipped)
    # The entries of a card may come in any order.
    stale = dict(reversed(METADATA.items()))
    stale |= {"objective": "", "validation_error": None}
    folder = zoo.save_to_preset(shipped / "tiny", zoo.rfm((16, 16, 1), 3), stale)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    # CSV has no None.
    record(validation_error="", draw=0, test_error=1.0)
    record(validation_error="")
    unknown = zoo.save_to_preset(shipped / "unknown", zoo.rfm((16, 16, 1), 3), METADATA)
    with pytest.raises(SystemExit, match="no row"):
        recipe.main(["--refresh"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    shutil.rmtree(unknown)
    recipe.main(["--refresh"])
    assert "tiny: mean 1.10 %, one of 2 draws" in capsys.readouterr().out
    preset = Preset("tiny")
    changed = recipe.entries(recipe.recorded("rfm", stale))
    assert changed["draws"] == 2
    assert preset.metadata == json.loads(before["metadata.json"]) | changed
    # In the order that a published one has.
    assert [*preset.metadata] == ["name", *recipe.FIELDS, "keras", "sha256"]
    for file in ("config.json", "model.weights.h5"):
        assert (folder / file).read_bytes() == before[file]
    assert "1.10 ± 0.15 %, 2 draws" in (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", zoo.presets())
def test_shipped_cards_say_what_the_rows_say(name):
    """`python -m recipes.publish_preset --refresh` makes it so."""
    preset = Preset(name)
    expected = recipe.entries(recipe.recorded(preset.function, preset.metadata))
    assert {field: preset.metadata[field] for field in expected} == expected
    text = (preset.folder / "README.md").read_text(encoding="utf-8")
    assert text == recipe.readme(preset)
