"""What a row says of where it comes from."""

import subprocess
import sys

import pytest

from recipes.common import results

pytestmark = pytest.mark.smoke


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one commit, whose `results.py` is asked."""
    for file in ("keras_drmm/a.py", "recipes/results.py", "recipes/results/t.csv"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("old")
    monkeypatch.setattr(results, "__file__", str(tmp_path / "recipes" / "results.py"))
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
    # A project within no repository.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    assert results.commit() == "unknown"
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    head = git(project, "rev-parse", "--short", "HEAD")
    assert results.commit() == head
    (project / "recipes" / "results" / "t.csv").write_text("rows come as they are made")
    (project / "README.md").write_text("is no code")
    assert results.commit() == head
    (project / "keras_drmm" / "new.py").write_text("is code")
    assert results.commit() == f"{head}+"


def test_command_can_be_pasted(project, monkeypatch):
    setting = "semi-supervised, nuisances"
    script = str(project / "recipes" / "table.py")
    monkeypatch.setattr(sys, "argv", [script, "--setting", setting])
    expected = "python -m recipes.table --setting 'semi-supervised, nuisances'"
    assert results.command() == expected


def test_machine_says_how_many_cores_were_used(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    name, _, cores = results.machine().rpartition(", ")
    assert cores == "3 core(s)"
    assert name.strip()
