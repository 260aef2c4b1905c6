"""Where a row comes from."""

import csv
import subprocess
import sys

import pytest

from recipes.common import results

pytestmark = pytest.mark.smoke


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with code and results, which `results` takes for its own."""
    for file in ("keras_drmm/a.py", "recipes/table.py", "recipes/results/t.csv"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("old")
    monkeypatch.setattr(results, "PROJECT", tmp_path)
    return tmp_path


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    return subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_commit_has_a_plus_where_code_was_changed(project, monkeypatch):
    # The project is in no repository.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    assert results.commit() == "unknown"
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    head = git(project, "rev-parse", "--short", "HEAD")
    assert results.commit() == head
    (project / "recipes" / "results" / "t.csv").write_text("a row was added")
    (project / "README.md").write_text("is not code")
    assert results.commit() == head
    (project / "keras_drmm" / "new.py").write_text("is code")
    assert results.commit() == f"{head}+"


def test_command_can_be_pasted(project, monkeypatch):
    setting = "semi-supervised, nuisances"
    script = str(project / "recipes" / "table.py")
    monkeypatch.setattr(sys, "argv", [script, "--setting", setting])
    expected = "python -m recipes.table --setting 'semi-supervised, nuisances'"
    assert results.command() == expected


def test_origin_is_that_of_the_moment_it_is_asked(project, monkeypatch):
    script = str(project / "recipes" / "table.py")
    monkeypatch.setattr(sys, "argv", [script, "--short"])
    monkeypatch.setattr(results, "commit", iter(["first", "second"]).__next__)
    origin = results.origin("jax")
    assert origin == {
        "machine": results.machine(),
        "backend": "jax",
        "commit": "first",
        "command": "python -m recipes.table --short",
    }


def test_machine_has_the_number_of_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    name, _, cores = results.machine().rpartition(", ")
    assert cores == "3 core(s)"
    assert name.strip()


def test_rows_of_other_columns_are_refused(tmp_path):
    """Neither a row nor a file of another version is mixed in."""
    path = tmp_path / "new" / "rows.csv"
    results.append_row(path, {"b": 2, "a": "1, one"})
    before = path.read_text()
    for row in ({"a": 1}, {"a": 1, "b": 2, "c": 3}):
        (name,) = set(row) ^ {"a", "b"}
        with pytest.raises(ValueError, match=rf"differ: \['{name}'\]. The row: \{{"):
            results.append_row(path, row)
    assert path.read_text() == before
    # The order is that of the file.
    results.append_row(path, {"a": 3, "b": 4})
    with path.open() as file:
        assert list(csv.reader(file)) == [["b", "a"], ["2", "1, one"], ["4", "3"]]


def test_a_row_is_kept_where_it_should_be(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    assert results.read_rows("some") == []
    for number, is_kept in ((1, False), (2, True)):
        results.record("some", {"number": number}, is_kept)
        assert f"{{'number': {number}}}" in capsys.readouterr().out
    assert results.read_rows("some") == [{"number": "2"}]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx512f amx_bf16", True),
        ("avx512f avx512_bf16", False),
        ("AuthenticAMD avx512_bf16", True),
        ("AuthenticAMD avx512f", False),
    ],
)
def test_unit_is_that_of_the_processor(tmp_path, flags, expected):
    info = tmp_path / "cpuinfo"
    info.write_text(f"model name: some\nvendor and flags: {flags}\n")
    assert results.has_bfloat16_unit(info) == expected
    assert not results.has_bfloat16_unit(tmp_path / "none")
