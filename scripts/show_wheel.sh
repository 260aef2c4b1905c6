#!/usr/bin/env bash
# Show that an installed wheel is enough, from a folder of images to a file of ONNX.
#
#     scripts/show_wheel.sh [FOLDER]
#
# Builds the wheel and installs it with its extras into an empty virtual environment in
# FOLDER, by default a new temporary one, where an environment that is there is used
# again. All else runs there, outside of the clone and without a network:
#
# 1. 5,000 digits of MNIST, which the wheel holds, become PNG files: 10 of each class in
#    its subfolder, the others in `unlabelled`. 1,000 others are for the report.
# 2. `fit` learns them; it is killed after an epoch, and the same command goes on. Then
#    `predict` answers, `report` writes its page, and `export` a file.
# 3. onnxruntime runs that file on the pixels of the same PNG files, as Pillow reads
#    them, and its answers are compared with those of `predict`.
#
# Each step prints its seconds and the processor's. `EPOCHS=2`, the fewest, makes it a
# quick check.
set -euo pipefail
clone=$(cd "$(dirname "$0")/.." && pwd)
folder=$(realpath -m "${1:-$(mktemp -d)}")
epochs=${EPOCHS:-20}
index=https://download.pytorch.org/whl/cpu
export KERAS_BACKEND=torch OMP_WAIT_POLICY=passive MPLCONFIGDIR="$folder" HOME="$folder"
unset PYTHONPATH
TIMEFORMAT='    %R s, of the processor %U + %S s'
mkdir -p "$folder"
cd "$folder"

step() {
    echo "== $*"
    time "$@"
}

install() {
    if [ ! -x venv/bin/python ]; then
        python3 -m venv venv
        # The build for processors alone; PyPI's brings CUDA.
        venv/bin/pip install -q --no-deps --extra-index-url "$index" \
            -c "$clone/requirements/constraints.txt" torch
    fi
    venv/bin/pip install -q -c "$clone/requirements/constraints.txt" \
        "$(ls wheel/keras_drmm-*.whl)[torch,images,plots,export]"
    venv/bin/pip install -q --no-deps --force-reinstall wheel/keras_drmm-*.whl
}

rm -rf wheel source photos new model model.unfinished report* answers.csv model.onnx
# What is committed, without what an earlier build left in the clone.
mkdir source
git -C "$clone" archive HEAD | tar -x -C source
step python3 -m pip wheel -q --no-deps -w wheel ./source
step install

cat > write.py <<'PYTHON'
"""Write PNG files of MNIST."""

from pathlib import Path

from PIL import Image

import keras_drmm

(x, y), (x_test, y_test) = keras_drmm.data.load("mnist")
labelled = {int(i) for k in range(10) for i in (y == k).nonzero()[0][:10]}
for i in range(5000):
    path = Path("photos", str(y[i]) if i in labelled else "unlabelled", f"{i:05}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(x[i].squeeze()).save(path)
for i in range(1000):
    path = Path("new", str(y_test[i]), f"{i:05}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(x_test[i].squeeze()).save(path)
print(keras_drmm.__file__)
PYTHON
cat > compare.py <<'PYTHON'
"""Compare the answers of onnxruntime with those of `predict`; Keras is not imported."""

import csv
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from scipy.special import softmax

with open("answers.csv", newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
images = np.stack([np.asarray(Image.open(Path("new", v["file"]))) for v in rows])
session = onnxruntime.InferenceSession("model.onnx")
(given,) = session.get_inputs()
(logits,) = session.run(None, {given.name: np.float32(images[..., None] / 255)})
probabilities = softmax(np.float64(logits), axis=1)
found = np.array([float(v["probability"]) for v in rows])
differ = sum(v["class"] != str(k) for v, k in zip(rows, logits.argmax(axis=1)))
errors = sum(v["class"] != v["file"].split("/")[0] for v in rows)
largest = np.abs(probabilities.max(axis=1) - found).max()
print(f"{len(rows)} images: {differ} other classes, probabilities differ by {largest:.1e}")
print(f"{errors} of {len(rows)} answers are not the digit")
assert not differ and largest < 1e-5
PYTHON

# Without root's rights a network of its own needs a user of its own.
offline=(unshare --net)
[ "$(id -u)" -eq 0 ] || offline=(unshare --user --net)
offline() { "${offline[@]}" "$@"; }
python=venv/bin/python
step offline "$python" write.py
fit=("$python" -m keras_drmm fit photos --epochs "$epochs" --output model)
kill_after_an_epoch() {
    "${offline[@]}" "${fit[@]}" &
    until [ -e model.unfinished/backup/training_metadata.json ]; do
        kill -0 $! && sleep 1
    done
    kill -KILL $!
    wait $! || echo "killed with exit status $?"
}
step kill_after_an_epoch
step offline "${fit[@]}"
step offline "$python" -m keras_drmm predict model new --output answers.csv
step offline "$python" -m keras_drmm report model new --output report.html
step offline "$python" -m keras_drmm export model --format onnx --output model.onnx
step offline "$python" compare.py
ls -l model report* answers.csv model.onnx
echo "all is in $folder"
