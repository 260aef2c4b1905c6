"""How much memory reading a file takes."""

import contextlib
import tracemalloc
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Beyond the file itself: a parser's, a model's of the tests, and an error's.
MOST = 6 * 2**20
# Of all that a process takes, backends included, which allocate by the page.
MOST_RESIDENT = 64 * 2**20


@contextlib.contextmanager
def bounded(size, makes_models=False):
    """Within this, reading a file of `size` bytes takes a few times as much at most.

    NumPy's arrays count as they are asked for; where models are made, those of a
    backend count as they are filled.
    """
    is_seen = makes_models and CLEAR.exists()
    if is_seen:
        # From now on the highest is that of what follows.
        CLEAR.write_text("5")
    before = _highest() if is_seen else 0
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    resident = _highest() - before if is_seen else 0
    assert peak <= MOST + 4 * size, f"{peak:,} bytes for a file of {size:,}"
    assert resident <= MOST_RESIDENT + 4 * size, f"{resident:,} bytes resident"


def _highest():
    """Return the most bytes of memory that this process has had."""
    lines = STATUS.read_text().splitlines()
    (line,) = [v for v in lines if v.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
