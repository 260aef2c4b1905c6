#!/usr/bin/env bash
# Guess: `fit` runs a training step once for each batch, so that a counter in it, and
# `optimizer.iterations`, count the batches.
# Versions: keras 3.15.1, tensorflow 2.21.0, numpy 2.4.6, on a CPU.
# Behaviour: not for a `tf.data.Dataset` that does not know its length. As it ends, what
# of the next step does not depend on the batch runs all the same: both counters are one
# more than the batches. Run eagerly, they are right.
# Output seen:
#   known length: 3 batches, counter 3, iterations 3
#   unknown length: 3 batches, counter 4, iterations 4
#   unknown length, eagerly: 3 batches, counter 3, iterations 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cd "$folder"
cat > run.py <<'PYTHON'
import keras
import numpy as np
import tensorflow as tf


class Counting(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.counter = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        logs = super().train_step(data)
        self.counter.assign_add(1)
        return logs


def report(title, dataset, **options):
    model = Counting()
    model.compile("sgd", "mse", **options)
    model.fit(dataset, verbose=0)
    batches = sum(1 for _ in dataset)
    counter, iterations = int(model.counter), int(model.optimizer.iterations)
    print(f"{title}: {batches} batches, counter {counter}, iterations {iterations}")


x, y = np.ones((6, 3), "float32"), np.ones((6, 1), "float32")
known = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
unknown = known.filter(lambda x, y: True)
report("known length", known)
report("unknown length", unknown)
report("unknown length, eagerly", unknown, run_eagerly=True)
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow CUDA_VISIBLE_DEVICES= \
    "$folder/venv/bin/python" run.py 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
known length: 3 batches, counter 3, iterations 3
unknown length: 3 batches, counter 4, iterations 4
unknown length, eagerly: 3 batches, counter 3, iterations 3
SEEN
