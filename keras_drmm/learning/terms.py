"""The terms of the objective: one function each, in nats or squared pixel values.

Each takes what an E-step inferred, the labels (integers, -1 for an unlabelled row; None
if no row has one), the weights of the rows (float32, None for 1) and the class prior
π_c. It returns the term of a batch and its weight: a mean over the rows that it is
about, and the sum of their weights. A row of weight w counts as w rows. A term that is
about no row of the batch is 0, with weight 0.
"""

from keras import ops

from keras_drmm.layers.weighting import weighted_mean


def cross_entropy(e_step, labels, sample_weight, prior):
    """Mean of -ln q(c = label | I) over the labelled rows.

    Where an augmentation turned the first rows' I into I', they count the mean of this
    and of -ln q(c = label | I').
    """
    if labels is None:
        return ops.zeros(()), ops.zeros(())
    log_q = _log_posterior(e_step.logits)
    # A baseline's outputs have logits alone.
    augmented = getattr(e_step, "augmented_logits", None)
    if augmented is not None:
        rows = ops.shape(augmented)[0]
        both = (log_q[:rows] + _log_posterior(augmented)) / 2
        log_q = ops.concatenate([both, log_q[rows:]])
    # Unlabelled rows look up class 0 and are then weighted by 0.
    targets = ops.one_hot(ops.maximum(labels, 0), log_q.shape[-1], dtype="float32")
    losses = -ops.sum(targets * log_q, axis=-1)
    return weighted_mean(losses, _only(labels >= 0, sample_weight))


def reconstruction(e_step, labels, sample_weight, prior):
    """Mean over rows and pixels of (I - Î)².

    Its gradient reaches the templates through the top-down pass only: ĉ and ĝ come
    from an argmax, which carries none.
    """
    # The E-step of a training step may render the first rows only.
    rows = ops.shape(e_step.reconstruction)[0]
    images = e_step.messages[0][:rows]
    return squared_error(images, e_step.reconstruction, sample_weight)


def class_kl(e_step, labels, sample_weight, prior):
    """Mean over rows of KL(q(c|I) || π_c), as in the ELBO: minimised, it flattens q."""
    log_q = _log_posterior(e_step.logits)
    divergence = ops.sum(ops.exp(log_q) * (log_q - ops.log(prior)), axis=-1)
    return weighted_mean(divergence, sample_weight)


def entropy(e_step, labels, sample_weight, prior):
    """Mean over rows of H(q(c|I)): minimised, it sharpens q, alone empties classes."""
    log_q = _log_posterior(e_step.logits)
    entropies = -ops.sum(ops.exp(log_q) * log_q, axis=-1)
    return weighted_mean(entropies, sample_weight)


def marginal_kl(e_step, labels, sample_weight, prior):
    """KL(mean over the rows of q(c|I) || π_c): minimised, it keeps classes in use.

    No mean over rows, but of a whole batch: means of it over several batches depend on
    how rows are put together, and weigh a batch by its rows.
    """
    q = ops.exp(_log_posterior(e_step.logits))
    marginal, rows = weighted_mean(q, sample_weight)
    # The smallest float32 above 0 keeps ln finite for a class no row believes in.
    log_marginal = ops.log(ops.maximum(marginal, 1e-37))
    return ops.sum(marginal * (log_marginal - ops.log(prior))), rows


def nonnegativity(e_step, labels, sample_weight, prior):
    """Mean over rows of Σ over levels of the mean of max(0, -ẑ)²: it breaks (11).

    The condition is on ẑ^(1..L), of which an RMM has none; the image ẑ^(0) may be
    negative.
    """
    squares = ops.zeros((ops.shape(e_step.rendered[0])[0],))
    for z in e_step.rendered[1:]:
        negative = ops.relu(-ops.cast(z, "float32"))
        squares = squares + ops.mean(ops.square(negative), axis=(1, 2, 3))
    return weighted_mean(squares, _first(squares, sample_weight))


def consistency(e_step, labels, sample_weight, prior):
    """Mean over unlabelled rows of KL(q(c|I) || q(c|I')), 0 without an I'.

    The rows are those that were augmented, the first ones. q(c|I) is a target: no
    gradient reaches it.
    """
    if e_step.augmented_logits is None:
        return ops.zeros(()), ops.zeros(())
    log_augmented = _log_posterior(e_step.augmented_logits)
    rows = ops.shape(log_augmented)[0]
    log_q = ops.stop_gradient(_log_posterior(e_step.logits[:rows]))
    divergence = ops.sum(ops.exp(log_q) * (log_q - log_augmented), axis=-1)
    sample_weight = _first(divergence, sample_weight)
    if labels is None:
        return weighted_mean(divergence, sample_weight)
    return weighted_mean(divergence, _only(labels[:rows] < 0, sample_weight))


def squared_error(x, y, sample_weight):
    """Mean over the first rows of a batch and their elements of (x - y)².

    Args:
        x: tensor (b, ...).
        y: tensor of the same shape.
        sample_weight: (B,) of all rows, or None for 1.
    """
    squares = ops.square(ops.cast(x, "float32") - ops.cast(y, "float32"))
    squares = ops.mean(squares, axis=tuple(range(1, len(squares.shape))))
    return weighted_mean(squares, _first(squares, sample_weight))


def _log_posterior(logits):
    """ln q(c|I), (B, num_classes)."""
    return ops.log_softmax(ops.cast(logits, "float32"))


def _only(rows, sample_weight):
    """Return the weights of the rows where `rows` is true, and 0 for the others."""
    chosen = ops.cast(rows, "float32")
    return chosen if sample_weight is None else chosen * sample_weight


def _first(values, sample_weight):
    """Return the weights of the first rows of a batch, those of `values`."""
    rows = ops.shape(values)[0]
    return None if sample_weight is None else sample_weight[:rows]
