"""What the parts of the benchmark share: the model, its data and the rows."""

from recipes.common import results

COLUMNS = (
    "measure",
    "method",
    "images",
    "channels",
    "kernel_size",
    "seed",
    "epoch",
    "seconds",
    "error",
    "memory_mib",
    "machine",
    "backend",
    "commit",
    "command",
)
METHODS = (
    "EG",
    "hard EM",
    "hard EM, mini-batches",
    "soft EM, T=0.01",
    "soft EM, T=0.1",
    "soft EM, T=1",
    "backprop",
)
BATCH, EG_EPOCHS = 100, 5


def build(algorithm, depth=5):
    """Return conv-small without batch normalisation, or its first levels."""
    from keras_drmm import DRMM, EG, Level

    levels = [
        Level(32, 5, padding="full", pool_size=2),
        Level(64, 3, padding="valid"),
        Level(64, 3, padding="full", pool_size=2),
        Level(128, 3, padding="valid"),
        Level(10, 1),
    ]
    # The top level of all five has one channel for each class. With fewer levels the
    # class templates need a value for each position.
    is_whole = depth == len(levels)
    model = DRMM(
        levels[:depth],
        num_classes=10,
        input_shape=(28, 28, 1),
        pooling="mean" if is_whole else None,
        templates_initializer="identity" if is_whole else "glorot_uniform",
    )
    model.compile("adam", algorithm=algorithm or EG())
    return model


def algorithm(method, gram_divisor=8):
    """Return the algorithm that a method's name stands for; it uses no labels."""
    from keras_drmm import EG, HardEM, SoftEM

    if method == "EG":
        alone = {"cross_entropy": 0, "entropy": 0, "marginal_kl": 0}
        return EG(reconstruction=1, nonnegativity=0, **alone)
    settings = {"gram_divisor": gram_divisor, "step": 0.25}
    if method == "hard EM":
        return HardEM(**settings)
    if method == "hard EM, mini-batches":
        return HardEM(**{**settings, "step": 0.1}, batches_per_m_step=20)
    return SoftEM(float(method.partition("=")[2]), **settings)


def training_images(count, last=False):
    """Return the first or last `count` training images and their labels."""
    from keras_drmm import data

    (x, y), _ = data.load("mnist")
    part = slice(-count, None) if last else slice(count)
    return data.to_unit_range(x[part]), y[part].astype("int32")


def batches(x, y=None, seed=0):
    """Return batches in random order, on TensorFlow without its autotuner."""
    import keras
    import numpy as np

    from keras_drmm import data

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensors = x if y is None else (x, y)
        dataset = tf.data.Dataset.from_tensor_slices(tensors)
        dataset = dataset.shuffle(len(x), seed).batch(BATCH, drop_remainder=True)
        return data.without_autotuner(dataset)

    # `fit` only shuffles whole batches of a data set, so the rows are shuffled here.
    order = np.random.default_rng(seed).permutation(len(x))

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(x) // BATCH

        def __getitem__(self, index):
            rows = order[index * BATCH : (index + 1) * BATCH]
            return (x[rows],) if y is None else (x[rows], y[rows])

    return Batches()


def recorded(measure):
    """Return the recorded rows of a measure."""
    rows = results.read_rows("benchmark_em")
    return [row for row in rows if row["measure"] == measure]


def record(options, **values):
    """Print a row and append it, unless the run is a short one."""
    values["seconds"] = round(values["seconds"], 4)
    row = dict.fromkeys(COLUMNS, "")
    row |= {"measure": options.measure, **values}
    row |= options.origin
    print({name: row[name] for name in COLUMNS[1:10] if row[name] != ""}, flush=True)
    if options.images >= 1000:
        results.append_row(results.RESULTS / "benchmark_em.csv", row)
