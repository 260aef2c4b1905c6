"""Compare the speed of a DRMM with that of its stock convnet.

    python -m recipes.benchmark_steps
    python -m recipes.benchmark_steps --backend jax --short

For each backend, in processes of its own, it compares

- a training step of each model of `MODELS` by the zoo's EG with a step of the convnet
  of the same configuration; on TensorFlow also in bfloat16 if the processor has a unit
  for it;
- `predict` of `drmm_conv_small` with its convnet's;
- SwitchMaxPool, forward and backward, with ReLU and MaxPooling2D;
- the FLOP/s of the convolutions of an EG step that renders every row with those of a
  float32 GEMM;
- the peak memory of a process that trains the one model or the other;
- `import keras_drmm` with `import keras`.

The two sides take turns and their medians are compared, so that the ratios hold even if
the machine's speed drifts. Batches have 100 images, of which a sixth are labelled for
EG and all for the convnet. A step is timed within an epoch, whose start and end do not
count. Rows go to `recipes/results/benchmark_steps.csv`, with the goal of each ratio
where it has one. `--short` takes one run and records nothing: a check in minutes for
each backend.
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

# The stock convnet of each is `baselines.convnet`.
MODELS = ("drmm_conv_small", "drmm_conv_large", "drmm_lenet", "rfm")
# The highest ratio that is good enough, on some backend or on each.
GOALS: dict = {"predict": 1.05, "SwitchMaxPool": 2.0, "import": 1.1}
for _name in MODELS[:2]:
    GOALS |= {(f"EG step, {_name}", v): 1.4 for v in ("jax", "torch")}
    GOALS[f"EG step, {_name}", "tensorflow"] = 1.3
    GOALS[f"EG step, {_name}, bfloat16"] = 1.3
for _name in MODELS[2:]:
    GOALS |= dict.fromkeys((f"EG step, {_name}", f"EG step, {_name}, bfloat16"), 1.5)
GOALS |= {f"peak memory, {v}": g for v, g in zip(MODELS[:2], (1.1, 1.25), strict=True)}
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
    # What a child process measures: times, or the memory of a model or its convnet.
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.short:
        options.runs = 1
    return options


def backend_rows(backend, runs):
    """Return all rows of a backend."""
    measured = child(backend, "time", runs)
    rows = measured["rows"]
    for name in MODELS[:2]:
        peaks = [child(backend, f"{side} {name}", runs) for side in ("ours", "stock")]
        rows.append(compared(f"peak memory, {name}", backend, peaks, "MiB", 1))
    rows.append(import_time(backend, runs))
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

    backend = keras.config.backend()
    policies = ["float32"]
    if backend == "tensorflow" and has_bfloat16_unit():
        policies.append("mixed_bfloat16")
    rows = [
        compared_times(
            f"EG step, {name}{policy.replace('mixed_', ', ').replace('float32', '')}",
            backend,
            [training(model) for model in both_models(name, policy)],
            runs,
            calls=STEPS - 1,
        )
        for name in MODELS
        for policy in policies
    ]
    rows.append(of_gemm(runs, backend))
    # Some calls of `predict` ran at half the speed of others, for either model, so more
    # calls are needed for a stable median.
    functions = [predicting(model) for model in both_models("drmm_conv_small")]
    rows.append(compared_times("predict", backend, functions, 5 * runs))
    rows.append(pooling(runs, backend))
    library = importlib.import_module(backend)
    versions = f"keras {keras.__version__}, {backend} {library.__version__}"
    return {"rows": rows, "versions": versions}


def both_models(name, policy="float32"):
    """Return a model of the zoo and its convnet, with one optimizer for both."""
    import keras

    from keras_drmm import baselines, zoo

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = getattr(zoo, name)()
        convnet = baselines.convnet(model)
        model.compile(keras.optimizers.Adam(2e-3), algorithm=model.algorithm)
    finally:
        keras.config.set_dtype_policy(before)
    return model, convnet


def of_gemm(runs, backend):
    """Compare the FLOP/s of an EG step that renders every row with a GEMM's."""
    import keras

    from keras_drmm import EG, zoo

    model = zoo.drmm_conv_small()
    model.compile(keras.optimizers.Adam(2e-3), algorithm=EG())
    seconds = alternate([training(model), timed(gemm(), STEPS - 1)], runs)
    operations = convolution_flops(model, BATCH), 2 * GEMM_SIZE**3
    rates = [n / s / 1e9 for n, s in zip(operations, seconds, strict=True)]
    count = runs * (STEPS - 1)
    return compared("convolutions / GEMM", backend, rates, "GFLOP/s", count)


def batches(model, count):
    """Return random images and labels; a DRMM gets labels for a sixth of them."""
    import numpy as np

    from keras_drmm import DRMM

    is_ours = isinstance(model, DRMM)
    shape = model.image_shape if is_ours else model.input_shape[1:]
    x = np.random.default_rng(0).random((count, *shape), "float32")
    rows = np.arange(count)
    # Every class among the labelled rows, which are every sixth.
    y = rows // 6 % 10
    if is_ours:
        y = np.where(rows % 6 == 0, y, -1)
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


def peak_memory(which):
    """Return the peak memory of this process in MiB after training a model.

    Args:
        which: "ours" or "stock", and the name of the model.
    """
    from keras_drmm import baselines, zoo

    side, name = which.split()
    model = getattr(zoo, name)()
    if side == "stock":
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
