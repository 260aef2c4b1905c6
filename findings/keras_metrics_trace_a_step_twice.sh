#!/usr/bin/env bash
# Guess: on TensorFlow the first `fit` of a compiled model traces its training step once,
# with metrics as without them.
# Versions: keras 3.15.1, tensorflow 2.21.0, numpy 2.4.6, on a CPU.
# Behaviour: with a metric that `compile` is given by name, the step is traced twice. The
# metric's variables are made in the first trace, which TensorFlow then repeats. A metric
# that is built before, by `evaluate` for one, leaves one trace.
# Output seen:
#   no metric: 1
#   accuracy: 2
#   accuracy, after evaluate: 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cd "$folder"
cat > traces.py <<'PYTHON'
import keras
import numpy as np

rows, classes = np.ones((8, 3), "float32"), np.zeros(8, "int32")


class Traced(keras.Sequential):
    count = 0

    def train_step(self, data):
        self.count += 1
        return super().train_step(data)


for title, metrics in (
    ("no metric", None),
    ("accuracy", ["accuracy"]),
    ("accuracy, after evaluate", ["accuracy"]),
):
    model = Traced([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=metrics)
    if "evaluate" in title:
        model.evaluate(rows, classes, verbose=0)
    model.fit(rows, classes, batch_size=4, verbose=0)
    print(f"{title}: {model.count}")
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow CUDA_VISIBLE_DEVICES= \
    "$folder/venv/bin/python" traces.py 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
no metric: 1
accuracy: 2
accuracy, after evaluate: 1
SEEN
