"""report: write a page that says how far a model can be trusted."""

import numpy as np

from keras_drmm.command_line.arguments import (
    add_folder,
    add_labels,
    add_model,
    add_output,
    check_new,
    whole,
)
from keras_drmm.command_line.loading import load_model, names_of, read_for
from keras_drmm.command_line.pictures import draw_pictures
from keras_drmm.command_line.record import count_learned, fingerprint, learned_labels
from keras_drmm.data import SemiSupervisedDataset
from keras_drmm.evaluation import report as write_report
from keras_drmm.evaluation.pictures import check_matplotlib

# The fewest that `evaluation.report` takes.
FEWEST = 2


def add_arguments(parser):
    """Say what the command takes."""
    add_model(parser)
    add_folder(parser)
    add_labels(parser)
    parser.add_argument(
        "--count",
        type=whole("count", 1),
        default=25,
        help="pictures in each list of the page; default: %(default)s",
    )
    add_output(parser, "HTML page")


def run(options):
    """Write the page, and beside it the images to label next and pictures."""
    check_matplotlib()
    output = options.output
    prefix = output.with_suffix("")
    check_new(output, options.folder)
    for name in ("to_label.csv", "reconstructions.png", "samples.png"):
        check_new(prefix.with_name(f"{prefix.name}_{name}"), options.folder)
    model = load_model(options.model)
    learned = learned_labels(options.model)
    found = read_for(model, options.folder, options.labels, options.cache)
    names = names_of(model)
    labels = _number(found, names, options.folder)
    dataset = _split(model, found.images, labels, learned, options.folder)
    numbers = write_report(
        model,
        dataset,
        output,
        count=options.count,
        files=found.files,
        learned_counts=count_learned(learned, names),
    )
    low, high = (f"{100 * v:.1f}" for v in numbers.error_interval)
    print(
        f"{output}: error {100 * numbers.error:.1f} % ({low} to {high} %) on "
        f"{numbers.rows} labelled images"
    )
    draw_pictures(model, found.images, labels, f"{prefix}_")


def _number(found, names, folder):
    """Return labels as the model numbers its classes, which may be more."""
    unknown = [name for name in found.class_names if name not in names]
    if unknown:
        raise ValueError(
            f"{folder} has the classes {unknown}, but the model knows {names}. Rename "
            "or move their images; those without a class go into `unlabelled`."
        )
    numbers = [names.index(name) for name in found.class_names]
    # The last one is that of an unlabelled image, -1.
    return np.array([*numbers, -1], "int32")[found.labels]


def _split(model, images, labels, learned, folder):
    """Return a data set whose validation rows are the labels that are new to a model.

    Args:
        model: the model.
        images: uint8 (N, H, W, C).
        labels: integers (N,), -1 for an unlabelled image.
        learned: {fingerprint: class} of the images whose labels the model learned, or
            None.
        folder: of the images, for errors.
    """
    known = np.flatnonzero(labels >= 0)
    if learned is None:
        print(
            f"No record says what the model learned: all {len(known)} labelled images "
            "are taken as new to it."
        )
        learned = {}
    is_learned = np.array([fingerprint(images[row]) in learned for row in known], bool)
    new = known[~is_learned]
    if len(new) < FEWEST:
        raise ValueError(
            f"{folder} has {len(new)} labelled images that the model did not learn, "
            f"and {is_learned.sum()} that it did. A report needs at least {FEWEST} new "
            "ones: give a folder of others, or keep some back by fit --validation."
        )
    if learned and not is_learned.any():
        print(
            f"None of the {len(learned)} images whose labels the model learned is in "
            "this folder as it was read then."
        )
    if is_learned.any():
        print(f"{is_learned.sum()} labelled images were learned and are not counted.")
    return SemiSupervisedDataset(
        images,
        labels,
        labelled_indices=known[is_learned] if is_learned.any() else new,
        unlabelled_indices=np.flatnonzero(labels < 0),
        validation_indices=new,
        num_classes=model.num_classes,
        # There is no training.
        batch_size=len(labels),
        labelled_per_batch=None,
        seed=0,
    )
