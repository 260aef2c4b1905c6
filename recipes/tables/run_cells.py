"""Runs many cells, one process on each core."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from recipes.common import results
from recipes.tables.cells import DEEP, Cell, all_cells
from recipes.tables.training import default_epochs


def run_all(options):
    """Run all cells that the options ask for, and report how each one ended.

    Raises:
        SystemExit: a run failed.
    """
    done = recorded(options.seed, options.backend) if options.missing else set()
    cores: SimpleQueue = SimpleQueue()
    for core in os.sched_getaffinity(0):
        cores.put(core)
    with ThreadPoolExecutor(cores.qsize()) as pool:
        cells = [cell for cell in all_cells() if cell not in done]
        logs = pool.map(lambda cell: _run(cell, cores, options), cells)
    failed = [name for name in logs if name]
    if failed:
        raise SystemExit(f"{len(failed)} runs failed: {failed}")


def recorded(seed, backend):
    """Return the cells that have a row with this seed, backend and a known objective.

    Rows with another number of epochs than the cell has today do not count.
    """
    return {
        Cell.of(row)
        for row in results.read_rows("tables")
        if row["objective"]
        and (int(row["epochs"]), int(row["seed"]), row["backend"])
        == (default_epochs(Cell.of(row)), seed, backend)
    }


def fastest(dtype, model):
    """Return the dtype policy of a run; "auto" depends on model and processor.

    With conv-small, bfloat16 is faster on an Intel processor with AMX and on an AMD
    with AVX-512 BF16, and slower on an Intel with AVX-512 BF16 alone. Models of fewer
    levels spend longer on casts than they save in their convolutions.
    """
    if dtype != "auto":
        return dtype
    is_faster = results.has_bfloat16_unit() and model in DEEP
    return "mixed_bfloat16" if is_faster else "float32"


def _run(cell, cores, options):
    """Run a cell on a free core, and return the name of its log if the run failed."""
    command = [sys.executable, "-m", "recipes.table", *cell.arguments()]
    # Not "auto", so that the row's command repeats the run on any machine.
    command += ["--dtype", fastest(options.dtype, cell.model)]
    for name in ("seed", "backend"):
        command += [f"--{name}", str(getattr(options, name))]
    if options.data_dir is not None:
        command += ["--data-dir", options.data_dir]
    log = results.RUNS / f"{'_'.join(cell.arguments()[1::2])}.log"
    log.parent.mkdir(exist_ok=True)
    core = cores.get()
    try:
        with log.open("w") as file:
            status = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                cwd=results.PROJECT,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            ).returncode
    finally:
        cores.put(core)
    print(f"{'failed' if status else 'done'}: {log.name}", flush=True)
    return log.name if status else None
