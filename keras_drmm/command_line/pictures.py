"""Pictures of what a model renders, for `fit` and `report`."""

from pathlib import Path

import numpy as np

from keras_drmm import analysis
from keras_drmm.data.images import scale_images

# Images of a class, from which its mean appearance comes.
OF_CLASS = 20
# Columns of a picture, and so classes that it can show.
MOST_CLASSES = 100


def draw_pictures(model, images, labels, prefix):
    """Write pictures of reconstructions and, where a prior was learned, of samples.

    Says why a picture is missing.

    Args:
        model: a trained model.
        images: raw images (N, H, W, C), as `load_folder` returns them.
        labels: integers (N,), -1 for an unlabelled image.
        prefix: path with which the files' names begin.
    """
    classes = range(model.num_classes)
    rows = [np.flatnonzero(labels == k)[:OF_CLASS] for k in classes]
    missing = [k for k in classes if not len(rows[k])]
    path = f"{prefix}reconstructions.png"
    # Of a fit they are in a folder that gets its name when all is there.
    name = Path(path).name
    if not hasattr(model, "render"):
        print(f"no {name}: `{model.name}` does not render")
    elif model.num_classes > MOST_CLASSES:
        print(f"no {name}: it could not show more than {MOST_CLASSES} classes")
    elif missing:
        print(f"no {name}: {len(missing)} classes have no labelled image to show")
    else:
        chosen = np.concatenate(rows)
        shown = scale_images(images[chosen])
        analysis.plot_reconstructions(model, shown, labels[chosen], path)
    path = f"{prefix}samples.png"
    name = Path(path).name
    if getattr(model, "switch_prior", None) is None:
        print(f"no {name}: the model has no learned prior (fit --prior-epochs)")
    elif model.num_classes > MOST_CLASSES:
        print(f"no {name}: it could not show more than {MOST_CLASSES} classes")
    else:
        analysis.plot_samples(model, path)
