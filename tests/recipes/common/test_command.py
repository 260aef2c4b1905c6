"""A command restarts itself once with the allocator's settings."""

import os
import sys

import pytest

from recipes.common import command

pytestmark = pytest.mark.smoke


@pytest.fixture
def started(monkeypatch):
    """The arguments of each call of `os.execve`."""
    found = []
    monkeypatch.setattr(os, "execve", lambda *arguments: found.append(arguments))
    monkeypatch.setattr(command.platform, "libc_ver", lambda: ("glibc", "2.36"))
    words = ["python", "-m", "recipes.table", "--labels", "100"]
    monkeypatch.setattr(sys, "orig_argv", words)
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    return found


def test_the_same_command_is_started_once(started, monkeypatch):
    monkeypatch.setenv("KEPT", "yes")
    command.keep_memory()
    ((program, arguments, environment),) = started
    assert program == sys.executable
    assert arguments == [program, "-m", "recipes.table", "--labels", "100"]
    assert environment.items() >= {"KEPT": "yes", **command.MEMORY_SETTINGS}.items()
    # The restarted program has the settings and goes on.
    for name, value in command.MEMORY_SETTINGS.items():
        monkeypatch.setenv(name, value)
    command.keep_memory()
    assert len(started) == 1


def test_other_libraries_do_not_know_the_settings(started, monkeypatch):
    monkeypatch.setattr(command.platform, "libc_ver", lambda: ("", ""))
    command.keep_memory()
    assert started == []
