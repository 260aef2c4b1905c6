"""The commands: each states its own use, and each recorded one can still be found."""

import csv
import importlib
import re
import shlex

import pytest

from recipes.common import results

pytestmark = pytest.mark.smoke
NAMES = sorted(
    path.stem
    for path in (results.PROJECT / "recipes").glob("*.py")
    if path.stem != "__init__"
)
RETIRED = results.PROJECT / "docs" / "guides" / "retired_commands.md"


def module(name):
    return importlib.import_module(f"recipes.{name}")


def recorded_commands():
    """Return the commands of all rows, without repetitions."""
    found = {}
    for path in sorted(results.RESULTS.glob("*.csv")):
        with path.open(newline="") as file:
            found |= {
                row["command"]: None for row in csv.DictReader(file) if "command" in row
            }
    return list(found)


def retired_patterns():
    """Return a pattern for each command in the table of retired commands."""
    lines = RETIRED.read_text("utf-8").splitlines()
    commands = [line.split("`")[1] for line in lines if line.startswith("| `python ")]
    assert len(commands) >= 5
    patterns = []
    for command in commands:
        pattern = re.escape(command).replace(re.escape(" ..."), "( .*)?")
        # Capitals stand for any value. A variant of the zoo's objective is not retired.
        pattern = pattern.replace("'VARIANT,", "'[^']*,")
        pattern = pattern.replace("VARIANT", r"(?!'zoo,)('[^']*'|[^' ]+)")
        patterns.append(re.sub("MODEL|DRAW", r"\\w+", pattern))
    return patterns


def runs_today(command):
    """Return whether a command, in its form of today, has options that are accepted."""
    words = shlex.split(command)
    path_form = re.fullmatch(r"recipes/(\w+)\.py", words[1])
    if path_form:
        name, arguments = path_form[1], words[2:]
    else:
        assert words[:2] == ["python", "-m"], command
        name, arguments = words[2].removeprefix("recipes."), words[3:]
    if name not in NAMES:
        return False
    try:
        options = module(name).parse(arguments)
    except SystemExit:
        return False
    if name == "ablation":
        from recipes.ablation import VARIANTS

        return options.variant in VARIANTS
    return True


def test_every_recorded_command_runs_today_or_is_in_the_table_of_retired_ones():
    patterns, used = retired_patterns(), set()
    for command in recorded_commands():
        matching = [v for v in patterns if re.fullmatch(v, command)]
        used |= set(matching)
        # Not both: a command that runs is not retired.
        assert runs_today(command) != bool(matching), command
    assert used == set(patterns)


@pytest.mark.parametrize(
    "command",
    [
        "python -m recipes.table --labels none",
        "python -m recipes.nothing",
        "python recipes/mnist_semi_supervised.py --labels 100",
        "python recipes/ablation.py --variant 'zoo, nothing'",
    ],
)
def test_a_command_that_no_longer_runs_is_found_out(command):
    assert not runs_today(command)
    assert not any(re.fullmatch(v, command) for v in retired_patterns())


@pytest.mark.parametrize("name", NAMES)
def test_a_command_states_its_use(name):
    command = module(name)
    assert callable(command.main)
    assert re.search(rf"^ *python -m recipes\.{name}\b", command.__doc__, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "report"])
def test_the_examples_of_a_docstring_are_accepted(name, tmp_path, monkeypatch):
    """They name runs and presets that need not exist, but options that do."""
    monkeypatch.chdir(tmp_path)
    command = module(name)
    examples = re.findall(
        r"^    (python -m recipes\..*)$", command.__doc__, re.MULTILINE
    )
    assert examples
    for example in examples:
        command.parse(shlex.split(example)[3:])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "report"])
def test_help_describes_a_command(name, capsys):
    with pytest.raises(SystemExit) as ended:
        module(name).parse(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert " ".join(module(name).__doc__.split("\n")[0].split()) in text
