"""Measure what several processes gain, and what more of them would.

    python -m recipes.scaling --engine ddp
    python -m recipes.scaling --engine multiworker --runs 1

Weak scaling: each process has a core and its own `--rows` rows of each batch of the
5-level DRMM of the zoo. Measured, taking turns:

- a step by EG of two processes that share a batch (`recipes.distributed` has the
  engines), against two that know nothing of each other, at the same time. Efficiency is
  the seconds of the latter, divided by those of the former;
- with `ddp` also what a process gives the others in a step by EG, and in a sweep of
  soft EM (bytes and messages), counted as torch.distributed is asked for it.

Rows go to `recipes/results/scaling.csv`; `--short` records nothing. From them
`python -m recipes.report` computes efficiency for 8 to 1,024 devices (see
`recipes/reporting/scaling.py`). Two cores are needed, with nothing else on them.
"""

import itertools
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from recipes import distributed
from recipes.common import results
from recipes.common.command import at_least, choose_backend, make_parser

PROCESSES = 2
ENGINES = {
    name: backend
    for name, (backend, are_processes) in distributed.ENGINES.items()
    if are_processes
}
ALONE = "none"
FOUND = "found.json"


def main():
    """Measure, print and record."""
    options = parse()
    if options.folder is not None:
        be_process(options)
        return
    origin = results.origin(ENGINES[options.engine])
    found = {options.engine: [], ALONE: []}
    for _ in range(options.runs):
        for engine in found:
            found[engine].append(measure(engine, options))
    together, alone = (
        statistics.median(run["seconds"] for run in runs) for runs in found.values()
    )
    row = {
        "engine": options.engine,
        "processes": PROCESSES,
        "rows": options.rows,
        "steps": options.runs * options.steps,
        "seconds": round(together, 4),
        "seconds_alone": round(alone, 4),
        "efficiency": round(alone / together, 3),
    }
    sent = found[options.engine][0]["sent"]
    row |= {
        name: sent.get(name, "")
        for name in ("eg_bytes", "eg_messages", "em_bytes", "em_messages")
    }
    results.record("scaling", row | origin, not options.short)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--engine", choices=[*ENGINES, ALONE], required=True, help="shares the batches"
    )
    parser.add_argument(
        "--rows", type=at_least(1), default=50, help="of a process; default: 50"
    )
    parser.add_argument(
        "--steps", type=at_least(1), default=12, help="of a run; default: 12"
    )
    parser.add_argument("--runs", type=at_least(1), default=3, help="default: 3")
    parser.add_argument("--short", action="store_true", help="record nothing")
    parser.add_argument("--backend", help="of a process")
    parser.add_argument("--folder", type=Path, help="be a process that writes there")
    parser.add_argument("--rank", type=int, default=0, help="of the process")
    parser.add_argument("--port", type=int, help="where the processes meet")
    options = parser.parse_args(arguments)
    options.replicas = PROCESSES
    if options.folder is None and options.engine == ALONE:
        parser.error("--engine none is measured beside another one")
    return options


def measure(engine, options):
    """Return the seconds of a step, the slower process's, and what was sent."""
    words = ["--engine", engine, "--backend", ENGINES[options.engine]]
    words += ["--rows", str(options.rows), "--steps", str(options.steps)]
    with tempfile.TemporaryDirectory() as folder:
        distributed.run_processes(__spec__.name, words, PROCESSES, Path(folder))
        found = [
            json.loads((Path(folder) / str(rank) / FOUND).read_text())
            for rank in range(PROCESSES)
        ]
    return max(found, key=lambda one: one["seconds"])


def be_process(options):
    """Join the engine, learn, and write what a step took."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[options.rank % len(cores)]})
    os.environ |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    choose_backend(options.backend)
    with distributed.start(options):
        import keras

        keras.utils.set_random_seed(0)
        seconds = learn_by_eg(options, options.steps)
        sent = {}
        if options.engine == "ddp":
            sent = {
                f"{name}_{what}": count
                for name, learn in (("eg", learn_by_eg), ("em", sweep_by_em))
                for what, count in sent_by(learn, options).items()
            }
    found = {"seconds": seconds, "sent": sent}
    (options.folder / FOUND).write_text(json.dumps(found))


def learn_by_eg(options, steps):
    """Return the median seconds of a step of `fit`, without the first."""
    import keras

    from keras_drmm import zoo

    model = zoo.drmm_conv_small()
    model.compile(keras.optimizers.Adam(2e-3), algorithm=model.algorithm)
    x, y, size = images(options, 1 + steps)
    ends = []

    def end(batch, logs):
        float(logs["loss"])
        ends.append(time.perf_counter())

    told = keras.callbacks.LambdaCallback(on_train_batch_end=end)
    model.fit(x, y, batch_size=size, shuffle=False, verbose=0, callbacks=[told])
    taken = (after - before for before, after in itertools.pairwise(ends))
    return statistics.median(taken)


def sweep_by_em(options, sweeps):
    """Learn one batch by sweeps of soft EM."""
    from keras_drmm import DRMM, Level, SoftEM

    levels = [
        Level(32, 5, padding="full", pool_size=2),
        Level(64, 3, padding="valid"),
        Level(64, 3, padding="full", pool_size=2),
        Level(128, 3, padding="valid"),
        Level(10, 1),
    ]
    model = DRMM(levels, (28, 28, 1), 10)
    model.compile(algorithm=SoftEM())
    x, y, size = images(options, 1)
    model.fit(x, y, batch_size=size, epochs=sweeps, verbose=0)


def sent_by(learn, options):
    """Return what a further step or sweep sends: that of three without that of two."""
    totals = []
    for count in (2, 3):
        with Counted() as found:
            learn(options, count)
        totals.append(found)
    two, three = totals
    return {
        "bytes": three.bytes - two.bytes,
        "messages": three.messages - two.messages,
    }


def images(options, batches):
    """Return random images, labels of a sixth of them, and the size of a batch."""
    import numpy as np

    # JAX is given the rows of the process alone.
    shares = options.engine not in (ALONE, "jax-processes")
    size = options.rows * (PROCESSES if shares else 1)
    rows = np.arange(batches * size)
    x = np.random.default_rng(0).random((len(rows), 28, 28, 1), "float32")
    return x, np.where(rows % 6 == 0, rows // 6 % 10, -1), size


class Counted:
    """What torch.distributed is asked to exchange while the block runs.

    Attributes:
        bytes: that this process gave, before any algorithm of the network.
        messages: number of calls.
    """

    NAMES = ("all_reduce", "all_gather")

    def __enter__(self):
        import torch.distributed as asked

        self.bytes = self.messages = 0
        self._before = {name: getattr(asked, name) for name in self.NAMES}
        for name, call in self._before.items():
            setattr(asked, name, self._counting(call))
        return self

    def __exit__(self, *_):
        import torch.distributed as asked

        for name, call in self._before.items():
            setattr(asked, name, call)

    def _counting(self, call):
        def counted(*given, **options):
            own = given[-1]
            self.bytes += own.numel() * own.element_size()
            self.messages += 1
            return call(*given, **options)

        return counted


if __name__ == "__main__":
    main()
