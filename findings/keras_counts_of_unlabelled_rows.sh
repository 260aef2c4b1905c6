#!/usr/bin/env bash
# Guess: the ways to count classes treat a label -1, which marks an unlabelled row,
# alike: a row that belongs to no class, or an error.
# Versions: keras 3.15.1, tensorflow 2.21.0, jax 0.10.2, torch 2.13.0, numpy 2.4.6.
# Behaviour: `segment_sum` leaves it out on all three backends. `bincount` counts it as
# class 0 on JAX and raises an error on TensorFlow and PyTorch. `one_hot` gives a row of
# zeros for -1 on all three, but for a label that is too large PyTorch raises an error
# where the others give zeros. The maximum of a class without rows is the lowest float32
# on TensorFlow, and so finite, and minus infinity on the others.
# Output seen:
#   tensorflow; segment_sum [1.0, 1.0]; bincount InvalidArgumentError; one_hot(-1) [[0.0, 0.0]]; one_hot(2) [[0.0, 0.0]]; segment_max [1.0, -3.4028234663852886e+38]
#   jax; segment_sum [1.0, 1.0]; bincount [2, 1]; one_hot(-1) [[0.0, 0.0]]; one_hot(2) [[0.0, 0.0]]; segment_max [1.0, -inf]
#   torch; segment_sum [1.0, 1.0]; bincount RuntimeError; one_hot(-1) [[0.0, 0.0]]; one_hot(2) RuntimeError; segment_max [1.0, -inf]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 \
    numpy==2.4.6 tensorflow==2.21.0 jax==0.10.2 torch==2.13.0
cat > run.py <<'PYTHON'
import sys

import keras
import numpy as np
from keras import ops

labels = np.array([0, 1, -1], "int32")


def seen(function):
    try:
        return ops.convert_to_numpy(function()).tolist()
    except Exception as error:
        return type(error).__name__


ones = np.ones(3, "float32")
print(
    sys.argv[1],
    f"segment_sum {seen(lambda: ops.segment_sum(ones, labels, 2))}",
    f"bincount {seen(lambda: ops.bincount(labels, minlength=2))}",
    f"one_hot(-1) {seen(lambda: ops.one_hot(labels[2:], 2))}",
    f"one_hot(2) {seen(lambda: ops.one_hot(np.array([2]), 2))}",
    f"segment_max {seen(lambda: ops.segment_max(ones, labels * 0, 2))}",
    sep="; ",
)
PYTHON
for name in tensorflow jax torch; do
    KERAS_BACKEND=$name "$folder/venv/bin/python" run.py $name 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
tensorflow; segment_sum [1.0, 1.0]; bincount InvalidArgumentError; one_hot(-1) [[0.0, 0.0]]; one_hot(2) [[0.0, 0.0]]; segment_max [1.0, -3.4028234663852886e+38]
jax; segment_sum [1.0, 1.0]; bincount [2, 1]; one_hot(-1) [[0.0, 0.0]]; one_hot(2) [[0.0, 0.0]]; segment_max [1.0, -inf]
torch; segment_sum [1.0, 1.0]; bincount RuntimeError; one_hot(-1) [[0.0, 0.0]]; one_hot(2) RuntimeError; segment_max [1.0, -inf]
SEEN
