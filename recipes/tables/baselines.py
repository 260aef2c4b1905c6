"""The baselines of the tables, and the settings that they learn by."""

# `learning_rate` is Adam's at the start; it falls to 0. SWWAE's settings are those of
# the best trial of `python -m recipes.tune --model swwae`, the ladder's are its
# authors', and pseudo-label's ramp ends when that of our terms does.
SETTINGS = {
    "swwae": {
        "reconstruction": 7.0,
        "intermediate": 7.0,
        "dropout": 0.0,
        "learning_rate": 2e-3,
    },
    "ladder": {"learning_rate": 2e-3},
    "pseudo_label": {"t1": 100, "t2": 1000, "learning_rate": 2e-3},
}


def make_baseline(name, drmm, steps, learning_rate, **settings):
    """Return a compiled baseline that has the levels of a DRMM.

    Args:
        name: "swwae", "ladder" or "pseudo_label".
        drmm: the `DRMM`; its top level has one channel for each class.
        steps: training steps, over which the learning rate falls along a cosine.
        learning_rate: at the start.
        **settings: arguments of the baseline.
    """
    import keras

    from keras_drmm import baselines
    from keras_drmm.learning.schedule import cosine_decay

    if name == "pseudo_label":
        baseline = baselines.PseudoLabel(drmm.to_convnet(), **settings)
    else:
        if name == "swwae":
            # The top level takes the place of the authors' fully connected layer.
            settings["classifier_levels"] = 1
        model = {"swwae": baselines.SWWAE, "ladder": baselines.Ladder}[name]
        baseline = model(
            drmm.levels,
            num_classes=drmm.num_classes,
            input_shape=drmm.image_shape,
            **settings,
        )
    baseline.compile(keras.optimizers.Adam(cosine_decay(learning_rate, steps)))
    return baseline
