"""Learn on several devices, and compare what was learned with one device.

    python -m recipes.distributed --engine mirrored
    python -m recipes.distributed --engine jax --replicas 8 --methods EG 'soft EM'

Each method learns a tiny model by `fit`, or its prior by `fit_prior`, twice: on one
device, and on `--replicas` with the same global batches. The engines:

    none         one device again, a control
    jax          keras.distribution.DataParallel on virtual CPU devices
    jax-processes  the same, a device in each process
    mirrored     tf.distribute.MirroredStrategy on logical CPUs
    multiworker  tf.distribute.MultiWorkerMirroredStrategy, a CPU in each process
    ddp          torch.distributed by gloo, a CPU in each process

Prints for each method the largest difference of all variables of model and optimizer
and of the history, and where it is, or why `fit` refused. A difference above 1e-5 fails
the command. Rows go to `recipes/results/distributed.csv`; `--short` records nothing. An
engine takes 2 to 5 minutes on 2 cores.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from recipes.common import results
from recipes.common.command import at_least, choose_backend, make_parser
from recipes.common.tiny_runs import differences, make, save

# The engine: (its backend, whether replicas are processes).
ENGINES = {
    "none": ("tensorflow", False),
    "jax": ("jax", False),
    "jax-processes": ("jax", True),
    "mirrored": ("tensorflow", False),
    "multiworker": ("tensorflow", True),
    "ddp": ("torch", True),
}
METHODS = (
    "EG",
    "EG, every row",
    "EG, no norm",
    "hard EM, whole sweeps",
    "soft EM",
    "RMM",
    "RMM, hard EM",
    "fit_prior",
)
TOLERANCE = 1e-5
# Divides by 2 and by 8.
BATCH = 40
EPOCHS = 2
# Of all processes of an engine together; a process that waits for another one ends.
SECONDS = 500
REFUSED = "refused.txt"


def main():
    """Learn on one device and on several, compare, and print the table."""
    options = parse()
    if options.folder is not None:
        be_process(options)
        return
    backend, _ = ENGINES[options.engine]
    origin = results.origin(backend)
    with tempfile.TemporaryDirectory() as folder:
        one, several = Path(folder, "one"), Path(folder, "several")
        shuffles = options.engine != "jax-processes"
        run("none", 1, backend, one, options.methods, shuffles)
        given = options.engine, options.replicas, backend, several, options.methods
        run(*given, shuffles)
        print(f"{options.engine}, {options.replicas} replicas, {backend}")
        found = {v: compare(several, one, v) for v in options.methods}
    for method, (worst, where) in found.items():
        number = "refused" if worst is None else f"{worst:.1e}"
        print(f"{method:<24}{number:>12}  {where}")
        row = {"engine": options.engine, "replicas": options.replicas}
        row |= {"method": method, "difference": number} | origin
        if not options.short:
            results.append_row(results.RESULTS / "distributed.csv", row)
    learned = {v: worst for v, (worst, _) in found.items() if worst is not None}
    # Not a number is no success.
    failed = [v for v, worst in learned.items() if not worst <= TOLERANCE]
    if failed:
        raise SystemExit(f"These differ from one device: {failed}")


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--engine", choices=ENGINES, required=True, help="what spreads the batches"
    )
    parser.add_argument(
        "--replicas", type=at_least(1), default=2, help="default: %(default)s"
    )
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=METHODS, help="default: all"
    )
    parser.add_argument("--short", action="store_true", help="record nothing")
    parser.add_argument("--folder", type=Path, help="be a process that writes there")
    parser.add_argument("--backend", help="of the process")
    parser.add_argument("--in-order", action="store_true", help="shuffle no array")
    parser.add_argument("--rank", type=int, default=0, help="of the process")
    parser.add_argument("--port", type=int, help="where the processes meet")
    return parser.parse_args(arguments)


def run(engine, replicas, backend, folder, methods, shuffles):
    """Let an engine learn by the methods; each process writes below `folder`."""
    words = ["--engine", engine, "--replicas", str(replicas), "--backend", backend]
    words += ["--methods", *methods]
    words += [] if shuffles else ["--in-order"]
    run_processes(__spec__.name, words, replicas if ENGINES[engine][1] else 1, folder)


def run_processes(module, words, count, folder):
    """Run a module in processes that meet at a port, each with a folder of its own.

    Args:
        module: name of a module that takes `--rank`, `--port` and `--folder`.
        words: its other arguments.
        count: number of processes.
        folder: `Path`; process r writes below `folder / str(r)`.

    Raises:
        RuntimeError: a process failed, or waited for another one.
    """
    words = [*words, "--port", str(free_port())]
    started = []
    for rank in range(count):
        own = folder / str(rank)
        own.mkdir(parents=True)
        command = [sys.executable, "-m", module, *words]
        command += ["--rank", str(rank), "--folder", str(own)]
        with (own / "log.txt").open("w") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
    try:
        status = [process.wait(SECONDS) for process in started]
    except subprocess.TimeoutExpired:
        status = [None]
    finally:
        for process in started:
            process.kill()
    if any(v != 0 for v in status):
        logs = [path.read_text() for path in sorted(folder.glob("*/log.txt"))]
        logs = [f"{log[:6000]} ... {log[-2000:]}" for log in logs]
        told = "\n".join(logs)
        raise RuntimeError(f"{module}: the processes ended with {status}.\n{told}")


def compare(several, one, method):
    """Return (the largest difference of any process from one device, what differs).

    Of what was refused, (None, the reason).
    """
    worst = (0.0, "")
    for process in sorted(several.iterdir()):
        if (process / method / REFUSED).exists():
            return None, (process / method / REFUSED).read_text()
        found = differences(process / method, one / "0" / method)
        name = max(found, key=found.get)
        worst = max(worst, (found[name], name))
    return worst


def free_port():
    """Return the number of a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def be_process(options):
    """Join the engine, and learn by each method."""
    choose_backend(options.backend)
    with start(options):
        import keras

        # What failed in a step, and not where Keras called it.
        keras.config.disable_traceback_filtering()
        for method in options.methods:
            folder = options.folder / method
            folder.mkdir()
            try:
                learn(method, folder, options)
            except ValueError as error:
                if "replica" not in str(error):
                    raise
                (folder / REFUSED).write_text(str(error))


def start(options):
    """Return the context of the engine that the command line asks for."""
    starts = {
        "none": lambda _: contextlib.nullcontext(),
        "jax": start_jax,
        "jax-processes": start_jax_processes,
        "mirrored": start_mirrored,
        "multiworker": start_multiworker,
        "ddp": start_ddp,
    }
    return starts[options.engine](options)


def start_jax(options):
    """Return a context in which Keras spreads batches over virtual devices."""
    flag = f"--xla_force_host_platform_device_count={options.replicas}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"
    import keras

    return keras.distribution.DataParallel().scope()


def start_jax_processes(options):
    """Return a context in which Keras spreads batches over processes of JAX."""
    import keras

    address = f"localhost:{options.port}"
    keras.distribution.initialize(address, options.replicas, options.rank)
    return keras.distribution.DataParallel(auto_shard_dataset=False).scope()


def start_mirrored(options):
    """Return the scope of a strategy over logical CPUs."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    devices = [tf.config.LogicalDeviceConfiguration()] * options.replicas
    tf.config.set_logical_device_configuration(cpu, devices)
    names = [f"CPU:{number}" for number in range(options.replicas)]
    return tf.distribute.MirroredStrategy(names).scope()


def start_multiworker(options):
    """Return the scope of a strategy over processes of TensorFlow."""
    # The ports are those after the first one.
    workers = [f"localhost:{options.port + n}" for n in range(options.replicas)]
    task = {"type": "worker", "index": options.rank}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
    import tensorflow as tf

    return tf.distribute.MultiWorkerMirroredStrategy().scope()


@contextlib.contextmanager
def start_ddp(options):
    """Join the processes of PyTorch."""
    import torch.distributed

    torch.distributed.init_process_group(
        "gloo",
        init_method=f"tcp://localhost:{options.port}",
        world_size=options.replicas,
        rank=options.rank,
    )
    yield
    torch.distributed.destroy_process_group()


def learn(method, folder, options):
    """Learn by a method, and write what was learned."""
    import keras

    keras.utils.set_random_seed(0)
    model, learn_by, given = make(method, BATCH)
    if options.in_order:
        given["shuffle"] = False
        if hasattr(model, "trainer") and hasattr(model.trainer, "initialize"):
            model.initialize(given["x"], given.get("y"), seed=0)
    history = learn_by(**own_rows(given, options), epochs=EPOCHS, verbose=0)
    save(folder, model, history)


def own_rows(given, options):
    """Return what `fit` is given in this process: JAX takes the rows of its own."""
    if options.engine != "jax-processes":
        return given
    place = (options.rank, options.replicas)
    if hasattr(given["x"], "shard"):
        return given | {"x": given["x"].shard(*place)}
    own = BATCH // options.replicas
    # (rows, ...) -> (batches, replicas, rows of one, ...)
    arrays = {
        name: given[name].reshape(-1, options.replicas, own, *given[name].shape[1:])
        for name in ("x", "y")
        if name in given
    }
    mine = {
        name: array[:, options.rank].reshape(-1, *array.shape[3:])
        for name, array in arrays.items()
    }
    return given | mine | {"batch_size": own}


if __name__ == "__main__":
    main()
