"""Kill runs at random, resume them, and compare them with the unbroken run.

    python -m recipes.kills --backend tensorflow --kills 20
    python -m recipes.kills --backend torch --kills 1 --epochs 5 --methods RMM

A run is a process that learns a tiny model by EG with the zoo's settings, by hard EM of
a DRMM, or by soft EM of an RMM, or the prior of a DRMM's switches, with
`keras_drmm.callbacks.Resume` alone between it and the next one. It is killed (SIGKILL)
at a random moment of its training and started again, until it is finished; then another
one begins, until there were `--kills` kills of a method. Each finished run is compared
with the run that was never killed: all variables of model and optimizer, and the
history, row by row. A method whose largest difference is above 1e-6, or whose history
has not one row an epoch, fails the command.

Prints a table, and writes no row of results. A start of TensorFlow takes some 5 seconds
on a quiet core, and each kill is one: 20 kills of the four methods take about 13
minutes on 2 cores. On JAX the starts of a method share the programs that they compile.
"""

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recipes.common.command import at_least, choose_backend, make_parser
from recipes.common.tiny_runs import RESULT, compare, make, save

METHODS = ("EG", "hard EM", "RMM", "fit_prior")
TOLERANCE = 1e-6
# Printed by a run as its training begins, and as all is written.
BEGINS, ENDS = "begins", "ends"
# Where processes of JAX keep what they compiled, beside the runs.
PROGRAMS = "programs"


def main():
    """Kill, resume, compare, and print the table."""
    options = parse()
    if options.run is not None:
        learn(options.methods[0], options)
        return
    with ThreadPoolExecutor(len(options.methods)) as pool:
        rows = list(pool.map(lambda v: kill_runs(v, options), options.methods))
    print(f"{options.backend}, {options.epochs} epochs a run")
    print(f"{'method':<10}{'kills':>8}{'runs':>8}{'left out':>10}{'difference':>12}")
    for method, row in zip(options.methods, rows, strict=True):
        print(
            f"{method:<10}{row['kills']:>8}{row['runs']:>8}{row['left_out']:>10}"
            f"{row['difference']:>12.1e}"
        )
    print("left out: states whose writing a kill had cut off")
    failed = [
        method
        for method, row in zip(options.methods, rows, strict=True)
        if not row["difference"] <= TOLERANCE
    ]
    if failed:
        raise SystemExit(f"These differ from the unbroken run: {failed}")


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "backend", "seed")
    parser.add_argument(
        "--kills",
        type=at_least(1),
        default=20,
        help="of each method; default: %(default)s",
    )
    parser.add_argument(
        "--epochs", type=at_least(1), default=60, help="of a run; default: %(default)s"
    )
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=METHODS, help="default: all"
    )
    parser.add_argument(
        "--run", type=Path, help="be the run of one method in this folder"
    )
    return parser.parse_args(arguments)


def kill_runs(method, options):
    """Return what became of the runs of a method that were killed.

    Returns:
        {"kills": their number, "runs": runs that were finished, "left_out": states that
        a kill cut off, "difference": the largest from the unbroken run, infinite where
        the history has other rows}.
    """
    row = {"kills": 0, "runs": 0, "left_out": 0, "difference": 0.0}
    chance = random.Random(f"{method} {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        unbroken = Path(folder, "unbroken")
        seconds, _ = one_process(method, unbroken, options)
        while row["kills"] < options.kills or not row["runs"]:
            run, before = Path(folder, f"run_{row['runs']}"), row["kills"]
            while not (run / RESULT).exists():
                # The last run is not killed any more.
                is_left = row["kills"] < options.kills
                after = chance.uniform(0, seconds) if is_left else None
                took, told = one_process(method, run, options, after)
                row["left_out"] += told.count("its writing was cut off")
                row["kills"] += not (run / RESULT).exists()
            if row["kills"] == before:
                # It was over before its kill: the machine has become faster.
                seconds = min(seconds, took)
            row["runs"] += 1
            row["difference"] = max(row["difference"], compare(run, unbroken))
    return row


def one_process(method, folder, options, after=None):
    """Let a process learn, and kill it `after` so many seconds of training.

    Returns:
        (seconds of training, what the process wrote to its error stream).

    Raises:
        RuntimeError: it failed by itself.
    """
    words = ["--backend", options.backend, "--epochs", str(options.epochs)]
    words += ["--methods", method, "--run", str(folder)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "recipes.kills", *words],
            env={
                **os.environ,
                "JAX_COMPILATION_CACHE_DIR": str(folder.parent / PROGRAMS),
                # Whatever a program is as to seconds and bytes.
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            },
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        is_training = any(BEGINS in line for line in process.stdout)
        start = time.perf_counter()
        if after is None:
            # Not to the end of the process, which takes longer than a tiny training.
            any(ENDS in line for line in process.stdout)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after)
            process.kill()
        seconds = time.perf_counter() - start
        status = process.wait()
        errors.seek(0)
        told = errors.read()
    was_killed = after is not None and status < 0
    if not is_training or not (status == 0 or was_killed):
        raise RuntimeError(f"A run of {method} failed:\n{told}")
    return seconds, told


def learn(method, options):
    """Be the run: learn, and write what was learned."""
    choose_backend(options.backend)
    import keras

    from keras_drmm.callbacks import Resume

    keras.utils.set_random_seed(0)
    folder, (model, learn_by, given) = options.run, make(method)
    begins = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: print(BEGINS, flush=True)
    )
    history = learn_by(
        **given,
        epochs=options.epochs,
        verbose=0,
        callbacks=[begins, Resume(folder / "states")],
    )
    save(folder, model, history)
    print(ENDS, flush=True)


if __name__ == "__main__":
    main()
