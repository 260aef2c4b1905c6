"""Speed of DRMMs against the stock convnet of the same configuration.

    python recipes/benchmark_steps.py
    python recipes/benchmark_steps.py --backend jax --short

Each backend is measured in a process of its own; what is compared alternates within it
(ours, stock, ours, stock, ...), and medians are compared, so that the ratios hold where
the machine's speed drifts. Batches have 100 images of 28x28x1. The rows go to
`recipes/results/benchmark_steps.csv`; `--short` takes seconds and records nothing.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

COLUMNS = (
    "measure",
    "backend",
    "ours",
    "stock",
    "unit",
    "ratio",
    "runs",
    "machine",
    "commit",
    "command",
)
BACKENDS = ("tensorflow", "jax", "torch")
BATCH = 100
STEPS = 8


def main():
    """Measure in child processes, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=("all", *BACKENDS), default="all")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    runs = 1 if options.short else options.runs
    if options.child:
        print(json.dumps(measure(runs)))
        return
    from recipes import results

    rows = [import_time(runs)]
    for backend in BACKENDS if options.backend == "all" else (options.backend,):
        rows += child(backend, runs)
    for row in rows:
        row |= {
            "runs": runs,
            "machine": results.machine(),
            "commit": results.commit(),
            "command": results.command(),
        }
        print(
            "{measure:28} {backend:11} {ours:>9} {stock:>9} {unit:10} {ratio}".format(
                **row
            )
        )
        if not options.short:
            results.append_row(results.RESULTS / "benchmark_steps.csv", row, COLUMNS)


def child(backend, runs):
    """Return the rows that a process with this backend measured."""
    # torch's OpenMP threads would otherwise spin and take the cores from each other.
    variables = {"KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        [sys.executable, __file__, "--child", f"--runs={runs}"],
        env={**os.environ, **variables},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def alternate(ours, stock, runs):
    """Return the median seconds of two functions that are called in turn.

    Both are called once before: the first call compiles.
    """
    seconds = ([], [])
    for run in range(-1, runs):
        for function, taken in zip((ours, stock), seconds, strict=True):
            start = time.perf_counter()
            function()
            if run >= 0:
                taken.append(time.perf_counter() - start)
    return tuple(map(statistics.median, seconds))


def compared(measure, seconds, count, backend):
    """Return a row of milliseconds for each of `count` repetitions in `seconds`."""
    ours, stock = (1000 * value / count for value in seconds)
    return {
        "measure": measure,
        "backend": backend,
        "ours": round(ours, 2),
        "stock": round(stock, 2),
        "unit": "ms",
        "ratio": round(ours / stock, 3),
    }


def import_time(runs):
    """Compare `import keras_drmm` with `import keras`, as whole processes."""

    def importing(name):
        subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            cwd=PROJECT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            check=True,
        )

    seconds = alternate(
        lambda: importing("keras_drmm"), lambda: importing("keras"), runs
    )
    return compared("import", seconds, 1, os.environ.get("KERAS_BACKEND", "default"))


def measure(runs):
    """Measure steps, predict, pooling and GEMM on this process' backend."""
    import keras
    import numpy as np

    from keras_drmm import EG, baselines, zoo

    backend = keras.config.backend()
    rng = np.random.default_rng(0)
    x = rng.random((BATCH * STEPS, 28, 28, 1)).astype("float32")
    classes = np.arange(len(x)) % 10
    few = np.where(np.arange(len(x)) % 4 == 0, classes, -1)
    model = zoo.drmm_conv_small()
    convnet = baselines.convnet(model)

    def fit(model, labels):
        model.fit(x, labels, batch_size=BATCH, shuffle=False, verbose=0)

    rows = []
    for name, algorithm in (("EG step", EG()), ("EG step, zoo", model.algorithm)):
        model.compile(keras.optimizers.Adam(2e-3), algorithm=algorithm)
        seconds = alternate(
            lambda: fit(model, few), lambda: fit(convnet, classes), runs
        )
        rows.append(compared(name, seconds, STEPS, backend))
    if has_bfloat16():
        keras.config.set_dtype_policy("mixed_bfloat16")
        half = zoo.drmm_conv_small()
        keras.config.set_dtype_policy("float32")
        half.compile(keras.optimizers.Adam(2e-3), algorithm=EG())
        seconds = alternate(lambda: fit(half, few), lambda: fit(convnet, classes), runs)
        rows.append(compared("EG step, bfloat16", seconds, STEPS, backend))
    seconds = alternate(
        lambda: model.predict(x, batch_size=BATCH, verbose=0),
        lambda: convnet.predict(x, batch_size=BATCH, verbose=0),
        runs,
    )
    rows.append(compared("predict", seconds, STEPS, backend))
    rows.append(pooling(runs, backend))
    rows.append(convolution_rate(model, rows[0]["ours"] / 1000, runs, backend))
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    rows.append(
        dict.fromkeys(("stock", "ratio"), "")
        | {"measure": "peak memory", "backend": backend}
        | {"ours": round(peak), "unit": "MiB"}
    )
    return rows


def has_bfloat16():
    """Return whether the processor computes in bfloat16."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text().split() if info.exists() else []
    return "avx512_bf16" in flags or "amx_bf16" in flags


def pooling(runs, backend):
    """Compare SwitchMaxPool, forward and backward, with ReLU and MaxPooling2D."""
    import keras
    import numpy as np
    from keras import ops

    from keras_drmm import SwitchMaxPool

    switch, relu = SwitchMaxPool(2), keras.layers.ReLU()
    stock = keras.layers.MaxPooling2D(2)
    rng = np.random.default_rng(0)
    u = ops.convert_to_tensor(rng.normal(size=(100, 28, 28, 32)).astype("float32"))
    upstream = ops.convert_to_tensor(rng.normal(size=(100, 14, 14, 32)).astype("f"))
    seconds = alternate(
        gradient(lambda u: ops.sum(switch(u)[0] * upstream), u, backend),
        gradient(lambda u: ops.sum(stock(relu(u)) * upstream), u, backend),
        10 * runs,
    )
    return compared("SwitchMaxPool", seconds, 1, backend)


def gradient(loss, u, backend):
    """Return a function of no argument that computes the gradient of `loss` at u."""
    if backend == "jax":
        import jax

        compiled = jax.jit(jax.grad(loss))
        return lambda: compiled(u).block_until_ready()
    if backend == "torch":

        def run():
            leaf = u.detach().requires_grad_()
            loss(leaf).backward()

        return run
    import tensorflow as tf

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(u)
            value = loss(u)
        return tape.gradient(value, u)

    return run


def convolution_flops(model, images):
    """Count the floating-point operations of an EG step's convolutions.

    A convolution has 2 operations for each output value and kernel entry. Bottom-up
    there are three (forward, gradients of kernel and input; the image needs none),
    top-down three of the same size.
    """
    total, shape = 0, (None, *model.image_shape)
    for number, level in enumerate(model.levels):
        matched = level.conv.compute_output_shape(shape)
        kh, kw, channels, filters = level.conv.kernel.shape
        once = 2 * matched[1] * matched[2] * kh * kw * channels * filters
        total += images * once * (5 if number == 0 else 6)
        shape = level.compute_output_shape(shape)
    return total


def convolution_rate(model, step_seconds, runs, backend):
    """Compare the step's convolution FLOP/s with those of a float32 GEMM."""
    import numpy as np
    from keras import ops

    size = 1024
    a = ops.convert_to_tensor(np.random.default_rng(0).random((size, size), "float32"))

    def gemm():
        ops.convert_to_numpy(ops.matmul(a, a))

    seconds, _ = alternate(gemm, gemm, 5 * runs)
    ours = convolution_flops(model, BATCH) / step_seconds / 1e9
    stock = 2 * size**3 / seconds / 1e9
    return {
        "measure": "convolutions / GEMM",
        "backend": backend,
        "ours": round(ours, 1),
        "stock": round(stock, 1),
        "unit": "GFLOP/s",
        "ratio": round(ours / stock, 3),
    }


if __name__ == "__main__":
    from recipes.allocator import keep_memory

    keep_memory()
    main()
