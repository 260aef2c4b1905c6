"""The tables of how fast models learn."""

import statistics

import pytest

from recipes.reporting import speed_tables
from tests.recipes.reporting.rows import cells_of

pytestmark = pytest.mark.smoke
CELL = {"table": "1", "setting": "semi-supervised", "model": "swwae", "labels": "100"}
RUN = {"draw": "0", "seed": "0"}


def test_speed_is_that_of_the_first_epoch_below_a_threshold():
    rows = [
        CELL
        | {"table": table, "epochs": epochs, "draw": draw, "seed": "0", "epoch": epoch}
        | {"seconds": seconds, "validation_error": error}
        for table, epochs, draw, epoch, seconds, error in (
            # Run again below.
            ("1", "1", "0", "1", "5", "1.0"),
            ("1", "1", "0", "1", "1010", "1.9"),
            ("1", "1", "0", "2", "1020", "1.4"),
            # A run of other epochs is none of the others, nor is one of CIFAR-10.
            ("1", "10", "0", "1", "1008", "1.2"),
            ("4", "1", "2", "1", "7", "1.0"),
            ("1", "1", "1", "1", "12", "2.1"),
            ("1", "1", "1", "2", "1024", "1.6"),
        )
    ]
    today = ["semi-supervised", "swwae", "100", "1", "2", "1.5", "1017", "-", "-"]
    longer = ["semi-supervised", "swwae", "100", "10", "1", "1", "1008", "1", "1008"]
    assert cells_of(speed_tables.all_first_below(rows)) == [today, longer]
    # Today's epochs of SWWAE are 1.
    assert cells_of(speed_tables.first_below(rows)) == [today]


def test_models_that_reach_no_threshold_are_left_out():
    rows = [
        CELL
        | RUN
        | {"model": model, "epochs": epochs, "epoch": "1", "seconds": "1"}
        | {"validation_error": error}
        for model, epochs, error in (("swwae", "1", "2.0"), ("ladder", "3", "1.99"))
    ]
    (line,) = cells_of(speed_tables.first_below(rows))
    assert line[1] == "ladder"
    assert len(cells_of(speed_tables.all_first_below(rows))) == 2
    # A retired setting has no epochs of today.
    retired = [row | {"setting": "semi-supervised, pose"} for row in rows]
    assert cells_of(speed_tables.first_below(retired)) == []


def test_shortest_runs_are_those_of_figure_2_at_their_ends():
    rows = [
        {"table": "3", "setting": "supervised", "model": model, "labels": labels}
        | {"draw": "0", "seed": seed, "epochs": epochs, "epoch": epoch}
        | {"seconds": f"{epoch}0", "validation_error": error}
        for model, labels, seed, epochs, epoch, error in (
            ("convnet", "55000", "0", "2", "1", "9"),
            ("convnet", "55000", "0", "2", "2", "1.5"),
            ("convnet", "55000", "0", "1", "1", "3"),
            ("convnet", "55000", "1", "1", "1", "4"),
            ("convnet", "60000", "0", "1", "1", "8"),
        )
    ]
    assert cells_of(speed_tables.shortest(rows)) == [
        ["convnet", "1", f"3.50 ± {statistics.stdev([3, 4]):.2f}", "2", "10"],
        ["convnet", "2", "1.50", "1", "20"],
    ]


def test_steps_have_the_last_ratio_of_each_backend():
    rows = [
        {"measure": measure, "backend": backend, "unit": unit, "ratio": ratio}
        for measure, backend, unit, ratio in (
            ("EG step", "jax", "ms", "9.0"),
            ("EG step", "torch", "ms", "1.7"),
            ("peak memory", "jax", "MiB", "1.2"),
            ("peak memory", "torch", "MiB", "1.2"),
            # In one backend alone.
            ("EG step, bfloat16", "jax", "ms", "1.2"),
            ("EG step", "jax", "ms", "1.8"),
        )
    ]
    assert speed_tables.steps(rows).splitlines()[0] == "| ours / stock | jax | torch |"
    assert cells_of(speed_tables.steps(rows)) == [["EG step", "1.8", "1.7"]]
