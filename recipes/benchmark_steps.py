"""Compare the speed of a DRMM with that of its stock convnet.

    python -m recipes.benchmark_steps
    python -m recipes.benchmark_steps --backend jax --short

For each backend, in processes of its own, it compares

- a training step by EG, which renders every row, and by the zoo's own EG, with a step
  of the convnet; also in bfloat16 if the processor has a unit for it;
- `predict` with the convnet's;
- SwitchMaxPool, forward and backward, with ReLU and MaxPooling2D;
- the FLOP/s of an EG step's convolutions with those of a float32 GEMM;
- the peak memory of a process that trains the one model or the other;
- `import keras_drmm` with `import keras`.

On two cores of an AMD EPYC a step by the zoo's EG took 1.14 times as long as a step of
the convnet on TensorFlow, 1.07 times on JAX and 1.12 times on torch (5 runs, minutes
for each backend).

The two sides take turns and their medians are compared, so that the ratios hold even if
the machine's speed drifts. Batches have 100 images of 28x28x1. Rows go to
`recipes/results/benchmark_steps.csv`. `--short` takes one run and records nothing: a
check in a minute for each backend.
"""

import argparse
import importlib
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time

from recipes.common import results
from recipes.common.command import BACKENDS, keep_memory, make_parser
from recipes.common.results import has_bfloat16_unit

# The highest ratio that is good enough.
GOALS = {
    ("EG step", "tensorflow"): 1.9,
    ("EG step", "jax"): 2.0,
    ("EG step", "torch"): 2.3,
    "predict": 1.05,
    "SwitchMaxPool": 2.0,
    "import": 1.1,
}
BATCH = 100
STEPS = 6
PREDICTED = 2000
GEMM_SIZE = 1024


def main():
    """Measure in child processes, print and record."""
    options = parse()
    if options.child:
        is_time = options.child == "time"
        found = measure(options.runs) if is_time else peak_memory(options.child)
        print(json.dumps(found))
        return
    backends = BACKENDS if options.backend == "all" else (options.backend,)
    origins = {backend: results.origin(backend) for backend in backends}
    if not has_bfloat16_unit():
        print("This processor has no unit for bfloat16.")
    for backend in backends:
        for row in backend_rows(backend, options.runs):
            line = "{measure:20} {backend:11} {ours:>9} {stock:>9} {unit:8} {ratio:>6}"
            print((line + "  (goal {goal})" * bool(row["goal"])).format(**row))
            if not options.short:
                path = results.RESULTS / "benchmark_steps.csv"
                results.append_row(path, row | origins[backend])


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--backend", choices=("all", *BACKENDS), default="all")
    parser.add_argument("--runs", type=int, default=7, help="for each measurement")
    parser.add_argument("--short", action="store_true", help="1 run, not recorded")
    # What a child process measures: times, or the memory of one of the models.
    children = ("time", "ours", "stock")
    parser.add_argument("--child", choices=children, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.short:
        options.runs = 1
    return options


def backend_rows(backend, runs):
    """Return all rows of a backend."""
    measured = child(backend, "time", runs)
    peaks = [child(backend, which, runs) for which in ("ours", "stock")]
    rows = [
        *measured["rows"],
        compared("peak memory", backend, peaks, "MiB", 1),
        import_time(backend, runs),
    ]
    return [row | {"versions": measured["versions"]} for row in rows]


def child(backend, what, runs):
    """Return what a child process of this program measures on a backend."""
    command = [sys.executable, "-m", "recipes.benchmark_steps"]
    done = subprocess.run(
        [*command, f"--child={what}", f"--runs={runs}"],
        cwd=results.PROJECT,
        env=environment(backend),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def environment(backend):
    """Return the environment variables of a process on a backend."""
    # Otherwise torch's OpenMP threads spin and take the cores from each other.
    return {**os.environ, "KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "passive"}


def alternate(functions, runs):
    """Call functions in turn and return, for each, the median of its seconds.

    Each function returns a list of seconds. Its first call compiles and does not count.
    """
    seconds = [[] for _ in functions]
    for run in range(-1, runs):
        for function, taken in zip(functions, seconds, strict=True):
            measured = function()
            if run >= 0:
                taken += measured
    return [statistics.median(taken) for taken in seconds]


def timed(function, repeats=1):
    """Return a function that calls `function` and returns the seconds of each call."""

    def run():
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
        return seconds

    return run


def compared(measure, backend, values, unit, runs):
    """Return the row that compares two values, (ours, stock)."""
    ours, stock = values
    return {
        "measure": measure,
        "backend": backend,
        "ours": round(ours, 2),
        "stock": round(stock, 2),
        "unit": unit,
        "ratio": round(ours / stock, 3),
        "goal": GOALS.get((measure, backend), GOALS.get(measure, "")),
        "runs": runs,
    }


def compared_times(measure, backend, functions, runs, calls=1):
    """Return the row that compares the times of two functions, (ours, stock).

    Args:
        measure: name of the row.
        backend: likewise.
        functions: see `alternate`.
        runs: how often each function is called in turn.
        calls: the number of seconds that a function returns.
    """
    milliseconds = [1000 * value for value in alternate(functions, runs)]
    return compared(measure, backend, milliseconds, "ms", runs * calls)


def import_time(backend, runs):
    """Compare `import keras_drmm` with `import keras`, as whole processes."""

    def importing(name):
        return timed(
            lambda: subprocess.run(
                [sys.executable, "-c", f"import {name}"],
                cwd=results.PROJECT,
                env=environment(backend),
                check=True,
                stderr=subprocess.DEVNULL,
            )
        )

    functions = [importing("keras_drmm"), importing("keras")]
    return compared_times("import", backend, functions, runs)


def measure(runs):
    """Measure, on the backend of this process, all that needs no other process."""
    import keras

    from keras_drmm import EG, baselines, zoo

    backend = keras.config.backend()
    model = zoo.drmm_conv_small()
    convnet = baselines.convnet(model)
    zoo_algorithm = model.algorithm

    def steps(name, *models):
        functions = [training(v) for v in models]
        return compared_times(name, backend, functions, runs, calls=STEPS - 1)

    compile_model(model, EG())
    rows = [steps("EG step", model, convnet)]
    seconds = alternate([training(model), timed(gemm(), STEPS - 1)], runs)
    operations = convolution_flops(model, BATCH), 2 * GEMM_SIZE**3
    rates = [n / s / 1e9 for n, s in zip(operations, seconds, strict=True)]
    count = runs * (STEPS - 1)
    rows.append(compared("convolutions / GEMM", backend, rates, "GFLOP/s", count))

    compile_model(model, zoo_algorithm)
    rows.append(steps("EG step, zoo", model, convnet))
    if has_bfloat16_unit():
        rows.append(steps("EG step, bfloat16", *bfloat16_models()))

    # Some calls of `predict` ran at half the speed of others, for either model, so more
    # calls are needed for a stable median.
    functions = [predicting(model), predicting(convnet)]
    rows.append(compared_times("predict", backend, functions, 5 * runs))
    rows.append(pooling(runs, backend))
    library = importlib.import_module(backend)
    versions = f"keras {keras.__version__}, {backend} {library.__version__}"
    return {"rows": rows, "versions": versions}


def compile_model(model, algorithm):
    """Compile a DRMM with the optimizer of `baselines.convnet`."""
    import keras

    model.compile(keras.optimizers.Adam(2e-3), algorithm=algorithm)


def batches(model, count):
    """Return random images and labels; a DRMM gets labels for a quarter of them."""
    import numpy as np

    from keras_drmm import DRMM

    x = np.random.default_rng(0).random((count, 28, 28, 1), "float32")
    y = np.arange(count) % 10
    if isinstance(model, DRMM):
        y = np.where(np.arange(count) % 4 == 0, y, -1)
    return x, y


def training(model):
    """Return a function that fits some batches and returns the seconds of each step.

    The first step is left out, as it includes what `fit` does once for each call.
    """
    import keras

    x, y = batches(model, BATCH * STEPS)

    def run():
        ends = []

        def end(batch, logs):
            # Reading the loss waits for the step, which JAX computes asynchronously.
            float(logs["loss"])
            ends.append(time.perf_counter())

        model.fit(
            x,
            y,
            batch_size=BATCH,
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=end)],
        )
        return [after - before for before, after in itertools.pairwise(ends)]

    return run


def predicting(model):
    """Return a function that classifies images and returns the seconds."""
    x, _ = batches(model, PREDICTED)
    return timed(lambda: model.predict(x, batch_size=BATCH, verbose=0))


def bfloat16_models():
    """Return a DRMM compiled for EG, and its convnet, both in mixed precision."""
    import keras

    from keras_drmm import EG, baselines, zoo

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = zoo.drmm_conv_small()
        convnet = baselines.convnet(model)
    finally:
        keras.config.set_dtype_policy(policy)
    compile_model(model, EG())
    return model, convnet


def peak_memory(which):
    """Return the peak memory of this process in MiB after training a model."""
    from keras_drmm import EG, baselines, zoo

    model = zoo.drmm_conv_small()
    if which == "ours":
        compile_model(model, EG())
    else:
        model = baselines.convnet(model)
    training(model)()
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def pooling(runs, backend):
    """Compare SwitchMaxPool, forward and backward, with ReLU and MaxPooling2D."""
    import keras
    import numpy as np
    from keras import ops

    from keras_drmm import SwitchMaxPool

    switch, relu = SwitchMaxPool(2), keras.layers.ReLU()
    stock = keras.layers.MaxPooling2D(2)
    rng = np.random.default_rng(0)
    u = ops.convert_to_tensor(rng.normal(size=(BATCH, 28, 28, 32)).astype("float32"))
    upstream = ops.convert_to_tensor(rng.normal(size=(BATCH, 14, 14, 32)).astype("f"))
    losses = (
        lambda u: ops.sum(switch(u)[0] * upstream),
        lambda u: ops.sum(stock(relu(u)) * upstream),
    )
    functions = [timed(value_and_gradient(loss, u, backend)) for loss in losses]
    return compared_times("SwitchMaxPool", backend, functions, 10 * runs)


def value_and_gradient(loss, u, backend):
    """Return a function without arguments that computes `loss` and its gradient at u.

    It returns both, so that no compiler can leave out the forward pass.
    """
    if backend == "jax":
        import jax

        compiled = jax.jit(jax.value_and_grad(loss))
        return lambda: jax.block_until_ready(compiled(u))
    if backend == "torch":

        def run():
            leaf = u.detach().requires_grad_()
            value = loss(leaf)
            value.backward()
            return value, leaf.grad

        return run
    import tensorflow as tf

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(u)
            value = loss(u)
        return value, tape.gradient(value, u)

    return run


def convolution_flops(model, images):
    """Return the number of floating-point operations in an EG step's convolutions.

    A convolution takes 2 operations for each output value and kernel entry. A level has
    three bottom-up (forward, gradient of the kernel, gradient of the input, which the
    image does not need) and three top-down of the same size.
    """
    total, shape = 0, (None, *model.image_shape)
    for number, level in enumerate(model.levels):
        matched = level.conv.compute_output_shape(shape)
        kh, kw, channels, filters = level.conv.kernel.shape
        once = 2 * matched[1] * matched[2] * kh * kw * channels * filters
        total += images * once * (5 if number == 0 else 6)
        shape = level.compute_output_shape(shape)
    return total


def gemm():
    """Return a function that multiplies two float32 matrices."""
    import numpy as np
    from keras import ops

    a = np.random.default_rng(0).random((GEMM_SIZE, GEMM_SIZE), "float32")
    a = ops.convert_to_tensor(a)
    # Reading one value waits for all of them and copies almost nothing.
    return lambda: float(ops.matmul(a, a)[0, 0])


if __name__ == "__main__":
    keep_memory()
    main()
