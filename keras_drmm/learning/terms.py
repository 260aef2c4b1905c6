"""The terms of the objective: one function each, in nats or squared pixel values.

Each takes what an E-step inferred, the labels (integers, -1 for an unlabelled row; None
if no row has one) and the class prior π_c, and returns one number for the batch.
"""

from keras import ops


def cross_entropy(e_step, labels, prior):
    """Mean of -ln q(c = label | I) over the labelled rows, 0 if there is none.

    Where an augmentation turned I into I', the mean of this and of
    -ln q(c = label | I').
    """
    if labels is None:
        return ops.zeros(())
    labelled = ops.cast(labels >= 0, "float32")
    log_q = _log_posterior(e_step.logits)
    # A baseline's outputs have logits alone.
    augmented = getattr(e_step, "augmented_logits", None)
    if augmented is not None:
        log_q = (log_q + _log_posterior(augmented)) / 2
    # Unlabelled rows look up class 0 and are then weighted by 0.
    targets = ops.one_hot(ops.maximum(labels, 0), log_q.shape[-1], dtype="float32")
    losses = -ops.sum(targets * log_q, axis=-1)
    return ops.sum(labelled * losses) / ops.maximum(ops.sum(labelled), 1.0)


def reconstruction(e_step, labels, prior):
    """Mean over rows and pixels of (I - Î)².

    Its gradient reaches the templates through the top-down pass only: ĉ and ĝ come
    from an argmax, which carries none.
    """
    rendered = ops.cast(e_step.reconstruction, "float32")
    # The E-step of a training step may render the first rows only.
    image = ops.cast(e_step.messages[0][: ops.shape(rendered)[0]], "float32")
    return ops.mean(ops.square(image - rendered))


def class_kl(e_step, labels, prior):
    """Mean over rows of KL(q(c|I) || π_c), as in the ELBO: minimised, it flattens q."""
    log_q = _log_posterior(e_step.logits)
    return ops.mean(ops.sum(ops.exp(log_q) * (log_q - ops.log(prior)), axis=-1))


def entropy(e_step, labels, prior):
    """Mean over rows of H(q(c|I)): minimised, it sharpens q, alone empties classes."""
    log_q = _log_posterior(e_step.logits)
    return -ops.mean(ops.sum(ops.exp(log_q) * log_q, axis=-1))


def marginal_kl(e_step, labels, prior):
    """KL(mean over the rows of q(c|I) || π_c): minimised, it keeps classes in use."""
    q = ops.exp(_log_posterior(e_step.logits))
    marginal = ops.mean(q, axis=0)
    # The smallest float32 above 0 keeps ln finite for a class no row believes in.
    log_marginal = ops.log(ops.maximum(marginal, 1e-37))
    return ops.sum(marginal * (log_marginal - ops.log(prior)))


def nonnegativity(e_step, labels, prior):
    """Σ over levels of the mean of max(0, -ẑ)²: what breaks the condition (11).

    The condition is on ẑ^(1..L); the image ẑ^(0) may be negative.
    """
    return sum(
        ops.mean(ops.square(ops.relu(-ops.cast(z, "float32"))))
        for z in e_step.rendered[1:]
    )


def consistency(e_step, labels, prior):
    """Mean over unlabelled rows of KL(q(c|I) || q(c|I')), 0 without an I'.

    q(c|I) is a target: no gradient reaches it.
    """
    if e_step.augmented_logits is None:
        return ops.zeros(())
    log_q = ops.stop_gradient(_log_posterior(e_step.logits))
    log_augmented = _log_posterior(e_step.augmented_logits)
    divergence = ops.sum(ops.exp(log_q) * (log_q - log_augmented), axis=-1)
    if labels is None:
        return ops.mean(divergence)
    unlabelled = ops.cast(labels < 0, "float32")
    return ops.sum(unlabelled * divergence) / ops.maximum(ops.sum(unlabelled), 1.0)


def _log_posterior(logits):
    """ln q(c|I), (B, num_classes)."""
    return ops.log_softmax(ops.cast(logits, "float32"))
