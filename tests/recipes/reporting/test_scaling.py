"""What more devices would gain, against a ring that passes its parts on."""

import pytest

from recipes.reporting import scaling
from recipes.reporting.figures import cells_of

pytestmark = pytest.mark.smoke

ROW = {
    "engine": "ddp",
    "rows": "50",
    "seconds": "1.25",
    "seconds_alone": "1.0",
    "efficiency": "0.8",
    "eg_bytes": "1000000",
    "eg_messages": "50",
    "em_bytes": "7",
}


def ring(devices, parts):
    """Add up lists of numbers around a ring; return (turns, numbers that one sends).

    Each device has a list of as many numbers as there are devices.
    """
    held = [list(own) for own in parts]
    turns = sent = 0
    for phase in ("add", "copy"):
        for turn in range(devices - 1):
            moves = []
            for device in range(devices):
                part = (device - turn + (phase == "copy")) % devices
                moves.append(((device + 1) % devices, part, held[device][part]))
            for device, part, value in moves:
                kept = held[device][part] if phase == "add" else 0
                held[device][part] = kept + value
            turns, sent = turns + 1, sent + 1
    total = [sum(column) for column in zip(*parts, strict=True)]
    assert held == [total] * devices
    return turns, sent


@pytest.mark.parametrize("devices", [2, 3, 8])
def test_the_ring_s_turns_and_bytes_are_counted(devices):
    parts = [[10 * device + n for n in range(devices)] for device in range(devices)]
    turns, sent = ring(devices, parts)
    # So slow a network that the ring sends less than a tree.
    found = scaling.predicted(1.0, 8e6, 1, devices, 1e-6, 1e6)
    expected = 1 / (1 + turns * 1e-6 + sent / devices * 8e6 / 1e6)
    assert found == pytest.approx(expected)


def test_many_devices_take_a_tree_for_few_bytes():
    # 1,024 devices: ten doublings up and ten down, two messages of four bytes.
    found = scaling.predicted(1.0, 8, 2, 1024, 1e-3, 1e9)
    assert found == pytest.approx(1 / (1 + 20 * (2 * 1e-3 + 8 / 1e9)))


def test_the_model_is_of_the_last_and_smallest_batch_that_was_counted():
    rows = [ROW, ROW | {"eg_bytes": "9"}, ROW | {"engine": "multiworker"}]
    rows += [ROW | {"rows": "200"}]
    rows[2] |= {"eg_bytes": "", "eg_messages": "", "em_bytes": ""}
    (network, wire), *_ = scaling.NETWORKS.items()
    values = scaling.curves(rows)[network, 1]
    assert values == [
        scaling.predicted(1.0, 9, 50, devices, *wire) for devices in scaling.DEVICES
    ]
    assert scaling.curves(rows[2:3]) == {}
    assert cells_of(scaling.more_devices(rows))[1][0] == [
        "1 times a core",
        network,
        *(f"{value:.2f}" for value in values),
    ]
    # The second row of an engine is its newest.
    assert cells_of(scaling.measured(rows))[1] == [
        ["ddp", "50", "1.0", "1.25", "0.8", "9", "50", "7"],
        ["multiworker", "50", "1.0", "1.25", "0.8", "-", "-", "-"],
        ["ddp", "200", "1.0", "1.25", "0.8", "1000000", "50", "7"],
    ]


def test_engines_are_columns():
    rows = [
        {"engine": engine, "replicas": replicas, "method": method, "difference": value}
        for engine, replicas, method, value in (
            ("jax", "2", "EG", "9.9e-1"),
            ("jax", "2", "EG", "1.0e-7"),
            ("jax", "8", "EG", "2.0e-7"),
            ("ddp", "2", "RMM", "refused"),
        )
    ]
    assert cells_of(scaling.engines(rows)) == (
        ["learned by", "jax", "jax, 8 devices", "ddp"],
        [["EG", "1.0e-7", "2.0e-7", "-"], ["RMM", "-", "-", "refused"]],
    )


def test_memory_has_the_newest_ratio():
    row = {"way": "a file", "backend": "jax", "images": "60000"}
    row |= {"peak_mib": "500", "peak_mib_many": "510", "ratio": "1.02"}
    assert cells_of(scaling.memory([row | {"ratio": "9"}, row]))[1] == [
        ["a file", "jax", "60,000", "500", "510", "1.02"]
    ]
