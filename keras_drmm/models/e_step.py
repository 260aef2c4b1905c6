"""EStep: what one E-step infers."""

from typing import Any, NamedTuple

from keras_drmm.layers.deprecation import renamed_attributes


@renamed_attributes(disturbed_logits="augmented_logits")
class EStep(NamedTuple):
    """The most probable configuration (ĉ, ĝ) of each image and what it renders.

    Lists are ordered by level, the finest first.

    Attributes:
        logits: (B, num_classes), the classes' scores (41).
        classes: (B,) int32, the class that is rendered: ĉ, or the true class of rows
            whose label was given.
        switches: ĝ^(1..L), int8, each the size of its level's message (42), (43).
        messages: I^(0..L), the bottom-up messages (40); I^(0) is the image.
        rendered: ẑ^(0..L), the top-down net inputs (35), (36), before the ReLU that
            enforces z >= 0; ẑ^(L) is the class template.
        reconstruction: ẑ^(0), the image that (ĉ, ĝ) renders.
        factors: ẑ^(L+1), (B, d), of a factor model; None otherwise.
        augmented_logits: (b, num_classes), logits of the first b images as they are
            augmented, where learning asks for them; None otherwise.

    Source: Patel, Nguyen, Baraniuk (2016), Appendix B.
    """

    logits: Any
    classes: Any
    switches: list
    messages: list
    rendered: list
    reconstruction: Any
    factors: Any = None
    augmented_logits: Any = None
