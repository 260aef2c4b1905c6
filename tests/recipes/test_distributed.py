"""Two replicas learn what one device does, on the engine of each backend."""

import sys

import pytest

from recipes import distributed as recipe

ENGINES = {"tensorflow": "mirrored", "torch": "ddp"}


@pytest.mark.every_backend
def test_two_replicas_learn_what_one_device_does(backend, monkeypatch, capsys):
    """The zoo's settings: normalisation, noise, few rows rendered and augmented."""
    if backend not in ENGINES:
        pytest.skip("a step of JAX is one program; EM's is in tests/em/test_devices.py")
    words = ["--engine", ENGINES[backend], "--methods", "EG", "--short"]
    monkeypatch.setattr(sys, "argv", ["distributed.py", *words])
    recipe.main()
    (line,) = [v for v in capsys.readouterr().out.splitlines() if v.startswith("EG")]
    assert 0 < float(line.split()[1]) <= recipe.TOLERANCE
