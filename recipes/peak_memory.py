"""Measure the peak memory of learning from files, and from ten times as many.

    python -m recipes.peak_memory --backend tensorflow
    python -m recipes.peak_memory --backend torch --ways "float32 file"

Ways in:

- `float32 file`: `fit(x, y)` with a float32 array that is mapped from a .npy file;
- `uint8 file`: `fit(semi_supervised(x, y, ...))` with a uint8 array that is mapped;
- `folder`: `fit(semi_supervised(*load_folder(...)))` of PNG files, a tenth as many;
- `tf.data`: `fit` of a `tf.data.Dataset` that reads shards (TensorFlow alone).

A process for each way and number of images checks them all, learns from the first
batches of a shuffled epoch, and looks at its memory every 5 ms. Counted is what it
asked for (anonymous pages, `RssAnon`): pages of a mapped file are the system's to take
back. Linux alone tells them apart. Rows go to `recipes/results/peak_memory.csv`;
`--images` other than the default records nothing.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from recipes.common import results
from recipes.common.command import at_least, choose_backend, make_parser

IMAGES, TIMES = 60_000, 10
SIZE, CLASSES, BATCH, SHARD = 28, 10, 100, 5_000
FILES_PER_IMAGE = 10
STEPS = 20
STATUS = Path("/proc/self/status")


def main():
    """Measure each way twice, print and record."""
    options = parse()
    if options.measure is not None:
        choose_backend(options.backend)
        print(measure(options.measure, options.images))
        return
    origin = results.origin(options.backend)
    for way in options.ways or WAYS:
        if way == "tf.data" and options.backend != "tensorflow":
            continue
        few, many = (
            peak(way, count, options.backend)
            for count in (options.images, TIMES * options.images)
        )
        row = {
            "way": way,
            "images": options.images // (FILES_PER_IMAGE if way == "folder" else 1),
            "times": TIMES,
            "peak_mib": round(few),
            "peak_mib_many": round(many),
            "ratio": round(many / few, 3),
        }
        results.record("peak_memory", row | origin, options.images == IMAGES)


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "backend")
    parser.add_argument("--ways", nargs="+", choices=WAYS, help="default: all")
    parser.add_argument(
        "--images",
        type=at_least(500),
        default=IMAGES,
        help="of the smaller run; default: %(default)s",
    )
    parser.add_argument(
        "--measure", choices=WAYS, help="be the process of one way, print its MiB"
    )
    return parser.parse_args(arguments)


def peak(way, images, backend):
    """Return the peak memory in MiB of a new process that learns."""
    command = [sys.executable, "-m", "recipes.peak_memory", "--backend", backend]
    command += ["--measure", way, "--images", str(images)]
    process = subprocess.run(
        command, cwd=results.PROJECT, capture_output=True, text=True
    )
    if process.returncode:
        raise RuntimeError(f"{way}, {images} images:\n{process.stderr}")
    return float(process.stdout.split()[-1])


def measure(way, images):
    """Learn in one way, and return the peak memory of it in MiB."""
    import keras_drmm
    from keras_drmm import DRMM, EG, Level

    keras_drmm.data.load("mnist")  # what it imports is not the data's
    level = Level(4, 5, pool_size=4)
    model = DRMM([level], (SIZE, SIZE, 1), CLASSES)
    model.compile("sgd", algorithm=EG())
    with tempfile.TemporaryDirectory() as folder:
        make, learn = WAYS[way]
        made = make(Path(folder), images)
        with Peak() as found:
            learn(model, made)
    return found.mib


class Peak:
    """The largest anonymous memory of this process while the block runs."""

    def __enter__(self):
        self.mib = 0.0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()

    def _look(self):
        while not self._ends.is_set():
            self.mib = max(self.mib, anonymous())
            time.sleep(0.005)


def anonymous():
    """Return the anonymous memory of this process in MiB."""
    (line,) = (
        line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon")
    )
    return int(line.split()[1]) / 1024


def make_array(folder, images, dtype):
    """Write random images block by block; return the map of the file and labels."""
    import numpy as np

    random = np.random.default_rng(0)
    shape = (images, SIZE, SIZE, 1)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", dtype, shape)
    for start in range(0, images, SHARD):
        block = x[start : start + SHARD]
        pixels = random.integers(0, 256, block.shape, "uint8")
        block[...] = pixels if dtype == "uint8" else pixels / np.float32(255)
    x.flush()
    y = (np.arange(images) % CLASSES).astype("int32")
    return np.load(folder / "x.npy", mmap_mode="r"), y


def make_files(folder, images):
    """Write PNG files in a subfolder for each class, and return the folder."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(images // FILES_PER_IMAGE):
        path = folder / "images" / f"class_{number % CLASSES}" / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (SIZE, SIZE), "uint8")).save(path)
    return folder / "images"


def make_shards(folder, images):
    """Write shards of images and labels, and return their paths."""
    import numpy as np

    random = np.random.default_rng(0)
    paths = []
    for number in range(images // SHARD):
        paths.append(str(folder / f"shard_{number:03}.npz"))
        x = random.integers(0, 256, (SHARD, SIZE, SIZE, 1), "uint8")
        np.savez(paths[-1], x=x, y=(np.arange(SHARD) % CLASSES).astype("int32"))
    return paths


def learn_array(model, made):
    """Learn from a float array, a tenth of it labelled."""
    import numpy as np

    x, y = made
    labels = np.where(np.arange(len(y)) % 10 == 0, y, -1)
    model.fit(x, labels, batch_size=BATCH, steps_per_epoch=STEPS, verbose=0)


def learn_dataset(model, made):
    """Learn from integers, a hundred of them labelled."""
    from keras_drmm import data

    dataset = data.semi_supervised(*made, num_labels=100, batch_size=BATCH)
    steps = min(STEPS, len(dataset))
    model.fit(dataset, steps_per_epoch=steps, verbose=0)


def learn_folder(model, folder):
    """Learn from a folder of image files, through the map that `load_folder` writes."""
    from keras_drmm import data

    found = data.load_folder(folder, cache=folder.parent / "cache.npy", verbose=0)
    learn_dataset(model, (found.images, found.labels))


def learn_shards(model, paths):
    """Learn from files that `tf.data` reads one after the other."""
    import numpy as np
    import tensorflow as tf

    def batches():
        for path in paths:
            with np.load(path) as shard:
                x, y = shard["x"], shard["y"]
            for start in range(0, len(x), BATCH):
                rows = slice(start, start + BATCH)
                yield x[rows] / np.float32(255), y[rows]

    signature = (
        tf.TensorSpec((BATCH, SIZE, SIZE, 1), tf.float32),
        tf.TensorSpec((BATCH,), tf.int32),
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    dataset = dataset.shuffle(10)
    model.fit(dataset, steps_per_epoch=STEPS, verbose=0)


# {name: (what writes the data, what learns from it)}
WAYS = {
    "float32 file": (lambda *made: make_array(*made, "float32"), learn_array),
    "uint8 file": (lambda *made: make_array(*made, "uint8"), learn_dataset),
    "folder": (make_files, learn_folder),
    "tf.data": (make_shards, learn_shards),
}


if __name__ == "__main__":
    main()
