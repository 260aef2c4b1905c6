#!/usr/bin/env bash
# Guess: on a CPU with a unit for bfloat16, TensorFlow's fused batch normalisation takes
# at most as long in bfloat16 as in float32, as half the bytes pass through memory.
# Version: tensorflow-cpu 2.21.0 (oneDNN on, one thread).
# Behaviour: it does for 16, 32 or 64 channels. For a number that 16 does not divide, as
# LeNet's 20 and 50 are, forward and backward together take 4 to 5 times as long as in
# float32: casting to float32 and back around the kernel is that much faster. A profile
# shows the time within the kernel itself (_MklNativeFusedBatchNormV3 and its gradient).
# Output seen, on an AMD EPYC with AVX-512 BF16 (milliseconds 2.0 and 1.6; 8.1 and 34):
#   16 channels: bfloat16 is not slower by half
#   20 channels: bfloat16 takes more than twice as long
set -euo pipefail
if ! grep -q avx512_bf16 /proc/cpuinfo; then
    echo "This processor has no unit for bfloat16: nothing to see." >&2
    exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorflow-cpu==2.21.0
cd "$folder"
cat > run.py <<'PYTHON'
import statistics
import sys
import time

import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


def milliseconds(channels, dtype):
    maps = tf.cast(tf.random.normal((100, 24, 24, channels), seed=0), dtype)
    scale, offset = tf.ones(channels), tf.zeros(channels)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(maps)
            normal, *_ = tf.raw_ops.FusedBatchNormV3(
                x=maps, scale=scale, offset=offset, mean=[], variance=[],
                is_training=True)
            loss = tf.reduce_sum(tf.cast(normal, "float32") ** 2)
        return tape.gradient(loss, maps)

    step()
    taken = []
    for _ in range(15):
        start = time.perf_counter()
        step()
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


for channels in (16, 20):
    single, half = (milliseconds(channels, d) for d in ("float32", "bfloat16"))
    print(f"{channels}: {single:.1f} and {half:.1f} ms", file=sys.stderr)
    ratio = half / single
    words = "takes more than twice as long" if ratio > 2 else (
        "is not slower by half" if ratio < 1.5 else f"takes {ratio:.1f} times as long")
    print(f"{channels} channels: bfloat16 {words}")
PYTHON
"$folder/venv/bin/python" run.py 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
16 channels: bfloat16 is not slower by half
20 channels: bfloat16 takes more than twice as long
SEEN
