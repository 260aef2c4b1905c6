#!/usr/bin/env bash
# Guess: with `KERAS_BACKEND=torch`, `import keras` imports PyTorch and neither JAX nor
# TensorFlow, installed or not: it needs none of them.
# Versions: keras 3.15.1, torch 2.13.0, jax 0.10.2, numpy 2.4.6.
# Behaviour: where JAX is installed it is imported, too, by the callback for Orbax
# checkpoints, which adds a function to `jax.monitoring` if that lacks it. So what JAX
# does as it is imported (it reads its flags) happens under another backend, and each
# process of PyTorch pays its seconds. With `KERAS_BACKEND=jax`, PyTorch is left alone.
# Output seen:
#   torch, JAX not installed: torch True, jax False
#   torch, JAX installed: torch True, jax True
#   asked for by keras.src.callbacks.orbax_checkpoint
#   jax, PyTorch installed: torch False, jax True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
install() {
    "$folder/venv/bin/pip" install -q --disable-pip-version-check "$@"
}
cat > run.py <<'PYTHON'
import sys

import keras

here = {name: name in sys.modules for name in ("torch", "jax")}
print(f"{sys.argv[1]}: torch {here['torch']}, jax {here['jax']}")
PYTHON
cat > who.py <<'PYTHON'
import builtins
import sys

plain = builtins.__import__


def watching(name, globals=None, *rest, **others):
    if name == "jax" and "jax" not in sys.modules:
        print(f"asked for by {globals['__name__']}")
    return plain(name, globals, *rest, **others)


builtins.__import__ = watching
import keras  # noqa: E402, F401
PYTHON
run() {
    KERAS_BACKEND=$1 "$folder/venv/bin/python" "${@:2}" 2>>errors.txt
}
{
    install keras==3.15.1 torch==2.13.0 numpy==2.4.6
    run torch run.py "torch, JAX not installed"
    install jax==0.10.2
    run torch run.py "torch, JAX installed"
    run torch who.py
    run jax run.py "jax, PyTorch installed"
} | tee seen.txt
diff seen.txt - <<'SEEN'
torch, JAX not installed: torch True, jax False
torch, JAX installed: torch True, jax True
asked for by keras.src.callbacks.orbax_checkpoint
jax, PyTorch installed: torch False, jax True
SEEN
