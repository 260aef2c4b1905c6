#!/usr/bin/env bash
# Guess: on a CPU the gradient of a convolution for its kernel, which multiplies and adds
# as often as the convolution itself, takes JAX about as long.
# Versions: jax 0.10.2, numpy 2.4.6.
# Behaviour: the convolution and its gradient for the input run as fast as a large matrix
# product, the gradient for the kernel at about a third of that. A training step of a
# convnet, two thirds of which are forward pass and gradient for the input, so reaches
# about half of what the matrix product promises. Sums of products of shifted maps (10
# GFLOP/s), one product of gathered patches (9) and --xla_cpu_use_onednn=true (19) are no
# faster than XLA's own 18.
# Output seen, on an AMD EPYC with one core (product 52, convolution 49, gradient for the
# input 50, for the kernel 18 GFLOP/s):
#   convolution: more than 0.7 of the product's speed
#   gradient for the kernel: less than 0.6 of the convolution's speed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2 numpy==2.4.6
cd "$folder"
cat > run.py <<'PYTHON'
import statistics
import sys
import time

import jax
import numpy as np


def speed(operations, function, *arrays):
    """GFLOP/s of the median of 15 calls."""
    compiled, seconds = jax.jit(function), []
    compiled(*arrays).block_until_ready()
    for _ in range(15):
        start = time.perf_counter()
        compiled(*arrays).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return operations / statistics.median(seconds) / 1e9


def convolve(maps, kernel):
    return jax.lax.conv_general_dilated(
        maps, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def kernel_gradient(maps, upstream):
    return jax.vjp(lambda k: convolve(maps, k), kernel)[1](upstream)[0]


random = np.random.default_rng(0)
square, maps, kernel, upstream = (
    jax.numpy.asarray(random.random(shape, "float32"))
    for shape in ((1024, 1024), (100, 16, 16, 64), (3, 3, 64, 64), (100, 16, 16, 64)))
operations = 2 * 100 * 16 * 16 * 9 * 64 * 64
product = speed(2 * 1024**3, lambda a: a @ a, square)
forward = speed(operations, convolve, maps, kernel)
backward = speed(operations, kernel_gradient, maps, upstream)
print(f"{product:.0f}, {forward:.0f}, {backward:.0f} GFLOP/s", file=sys.stderr)
more, less = forward > 0.7 * product, backward < 0.6 * forward
print(f"convolution: {'more' if more else 'less'} than 0.7 of the product's speed")
print(f"gradient for the kernel: {'less' if less else 'more'} than 0.6 of the "
      "convolution's speed")
PYTHON
JAX_PLATFORMS=cpu taskset -c "$(taskset -pc $$ | sed 's/.*: *//; s/[,-].*//')" \
    "$folder/venv/bin/python" run.py 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
convolution: more than 0.7 of the product's speed
gradient for the kernel: less than 0.6 of the convolution's speed
SEEN
