"""The cells of `python -m recipes.table --all`: those of the paper, and ours."""

from collections import Counter

import pytest

from recipes.tables import cells
from recipes.tables.cells import Cell

pytestmark = pytest.mark.smoke
FOUND = cells.all_cells()


def test_no_cell_is_run_twice():
    assert len(FOUND) == len(set(FOUND))
    # The headline comes first.
    assert FOUND[:5] == [
        Cell(1, "semi-supervised", "drmm_conv_small", 100, draw) for draw in range(5)
    ]


@pytest.mark.parametrize(
    ("table", "setting", "models", "labels", "draws"),
    [
        (1, "semi-supervised", "rfm drmm_lenet", (100, 600, 1000, 3000), 3),
        (1, "semi-supervised", "drmm_conv_small", (600, 1000, 3000), 3),
        (
            1,
            "semi-supervised",
            "swwae ladder pseudo_label fixmatch mean_teacher",
            (100, 1000),
            3,
        ),
        (1, "semi-supervised, second network", "drmm_conv_small", (100,), 5),
        (1, "semi-supervised, nuisances", "drmm_conv_small", (100,), 5),
        (
            1,
            "unsupervised-pretraining",
            "rfm drmm_conv_small",
            (100, 600, 1000, 3000),
            1,
        ),
        (3, "semi-supervised", "rfm drmm_conv_small", (60_000,), 1),
        (4, "semi-supervised", "drmm_lenet", (4000, 50_000), 1),
        (4, "semi-supervised, shift and mirror", "drmm_lenet", (4000, 50_000), 1),
        (4, "supervised", "convnet_2", (4000, 50_000), 1),
        (4, "supervised, shift and mirror", "convnet_2", (4000, 50_000), 1),
        (3, "unsupervised-pretraining", "rfm drmm_conv_small", (60_000,), 1),
        (3, "supervised", "convnet_1 convnet rfm drmm_conv_small", (60_000,), 1),
        (3, "supervised", "convnet_2 drfm_lenet", (55_000,), 1),
        (5, "labeled-only", "convnet_1 convnet_2 convnet", (100, 600, 1000, 3000), 3),
        (
            5,
            "labeled-only",
            "rfm drmm_lenet drmm_conv_small",
            (100, 600, 1000, 3000),
            1,
        ),
    ],
)
def test_each_has_its_draws(table, setting, models, labels, draws):
    counts = Counter((v.table, v.setting, v.model, v.labels) for v in FOUND)
    for model in models.split():
        for count in labels:
            assert counts[table, setting, model, count] == draws


def test_rows_and_commands_name_a_cell():
    cell = Cell(5, "labeled-only", "rfm", 600, 2)
    row = {"table": "5", "setting": "labeled-only", "model": "rfm"}
    assert Cell.of(row | {"labels": "600", "draw": "2"}) == cell
    words = "--table 5 --setting labeled-only --model rfm --labels 600 --draw 2"
    assert cell.arguments() == words.split()
