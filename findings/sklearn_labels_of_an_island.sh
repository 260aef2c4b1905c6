#!/usr/bin/env bash
# Guess: label spreading and label propagation say of rows that no labelled row reaches
# that their class is not known: they keep -1 in `transduction_`, or an error or a warning
# comes from `fit`.
# Versions: scikit-learn 1.9.1, numpy 2.4.6.
# Behaviour: `fit` gives each of them the first of the classes without a word, although
# the distribution it holds for them is all zeros; `predict` repeats that class.
# `predict_proba` is NaN, with NumPy's warning of a division. A second network that is
# taught by `transduction_` learns a whole cluster as class 0.
# Output seen:
#   LabelSpreading: classes [1, 2]; island [1]; distribution [0.0, 0.0]; proba [nan, nan]
#   LabelPropagation: classes [1, 2]; island [1]; distribution [0.0, 0.0]; proba [nan, nan]
#   0 warnings of fit
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    scikit-learn==1.9.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

rng = np.random.default_rng(0)
x = np.concatenate([rng.normal(centre, 0.1, (20, 2)) for centre in (0, 50, -50)])
# Of the three clusters the first has no label.
y = np.full(60, -1)
y[20], y[40] = 1, 2
count = 0
for method in (LabelSpreading, LabelPropagation):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = method(kernel="knn", n_neighbors=5).fit(x, y)
        count += len(caught)
    with warnings.catch_warnings(action="ignore"):
        proba = model.predict_proba(x[:1])[0]
    print(
        f"{method.__name__}: classes {model.classes_.tolist()}; "
        f"island {np.unique(model.transduction_[:20]).tolist()}; "
        f"distribution {model.label_distributions_[0].tolist()}; proba {proba.tolist()}"
    )
print(count, "warnings of fit")
PYTHON
"$folder/venv/bin/python" run.py | tee seen.txt
diff seen.txt - <<'SEEN'
LabelSpreading: classes [1, 2]; island [1]; distribution [0.0, 0.0]; proba [nan, nan]
LabelPropagation: classes [1, 2]; island [1]; distribution [0.0, 0.0]; proba [nan, nan]
0 warnings of fit
SEEN
