"""The peers of the tables, and the settings they learn by."""

# `learning_rate` is Adam's at the start, from where it falls to 0. SWWAE's are of the
# best trial of `tune.py --model swwae`, the ladder's its authors'; pseudo-label's ramp
# ends where that of our terms does.
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


def make_peer(name, drmm, steps, learning_rate, **settings):
    """Return a compiled peer of a DRMM's configuration.

    Args:
        name: "swwae", "ladder" or "pseudo_label".
        drmm: the `DRMM`, whose top level has a channel a class.
        steps: training steps, over which the learning rate falls along a cosine.
        learning_rate: at the start.
        **settings: arguments of the peer.
    """
    import keras

    from keras_drmm import baselines
    from keras_drmm.learning.schedule import falling

    configuration = (drmm.levels, drmm.num_classes, drmm.image_shape)
    if name == "swwae":
        # The level of a channel a class is the authors' fully connected layer.
        peer = baselines.SWWAE(*configuration, classifier_levels=1, **settings)
    elif name == "ladder":
        peer = baselines.Ladder(*configuration, **settings)
    else:
        peer = baselines.PseudoLabel(drmm.to_convnet(), **settings)
    peer.compile(keras.optimizers.Adam(falling(learning_rate, steps)))
    return peer
