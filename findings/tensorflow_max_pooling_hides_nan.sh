#!/usr/bin/env bash
# Guess: max-pooling passes NaN on, so that a convnet whose weights have become NaN
# answers NaN, on each backend of Keras; PyTorch's does.
# Versions: keras 3.15.1, tensorflow-cpu 2.21.0.
# Behaviour: MaxPooling2D on TensorFlow (CPU) leaves NaN out: of a cell with some NaN it
# takes the largest of the others, and a cell that is NaN everywhere becomes the lowest
# float32, of which a ReLU makes 0. So a convnet with NaN for its first kernel gives
# finite logits, the same for all images, and no check of the output sees it.
# Output seen:
#   a cell of NaN and 1: 1
#   a cell of NaN: -3.4028235e+38
#   logits of a convnet with NaN weights: finite
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras==3.15.1 tensorflow-cpu==2.21.0
cd "$folder"
cat > run.py <<'PYTHON'
import keras
import numpy as np

pool = keras.layers.MaxPooling2D(2)
cell = np.full((1, 2, 2, 1), np.nan, "float32")
mixed = cell.copy()
mixed[0, 1, 1] = 1
for name, values in (("NaN and 1", mixed), ("NaN", cell)):
    print(f"a cell of {name}: {float(np.array(pool(values)).item()):.8g}")
convnet = keras.Sequential([
    keras.Input((8, 8, 1)),
    keras.layers.Conv2D(4, 3),
    keras.layers.MaxPooling2D(2),
    keras.layers.ReLU(),
    keras.layers.Flatten(),
    keras.layers.Dense(3),
])
convnet.layers[0].kernel.assign(np.full((3, 3, 1, 4), np.nan))
logits = convnet.predict(np.ones((2, 8, 8, 1), "float32"), verbose=0)
print("logits of a convnet with NaN weights:",
      "finite" if np.isfinite(logits).all() else "NaN")
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 \
    "$folder/venv/bin/python" run.py 2>errors.txt | tee seen.txt
diff seen.txt - <<'SEEN'
a cell of NaN and 1: 1
a cell of NaN: -3.4028235e+38
logits of a convnet with NaN weights: finite
SEEN
