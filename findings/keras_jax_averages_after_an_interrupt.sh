#!/usr/bin/env bash
# Guess: with an optimizer that averages weights (use_ema), Keras puts the averages in
# place at the end of `fit`; where an exception leaves `fit` early, a KeyboardInterrupt
# for one, the weights are those of the last step, on each backend.
# Versions: keras 3.15.1, jax 0.10.2, torch 2.13.0.
# Behaviour: so it is on PyTorch (and on TensorFlow). On JAX the variables get their
# values back from the training loop as `fit` is left, however it is left, and the
# averages are put in place there too: what an interrupted fit leaves is another model
# than on the other backends, and one that goes on learning from it goes on from averages.
# Output seen:
#   jax: the averages
#   torch: the weights of the last step
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    --extra-index-url https://download.pytorch.org/whl/cpu \
    keras==3.15.1 jax==0.10.2 torch==2.13.0
cd "$folder"
cat > run.py <<'PYTHON'
import keras
import numpy as np

keras.utils.set_random_seed(0)
seen = {}


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            seen["averages"] = np.array(keras.ops.convert_to_numpy(
                self.model.optimizer._model_variables_moving_average[0]))
            raise KeyboardInterrupt


layer = keras.layers.Dense(1, use_bias=False)
model = keras.Sequential([keras.Input((3,)), layer])
model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
x = np.random.default_rng(0).random((8, 3)).astype("float32")
try:
    model.fit(x, 9 * x[:, :1], epochs=5, verbose=0, callbacks=[Interrupt()])
except KeyboardInterrupt:
    pass
kernel = keras.ops.convert_to_numpy(layer.kernel)
same = np.allclose(kernel, seen["averages"], atol=1e-6)
print(f"{keras.backend.backend()}: the "
      f"{'averages' if same else 'weights of the last step'}")
PYTHON
for backend in jax torch; do
    KERAS_BACKEND=$backend "$folder/venv/bin/python" run.py 2>>errors.txt
done | tee seen.txt
diff seen.txt - <<'SEEN'
jax: the averages
torch: the weights of the last step
SEEN
