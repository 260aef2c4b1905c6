"""Tiny models that learn 8x8 digits in a second, and what they learned, compared."""

import json

# Written by a run within its folder: all that it learned.
RESULT = "result.npz"
ROWS = 200


def make(method, batch_size=50):
    """Return the model of a method, its method that learns, and what that is given.

    Args:
        method: "EG", with the zoo's settings: normalisation, noise, and few rows
            rendered and augmented; "EG, every row", which looks at every row with all
            terms and normalises; "EG, no norm", the same without normalisation; "hard
            EM", "hard EM, whole sweeps" or "soft EM" of a DRMM; "RMM", by soft EM, or
            "RMM, hard EM"; "fit_prior" of a DRMM.
        batch_size: number of rows in a batch.
    """
    import keras

    from keras_drmm import DRMM, EG, RMM, HardEM, Level, SoftEM, data
    from keras_drmm.zoo.settings import load_and_compile

    images, labels = digits()
    x = data.to_unit_range(images)
    if method.startswith("RMM"):
        model = RMM((8, 8, 1), num_classes=10, num_nuisances=2)
        model.compile(algorithm=HardEM() if method == "RMM, hard EM" else SoftEM())
        return model, model.fit, {"x": x, "batch_size": batch_size}
    normalises = method in ("EG", "EG, every row", "fit_prior")
    levels = [Level(size, 3, pool_size=2, batch_norm=normalises) for size in (8, 10)]
    model = DRMM(levels, (8, 8, 1), num_classes=10)
    given = {"x": x, "y": labels, "batch_size": batch_size}
    if method == "fit_prior":
        given |= {"style_size": 3, "width": 4, "components": 1}
        return model, model.fit_prior, given
    algorithms = {
        "hard EM": HardEM(batches_per_m_step=2),
        "hard EM, whole sweeps": HardEM(),
        "soft EM": SoftEM(),
    }
    if method in algorithms:
        model.compile(algorithm=algorithms[method])
        return model, model.fit, given
    if method == "EG":
        load_and_compile(model, None, None)
    else:
        noise = keras.layers.GaussianNoise(0.4)
        eg = EG(class_kl=0.1, consistency=1.0, augmentation=noise)
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), algorithm=eg)
    batches = data.semi_supervised(images, labels, 50, batch_size=batch_size)
    return model, model.fit, {"x": batches, "shuffle": False}


def digits():
    """Return the first images of scikit-learn's digits, bytes, and their classes."""
    import numpy as np
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return np.uint8(images[:ROWS] * 15).reshape(-1, 8, 8, 1), labels[:ROWS]


def save(folder, model, history):
    """Write what a run learned: all variables, and its history row by row.

    Args:
        folder: `RESULT` is written there, whole or not at all.
        model: that learned; the variables of its optimizer are written, too.
        history: the Keras `History`.
    """
    import numpy as np
    from keras import ops

    rows = {"epoch": history.epoch, **history.history}
    variables = [*model.variables]
    if model.compiled:
        variables += model.optimizer.variables
    arrays = {
        f"{number} {v.path}": ops.convert_to_numpy(v)
        for number, v in enumerate(variables)
    }
    np.savez(folder / f".{RESULT}", rows=json.dumps(rows), **arrays)
    (folder / f".{RESULT}").rename(folder / RESULT)


def compare(run, other):
    """Return the largest of the `differences` of two runs."""
    return max(differences(run, other).values())


def differences(run, other):
    """Return {name of a variable or log: the largest difference of two runs}.

    It is relative to the largest value where that is above 1.
    Names are those of `other`. It is infinite where histories have other rows.
    """
    import numpy as np

    with np.load(run / RESULT) as ours, np.load(other / RESULT) as theirs:
        rows, expected = (json.loads(str(v["rows"])) for v in (ours, theirs))
        if rows["epoch"] != expected["epoch"] or rows.keys() != expected.keys():
            return {"epoch": np.inf}
        # In order: names of layers count on within a process.
        names = [[n for n in v.files if n != "rows"] for v in (ours, theirs)]
        found = {
            name: _difference(ours[own], theirs[name])
            for own, name in zip(*names, strict=True)
        }
    pairs = {name: (rows[name], values) for name, values in expected.items()}
    return found | {name: _difference(*pair) for name, pair in pairs.items()}


def _difference(ours, theirs):
    import numpy as np

    ours, theirs = (np.asarray(v, "float64") for v in (ours, theirs))
    if ours.shape != theirs.shape:
        return np.inf
    apart = np.where(ours == theirs, 0, np.abs(ours - theirs))
    # Float32 has its digits relative to the value, as large losses do.
    apart /= max(1, np.nanmax(np.abs(theirs), initial=0))
    # Metrics without a row are NaN in both.
    apart[np.isnan(ours) & np.isnan(theirs)] = 0
    apart[np.isnan(apart)] = np.inf
    return float(apart.max(initial=0))
