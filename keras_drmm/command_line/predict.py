"""predict: name the class of each image in a folder, in a CSV file."""

import csv

import keras
import numpy as np
from scipy.special import softmax

from keras_drmm.command_line.arguments import (
    add_folder,
    add_model,
    add_output,
    check_new,
    verbosity,
)
from keras_drmm.command_line.loading import load_model, names_of, read_for
from keras_drmm.data.images import BLOCK, scale_images

COLUMNS = ("file", "class", "probability", "score")
# Images at a time.
BATCH = 100
# Methods that score how well a model explains images, by what they return.
SCORES = {
    "score_samples": "how well the model explains the image, by its prior of switches",
    "log_prob": "ln p(image), in nats",
    "max_sum_score": "ln p(image, class, switches) in nats, a lower bound of ln "
    "p(image)",
}


def add_arguments(parser):
    """Say what the command takes."""
    add_model(parser)
    add_folder(parser)
    add_output(parser, "CSV file")


def run(options):
    """Write a line for each file of the folder.

    A file that cannot be read has a line without an answer.
    """
    check_new(options.output, options.folder)
    model = load_model(options.model)
    names, score = names_of(model), choose_score(model)
    found = read_for(model, options.folder, False, options.cache)
    answers = {name: ("", "", "") for name, _ in found.unreadable}
    bar = keras.utils.Progbar(len(found.files), verbose=verbosity(), unit_name="image")
    for start in range(0, len(found.files), BLOCK):
        files = found.files[start : start + BLOCK]
        images = scale_images(found.images[start : start + BLOCK])
        logits = model.predict(images, batch_size=BATCH, verbose=0)
        probabilities = softmax(np.float64(logits), axis=1)
        scores = getattr(model, score)(images, batch_size=BATCH)
        for file, row, value in zip(files, probabilities, scores, strict=True):
            best = int(row.argmax())
            answers[file] = (names[best], f"{row[best]:.7g}", f"{value:.7g}")
        bar.update(start + len(files))
    with options.output.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((name, *answers[name]) for name in sorted(answers))
    print(f"{options.output}: {len(found.files)} answers; score: {SCORES[score]}")
    if found.unreadable:
        print(f"{len(found.unreadable)} files have none: they could not be read")


def choose_score(model):
    """Return the name of the method that scores images, the best that there is.

    Raises:
        ValueError: the model has none.
    """
    has_prior = getattr(model, "switch_prior", None) is not None
    for name in SCORES:
        if hasattr(model, name) and (has_prior or name != "score_samples"):
            return name
    raise ValueError(f"`{model.name}` does not score images.")
