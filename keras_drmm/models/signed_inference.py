"""Max-sum inference where templates of both signs render: the signed convnet."""

from typing import Any, NamedTuple

from keras import ops


class Signed(NamedTuple):
    """A configuration (c, g) and its score under every class.

    Attributes:
        logits: (B, num_classes), the score of each class with the best top-level
            nuisances for it.
        classes: (B,), the class of the configuration.
        switches: ĝ^(1..L).
        messages: I^(0..L), the signed messages (32).
    """

    logits: Any
    classes: Any
    switches: list
    messages: list


def infer_signed(model, images, labels=None, training=False):
    r"""Alternate bottom-up and top-down passes of a signed DRMM (28)-(39).

    A bottom-up pass for the signs $s^{(\ell)} = \mathrm{sgn}(z^{(\ell)})$ of a (c, g)
    chooses $g^{(1)}, g^{(2)}, ..$ and last c and $g^{(L)}$ together, each the best with
    the others fixed. This coordinate ascent never lowers the score. It starts from s =
    1, the nonnegative case.

    Where z = 0 either sign is right. There s is the sign that the class' template would
    have if all its paths were active, so that a path that is off can be found.

    Args:
        model: a `DRMM`.
        images: (B, H, W, C).
        labels: integers (B,), -1 for an unlabelled row, or None.
        training: whether batch normalisation uses the batch's statistics, in the last
            pass.

    Returns:
        `Signed` of tensors.

    Source: Patel, Nguyen, Baraniuk (2016), Theorem B.8, Lemmas B.5 and B.6.
    """
    if_active = _signs_if_active(model)
    signs = [None] * len(model.levels)
    for _ in range(model.alternations):
        found = _bottom_up(model, images, signs, labels)
        rendered = model.top_down(model.one_hot(found.classes), found.switches)
        signs = [
            ops.where(z == 0, ops.take(defaults, found.classes, axis=0), _sign(z))
            for z, defaults in zip(rendered[1:], if_active, strict=True)
        ]
    return _bottom_up(model, images, signs, labels, training)


def _bottom_up(model, images, signs, labels, training=False):
    """Choose g^(1..L-1) for `signs`, then the best of c and g^(L) together."""
    messages, switches = [images], []
    *finer, top = model.levels
    for level, s in zip(finer, signs, strict=False):
        message, inferred = level.bottom_up(messages[-1], training, s)
        messages.append(message)
        switches.append(inferred)
    (plus, on_plus), (minus, on_minus) = top.both_signs(messages[-1], training)
    logits = model.templates.match_signed(plus, minus)
    classes = model.choose(logits, labels)
    # The signs of the top level are those of the class' template.
    positive = model.templates.render(model.one_hot(classes)) >= 0
    messages.append(ops.where(positive, plus, minus))
    switches.append(ops.where(positive, on_plus, on_minus))
    return Signed(logits, classes, switches, messages)


def _signs_if_active(model):
    """Return the signs of z^(1..L), of each class, with every switch on everywhere."""
    z = model.templates.render(ops.eye(model.num_classes, dtype=model.compute_dtype))
    signs = [_sign(z)]
    for level in reversed(model.levels[1:]):
        z = level.conv.render(level.pool.spread(z))
        signs.insert(0, _sign(z))
    return signs


def _sign(z):
    """Return 1 or -1, the latter where z < 0; comparisons carry no gradient."""
    return ops.where(z < 0, -ops.ones((), z.dtype), ops.ones((), z.dtype))
