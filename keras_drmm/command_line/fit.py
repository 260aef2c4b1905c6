"""fit: learn a model from a folder of images, few of them labelled."""

import shutil

import keras

from keras_drmm import data, zoo
from keras_drmm.callbacks import Resume
from keras_drmm.command_line.arguments import (
    add_folder,
    add_labels,
    add_output,
    check_new,
    verbosity,
    whole,
)
from keras_drmm.command_line.loading import read_folder
from keras_drmm.command_line.pictures import draw_pictures
from keras_drmm.command_line.record import (
    RECORD,
    count_learned,
    fingerprint,
    learned_labels,
    read_settings,
    settings_of,
    write_record,
)
from keras_drmm.command_line.report import FEWEST
from keras_drmm.data.images import BLOCK
from keras_drmm.evaluation import report
from keras_drmm.evaluation.pictures import check_matplotlib
from keras_drmm.zoo.preset import Preset
from keras_drmm.zoo.preset_writer import check_name

# Of the prior, for each class.
COMPONENTS = 10


def add_arguments(parser):
    """Say what the command takes."""
    add_folder(parser)
    add_labels(parser)
    parser.add_argument(
        "--epochs",
        type=whole("epochs", 1),
        help="passes over the unlabelled images; default: 10, and of few images as "
        "many as make 1000 training steps",
    )
    parser.add_argument(
        "--image-size",
        type=whole("image_size", 1),
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="size that images are resized to; by default they must have one size",
    )
    parser.add_argument(
        "--color-mode",
        choices=("auto", "grayscale", "rgb"),
        help="default: auto, rgb if any image has a colour; with --preset the preset's",
    )
    parser.add_argument(
        "--validation",
        type=number,
        default=0,
        metavar="NUMBER",
        help="labelled images that are kept back to measure the error, or their share "
        "of all images; default: %(default)s",
    )
    parser.add_argument(
        "--batch-size",
        type=whole("batch_size", 1),
        default=100,
        help="images in a training step; default: %(default)s",
    )
    parser.add_argument(
        "--shift",
        type=whole("shift", 0),
        default=0,
        metavar="PIXELS",
        help="move images by up to so many pixels; default: %(default)s",
    )
    parser.add_argument(
        "--mirror", action="store_true", help="mirror images left to right"
    )
    parser.add_argument(
        "--preset",
        help="begin with the weights of this preset, a name or a folder; images get "
        "its size and channels",
    )
    parser.add_argument(
        "--prior-epochs",
        type=whole("prior_epochs", 0),
        default=0,
        metavar="EPOCHS",
        help="then learn a prior for as many epochs, which makes samples and better "
        "scores; default: %(default)s",
    )
    parser.add_argument(
        "--prior-components",
        type=whole("prior_components", 1),
        metavar="NUMBER",
        help=f"Gaussians of each class in that prior; default: {COMPONENTS}",
    )
    parser.add_argument(
        "--seed",
        type=whole("seed", 0),
        default=0,
        help="of all that is random; default: %(default)s",
    )
    add_output(parser, "folder of the model")


def number(text):
    """Read an integer, or a share if there is a point."""
    return float(text) if "." in text else int(text)


def run(options):
    """Learn, and write the folder of the model, or go on where this was stopped.

    Until all is written, what is there is in a folder `NAME.unfinished`.
    """
    check_matplotlib()
    if options.prior_components and not options.prior_epochs:
        raise ValueError("--prior-components is of a prior: give --prior-epochs, too.")
    output = options.output.resolve()
    check_name(output)
    check_new(output, options.folder)
    preset = None if options.preset is None else Preset(options.preset, "--preset")
    size, color_mode = _form(options, preset)
    found = read_folder(options.folder, size, color_mode, options.labels, options.cache)
    if len(found.class_names) < 2:
        raise ValueError(
            f"{options.folder} must have labelled images of at least 2 classes, got "
            f"{list(found.class_names)}. Put some images of each class into a "
            "subfolder of its name, or name them in a table, --labels."
        )
    keras.utils.set_random_seed(options.seed)
    dataset, augmented = _make_datasets(options, found)
    _tell(found, dataset)
    if preset is None and options.color_mode in (None, "auto"):
        _tell_colours(found.images)
    _choose_epochs(options, dataset)
    work = output.with_name(f"{output.name}.unfinished")
    settings = settings_of(options, found)
    learned = _find_learned(options.preset, found, dataset)
    _begin(work, settings, learned)

    model = _make_model(preset, found, options.prior_epochs)
    model.class_names = found.class_names
    model.fit(
        augmented,
        epochs=options.epochs,
        # The data set shuffles itself, by seed and epoch.
        shuffle=False,
        validation_data=augmented.validation,
        verbose=verbosity(),
        callbacks=Resume(work / "run"),
    )
    if options.prior_epochs:
        keras.utils.set_random_seed(options.seed)
        components = options.prior_components or COMPONENTS
        model.fit_prior(
            dataset,
            components=components,
            epochs=options.prior_epochs,
            shuffle=False,
            verbose=verbosity(),
            callbacks=Resume(work / f"prior_{options.prior_epochs}_{components}"),
        )
    _write(options, output, work, model, found, dataset, settings)


def _form(options, preset):
    """Return size and colours of the images, which a preset decides if there is one."""
    size, color_mode = options.image_size, options.color_mode
    if preset is None:
        return None if size is None else tuple(size), color_mode or "auto"
    *own_size, channels = preset.arguments["input_shape"]
    own_mode = "rgb" if channels == 3 else "grayscale"
    for name, given, own in (
        ("--image-size", size, own_size),
        ("--color-mode", color_mode, own_mode),
    ):
        if given is not None and given != own:
            raise ValueError(
                f"{name} must be {own} with this --preset, or be left out; got {given}."
            )
    return tuple(own_size), own_mode


def _make_datasets(options, found):
    """Return the batches as the images are, and as training is shown them."""
    augment = None
    if options.shift or options.mirror:
        augment = data.ShiftAndMirror(options.shift, options.mirror)
    dataset, augmented = (
        data.semi_supervised(
            found.images,
            found.labels,
            None,
            batch_size=options.batch_size,
            validation=options.validation,
            seed=options.seed,
            augment=change,
        )
        for change in (None, augment)
    )
    learned = set(dataset.shown_labels)
    lost = [v for k, v in enumerate(found.class_names) if k not in learned]
    if lost:
        raise ValueError(
            f"No label of the classes {lost} is left to learn from: label more of "
            "their images, or give a smaller --validation."
        )
    return dataset, augmented


def _find_learned(preset, found, dataset):
    """Return {fingerprint: class} of all images whose labels the model will know.

    Those that its preset learned are among them, and may not be kept back.
    """
    before = {} if preset is None else learned_labels(preset) or {}
    kept_back = {fingerprint(found.images[row]) for row in dataset.validation_indices}
    both = before.keys() & kept_back
    if both:
        raise ValueError(
            f"The --preset learned the labels of {len(both)} of the images that are "
            "kept back: give the --validation and --seed of its fit."
        )
    return before | {
        fingerprint(found.images[row]): found.class_names[found.labels[row]]
        for row in dataset.labelled_indices
    }


def _tell(found, dataset):
    print(
        f"{len(found.images)} images of {'x'.join(map(str, found.images.shape[1:]))}: "
        f"{len(dataset.labelled_indices)} labelled, {len(dataset.unlabelled_indices)} "
        f"unlabelled, {len(dataset.validation_indices)} for validation, "
        f"{len(found.unreadable)} files left out; classes: "
        f"{', '.join(found.class_names)}",
        flush=True,
    )


def _tell_colours(images):
    """Say so if few images with a colour made colour images of all."""
    if images.shape[-1] == 1:
        return
    coloured = 0
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        coloured += int((block != block[..., :1]).any(axis=(1, 2, 3)).sum())
    if coloured < len(images) / 2:
        print(
            f"Only {coloured} of {len(images)} images have a colour, and all are read "
            "as rgb. If colour means nothing, give --color-mode grayscale.",
            flush=True,
        )


def _choose_epochs(options, dataset):
    """Set the epochs, if they were left out, and say how many steps they are."""
    enough = zoo.epochs_for(dataset)
    if options.epochs is None:
        options.epochs = enough
    text = f"{options.epochs} epochs of {len(dataset)} training steps"
    if 2 * options.epochs < enough:
        text += f"; so few images may need {enough} epochs, the default"
    print(text, flush=True)


def _begin(work, settings, learned):
    """Make the folder of an unfinished fit, or go on with the one that is there."""
    work.mkdir(exist_ok=True)
    if not any(work.iterdir()):
        write_record(work, settings, learned)
        return
    before = read_settings(work)
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        raise ValueError(
            f"{work} is what a stopped fit left, but that had other "
            f"{', '.join(changed)}. Give the same command to go on, or remove that "
            "folder to start anew."
        )
    print(f"going on with {work}", flush=True)


def _make_model(preset, found, prior_epochs):
    """Return the model that is to learn, compiled."""
    classes = len(found.class_names)
    if preset is None:
        model = zoo.for_images(found.images.shape[1:], classes)
    else:
        known = preset.class_names or map(str, range(preset.arguments["num_classes"]))
        is_same = list(known) == list(found.class_names)
        model = zoo.from_preset(preset.folder, num_classes=None if is_same else classes)
        print(f"class templates: {'those of the preset' if is_same else 'new'}")
    if prior_epochs and not hasattr(model, "fit_prior"):
        raise ValueError(
            f"`{model.name}` has no prior of switches to learn: leave out "
            "--prior-epochs."
        )
    if getattr(model, "switch_prior", None) is not None and not prior_epochs:
        raise ValueError(
            "The preset's prior of switches would not fit the weights any more: give "
            "--prior-epochs, too."
        )
    return model


def _write(options, output, work, model, found, dataset, settings):
    """Write preset, pictures and report; the folder gets its name when all is there."""
    folder = work / output.name
    if folder.exists():
        shutil.rmtree(folder)
    rows = dataset.validation_indices
    card = {
        "data": str(options.folder),
        "images": len(found.images),
        "labels": len(dataset.labelled_indices),
        "class_names": ", ".join(found.class_names),
        **{name: v for name, v in settings.items() if name != "images"},
        "prior_epochs": options.prior_epochs,
    }
    zoo.save_to_preset(folder, model, card)
    shutil.copy(work / RECORD, folder)
    draw_pictures(model, dataset.x, dataset.shown_labels, f"{folder}/")
    if len(rows) >= FEWEST:
        numbers = report(
            model,
            dataset,
            folder / "report.html",
            files=found.files,
            learned_counts=count_learned(learned_labels(folder), found.class_names),
        )
        low, high = (f"{100 * v:.1f}" for v in numbers.error_interval)
        print(
            f"error {100 * numbers.error:.1f} % ({low} to {high} %) on {len(rows)} "
            "validation images"
        )
    else:
        print(f"no report.html: it needs --validation of {FEWEST} or more")
    folder.rename(output)
    shutil.rmtree(work)
    written = sorted(path.name for path in output.iterdir())
    print(f"{output}: {', '.join(written)}")
