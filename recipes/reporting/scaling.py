"""Tables of memory and of several devices, and what more devices would gain.

The model of `predicted` is that of a ring: to add up V bytes over n devices, each sends
2 (n - 1) / n V bytes in 2 (n - 1) turns [Patarasuk, Yuan: Bandwidth optimal all-reduce
algorithms for clusters of workstations, 2009]. With a step of s seconds on a device,
M messages a step, a latency of a seconds a turn and a bandwidth of b bytes a second,
the efficiency of weak scaling is

    s / (s + 2 (n - 1) (M a + V / (n b))),

nothing being exchanged while a device computes. Where a tree is quicker than the ring,
at many devices and few bytes, 2 log2(n) takes the place of 2 (n - 1) for the latency,
and 2 log2(n) V / b that of the bytes.
"""

from math import ceil, log2

from recipes.reporting.records import markdown_table

DEVICES = (8, 64, 256, 1024)
# (latency of a turn in seconds, bandwidth in bytes a second): assumed, not measured.
NETWORKS = {
    "10 Gbit/s, 50 µs": (50e-6, 1.25e9),
    "100 Gbit/s, 10 µs": (10e-6, 12.5e9),
    "300 GB/s, 3 µs": (3e-6, 300e9),
}
# How much faster a device is than a core of the machine of the row.
SPEEDS = (1, 100)


def predicted(step, sent, messages, devices, latency, bandwidth):
    """Return the efficiency of weak scaling.

    Args:
        step: seconds of a step of one device alone.
        sent: bytes that a device adds up with the others in a step.
        messages: number of sums in a step.
        devices: their number.
        latency: seconds of a turn.
        bandwidth: bytes a second.
    """
    others = devices - 1
    ring = 2 * others * (messages * latency + sent / (devices * bandwidth))
    turns = 2 * ceil(log2(devices))
    tree = turns * (messages * latency + sent / bandwidth)
    return step / (step + min(ring, tree))


def measured(rows):
    """Return a table of the efficiency of two processes.

    Args:
        rows: rows of `scaling.csv`.
    """
    lines = [
        [
            row["engine"],
            row["rows"],
            row["seconds_alone"],
            row["seconds"],
            row["efficiency"],
            row["eg_bytes"] or "-",
            row["eg_messages"] or "-",
            row["em_bytes"] or "-",
        ]
        for row in _newest(rows, "engine", "rows")
    ]
    titles = [
        "engine",
        "rows each",
        "seconds alone",
        "together",
        "efficiency",
        "bytes of a step",
        "messages",
        "bytes of a sweep",
    ]
    return markdown_table(titles, lines)


def curves(rows):
    """Return {(network, speed): efficiencies of `DEVICES`} of a step by EG.

    The step is the one of the fewest rows, which waits the most.

    Args:
        rows: rows of `scaling.csv`; empty where none of them counted bytes.
    """
    counted = [row for row in rows if row["eg_bytes"]]
    if not counted:
        return {}
    row = min(reversed(counted), key=lambda row: int(row["rows"]))
    step = float(row["seconds_alone"])
    sent, messages = float(row["eg_bytes"]), float(row["eg_messages"])
    return {
        (network, speed): [
            predicted(step / speed, sent, messages, devices, *wire)
            for devices in DEVICES
        ]
        for speed in SPEEDS
        for network, wire in NETWORKS.items()
    }


def more_devices(rows):
    """Return a table of `curves`.

    Args:
        rows: rows of `scaling.csv`.
    """
    lines = [
        [f"{speed} times a core", network, *(f"{value:.2f}" for value in values)]
        for (network, speed), values in curves(rows).items()
    ]
    titles = ["device", "network", *(f"{devices:,}" for devices in DEVICES)]
    return markdown_table(titles, lines)


def engines(rows):
    """Return a table of the largest difference of each engine from one device.

    Args:
        rows: rows of `distributed.csv`.
    """
    found, names = {}, []
    for row in rows:
        name = row["engine"]
        name += f", {row['replicas']} devices" if int(row["replicas"]) > 2 else ""
        names.append(name)
        found[row["method"], name] = row["difference"]
    names = list(dict.fromkeys(names))
    methods = list(dict.fromkeys(method for method, _ in found))
    lines = [
        [method, *(found.get((method, name), "-") for name in names)]
        for method in methods
    ]
    return markdown_table(["learned by", *names], lines)


def memory(rows):
    """Return a table of peak memory, of some images and of ten times as many.

    Args:
        rows: rows of `peak_memory.csv`.
    """
    lines = [
        [
            row["way"],
            row["backend"],
            f"{int(row['images']):,}",
            row["peak_mib"],
            row["peak_mib_many"],
            row["ratio"],
        ]
        for row in _newest(rows, "way", "backend")
    ]
    titles = ["images from", "backend", "images", "MiB", "MiB of ten times", "ratio"]
    return markdown_table(titles, lines)


def _newest(rows, *names):
    """Return the last row of each combination of values, in the order of the first."""
    return list({tuple(map(row.get, names)): row for row in rows}.values())
