#!/usr/bin/env bash
# Guess: within `tf.distribute.MultiWorkerMirroredStrategy().scope()` a stock Keras model
# fits arrays of images and labels, as it does under MirroredStrategy.
# Versions: keras 3.15.1, tensorflow-cpu 2.21.0.
# Behaviour: with two workers of a CPU each, `fit(x, y)` ends with a ValueError before
# the first step: to build its metrics Keras reads a batch and hands the pair, whose
# parts are values of each replica, to a function that takes tensors. A single process
# with two logical CPUs under MirroredStrategy learns.
# Output seen:
#   MirroredStrategy, 2 replicas: learns
#   MultiWorkerMirroredStrategy, 2 workers: ValueError, unsupported type PerReplica
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras==3.15.1 tensorflow-cpu==2.21.0
cd "$folder"
cat > run.py <<'PYTHON'
import json
import os
import sys

rank, port = map(int, sys.argv[1:])
if port:
    workers = [f"localhost:{port + n}" for n in range(2)]
    os.environ["TF_CONFIG"] = json.dumps({
        "cluster": {"worker": workers}, "task": {"type": "worker", "index": rank}})
import keras
import numpy as np
import tensorflow as tf

if port:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
else:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
x = np.ones((8, 3), "float32")
try:
    model.fit(x, x[:, :1], batch_size=4, epochs=1, verbose=0)
    found = "learns"
except ValueError as error:
    found = f"ValueError{', unsupported type PerReplica' * ('PerReplica' in str(error))}"
name = "MultiWorkerMirroredStrategy, 2 workers" if port else "MirroredStrategy, 2 replicas"
print(f"{name}: {found}")
PYTHON
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3
port=$("$folder/venv/bin/python" -c "import socket; s = socket.socket(); \
s.bind(('localhost', 0)); print(s.getsockname()[1])")
"$folder/venv/bin/python" run.py 0 0 2>errors.txt > seen.txt
timeout 120 "$folder/venv/bin/python" run.py 1 "$port" >/dev/null 2>&1 &
timeout 120 "$folder/venv/bin/python" run.py 0 "$port" 2>>errors.txt >> seen.txt
wait || true
cat seen.txt
diff seen.txt - <<'SEEN'
MirroredStrategy, 2 replicas: learns
MultiWorkerMirroredStrategy, 2 workers: ValueError, unsupported type PerReplica
SEEN
