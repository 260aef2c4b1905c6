#!/usr/bin/env bash
# Guess: `fit(class_weight=...)` gives a row whose label is no key the weight 1, as it
# does with arrays, so that rows of label -1, which `ignore_class=-1` leaves out of the
# loss, need no weight.
# Versions: keras 3.15.1, tensorflow 2.21.0, numpy 2.4.6, on a CPU.
# Behaviour: with arrays that is so. From a `tf.data.Dataset` of the same rows Keras looks
# the weight up by the label, and -1 is out of bounds: `fit` raises InvalidArgumentError.
# Output seen:
#   arrays: 1 epoch
#   tf.data: InvalidArgumentError
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

x, y = np.ones((4, 3), "float32"), np.array([0, 1, -1, 1])
model = keras.Sequential([keras.layers.Dense(2)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
model.compile("sgd", loss=loss)
weights = {0: 1.0, 1: 2.0}
history = model.fit(x, y, class_weight=weights, verbose=0).history
print(f"arrays: {len(history['loss'])} epoch")
try:
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
    model.fit(dataset, class_weight=weights, verbose=0)
    print("tf.data: 1 epoch")
except tf.errors.InvalidArgumentError as error:
    print(f"tf.data: {type(error).__name__}")
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow CUDA_VISIBLE_DEVICES= \
    "$folder/venv/bin/python" run.py 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
arrays: 1 epoch
tf.data: InvalidArgumentError
SEEN
