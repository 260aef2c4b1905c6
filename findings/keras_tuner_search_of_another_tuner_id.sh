#!/usr/bin/env bash
# Guess: a search of keras-tuner that finds its project folder goes on where the last one
# stopped, since `overwrite=False` "reloads an existing project of the same name": also
# where one process began and a chief with workers goes on, or the other way round.
# Versions: keras-tuner 1.4.8 (which imports six without asking for it: 1.17.0), keras
# 3.15.1, jax 0.10.2, numpy 2.4.6.
# Behaviour: whether there is something to reload is decided by the file
# `<KERASTUNER_TUNER_ID>.json`. A process alone is "tuner0", a chief has another name. So
# the search starts from nothing, without a word, gives its trials the numbers of those
# that are there, and overwrites them. With the same name for both it goes on.
# Output seen:
#   two trials by tuner0, then two more by tuner0: ran 2, knows 4
#   two trials by tuner0, then two more by chief: ran 4, knows 4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    keras-tuner==1.4.8 keras==3.15.1 jax==0.10.2 numpy==2.4.6 six==1.17.0
cd "$folder"
cat > run.py <<'PYTHON'
import os
import sys

import keras_tuner

ran = []


class Tuner(keras_tuner.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        ran.append(trial.trial_id)
        return trial.hyperparameters.Float("a", 0.0, 1.0)


def space(hp):
    hp.Float("a", 0.0, 1.0)


tuner = Tuner(
    space,
    objective=keras_tuner.Objective("default_objective", "min"),
    max_trials=int(sys.argv[2]),
    seed=1,
    directory=".",
    project_name=sys.argv[1],
)
tuner.search(verbose=0)
if len(sys.argv) > 3:
    name = os.environ.get("KERASTUNER_TUNER_ID", "tuner0")
    print(
        f"two trials by tuner0, then two more by {name}: ran {len(ran)}, knows "
        f"{len(tuner.oracle.trials)}"
    )
PYTHON
export KERAS_BACKEND=jax
for name in tuner0 chief; do
    "$folder/venv/bin/python" run.py "$name" 2 > begun.txt 2> errors.txt
    KERASTUNER_TUNER_ID=$name "$folder/venv/bin/python" run.py "$name" 4 last \
        2> errors.txt
done | grep trials | tee seen.txt
diff seen.txt - <<'SEEN'
two trials by tuner0, then two more by tuner0: ran 2, knows 4
two trials by tuner0, then two more by chief: ran 4, knows 4
SEEN
