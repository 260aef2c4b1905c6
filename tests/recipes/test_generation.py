"""The recipe of generation: what its options may not be together."""

import pytest

from recipes import generation

pytestmark = pytest.mark.once


@pytest.mark.parametrize("other", [["--peer", "mlp_cvae"], ["--short"]])
def test_only_a_whole_run_of_ours_is_kept(other, capsys):
    with pytest.raises(SystemExit):
        generation.parse(["--save", *other])
    assert "leave --peer and --short out" in capsys.readouterr().err


def test_short_is_short():
    options = generation.parse(["--short"])
    assert (options.images, options.rows, options.epochs) == (100, 100, 1)
