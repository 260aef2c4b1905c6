"""The HTML page of `report`: its words, tables and pictures."""

from html import escape
from typing import NamedTuple

import numpy as np

from keras_drmm.evaluation.pictures import (
    DARK,
    LIGHT,
    draw_reject_curve,
    draw_reliability,
    encode_image,
)

# With fewer validation rows the interval of the error is wider than 5 points even at
# an error of 1 %.
FEW_ROWS = 100

_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --text: #1c1e21; --soft: #5c6169;
  --line: #d5d8dc; --warn: #fff1d6; --right: 31, 111, 180; --wrong: 200, 70, 40; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15171a; --text: #e6e7e9; --soft: #a3a8b0; --line: #3a3e45;
    --warn: #46340f; --right: 70, 140, 215; --wrong: 215, 95, 60; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h1, figcaption { overflow-wrap: anywhere; }
.warning { background: var(--warn); padding: .75rem 1rem; border-radius: .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: right; }
th { font-weight: 600; } thead th { color: var(--soft); }
td.right { background: rgba(var(--right), var(--share)); }
td.wrong { background: rgba(var(--wrong), var(--share)); }
figure { margin: 1rem 0; } figcaption, caption { color: var(--soft); }
caption { text-align: left; padding-bottom: .4rem; }
.chart img { width: 100%; max-width: 34rem; height: auto; }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; list-style: none; }
.tiles li { width: 7rem; font-size: .8rem; line-height: 1.3; overflow-wrap: anywhere; }
.tiles img { width: 100%; image-rendering: pixelated; border: 1px solid var(--line); }
"""


class Picture(NamedTuple):
    """An image (H, W, C) within [0, 1], its row or file, and what it shows."""

    image: np.ndarray
    name: str
    text: str


def write_page(
    model_name,
    names,
    numbers,
    bins,
    mistakes,
    foreign,
    suspicious,
    to_label,
    were_learned,
):
    """Return the page.

    Args:
        model_name: of the model; this and other names are escaped.
        names: of the classes, K strings.
        numbers: `ReportNumbers`.
        bins: `Bins` of the reliability diagram.
        mistakes: pictures of wrongly classified validation rows.
        foreign: pictures of unlabelled rows that may be of no class.
        suspicious: pictures of labelled rows.
        to_label: pictures of unlabelled rows.
        were_learned: whether the model learned the labels of the labelled rows.
    """
    title = f"How far to trust {escape(model_name)}"
    sections = [
        _errors(numbers),
        _classes(names, numbers),
        _confusions(names, numbers, mistakes),
        _calibration(numbers, bins),
        _pseudo_labels(numbers),
        _rejecting(numbers),
        _shares(names, numbers),
        _foreign(numbers, foreign),
        _suspicious(numbers, suspicious, were_learned),
        _to_label(numbers, to_label),
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{_basis(numbers)}{''.join(sections)}</body>\n</html>\n"
    )


def _basis(numbers):
    """Return what all of the page rests on, with a warning if that is little."""
    text = (
        "<p>All of this but the shares of the classes and the last three lists rests "
        "on <b>"
        f"{_value('rows', numbers.rows)}</b> labelled validation images. It holds for "
        "new images like them, and only if the model did not learn them and was not "
        "chosen by them.</p>\n"
    )
    if numbers.temperature != 1:
        text += (
            "<p>All logits are divided by the temperature T = "
            f"{numbers.temperature:.3g} that was given.</p>\n"
        )
    copies = len(numbers.shared["row"])
    if copies:
        text += (
            f'<p class="warning"><b>{_value("shared", copies)} of these images are '
            "among the training images, too</b>, "
            f"{_value('shared-exact', int(numbers.shared['exact'].sum()))} of them as "
            "exact copies and the others as near ones: the true error is larger than "
            "this page says. Leave one of each pair out, and train again.</p>\n"
        )
    if numbers.rows < FEW_ROWS:
        text += (
            '<p class="warning"><b>These are few images.</b> Below '
            f"{FEW_ROWS}, chance moves every number of this page a lot. Take the "
            "confidence interval of the error seriously, and do not trust numbers of "
            "single classes, the calibration, or the comparison of two models whose "
            "intervals overlap.</p>\n"
        )
    return text


def _errors(numbers):
    low, high = numbers.error_interval
    return _section(
        "Error",
        f"<p>The model errs on {_value('errors', numbers.errors)} of these images, "
        f"which is <b>{_value('error', as_percent(numbers.error))}</b>. The true error "
        f"is between {_value('error-low', as_percent(low))} and "
        f"{_value('error-high', as_percent(high))} with a confidence of 95 % (Wilson's "
        "interval).</p>\n"
        "<p>The balanced accuracy is "
        f"{_value('balanced-accuracy', as_percent(numbers.balanced_accuracy))}: the "
        "mean recall of the classes, in which a rare class counts as much as a "
        "frequent one.</p>\n",
    )


def _classes(names, numbers):
    rows = [
        [name, int(number), as_percent(recall), _range(interval), as_percent(precision)]
        for name, number, recall, interval, precision in zip(
            names,
            numbers.confusion.sum(axis=1),
            numbers.recall,
            numbers.recall_interval,
            numbers.precision,
            strict=True,
        )
    ]
    return _section(
        "Classes",
        _table(
            "classes",
            "Recall is the share of a class' images that the model finds, precision "
            "the share of images taken for the class that are of it. A wide interval "
            "means that the class has too few images to tell.",
            ["class", "images", "recall", "95 % interval", "precision"],
            rows,
        ),
    )


def _confusions(names, numbers, mistakes):
    shares = numbers.confusion / np.maximum(
        numbers.confusion.sum(axis=1, keepdims=True), 1
    )
    lines = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            # The strongest colour still lets the number be read.
            f'<td class="{"right" if i == j else "wrong"}" '
            f'style="--share: {0.1 + 0.5 * share:.2f}">{count}</td>'
            if count
            else "<td></td>"
            for j, (count, share) in enumerate(zip(line, line_shares, strict=True))
        )
        + "</tr>\n"
        for i, (name, line, line_shares) in enumerate(
            zip(names, numbers.confusion.tolist(), shares.tolist(), strict=True)
        )
    ]
    table = (
        '<div class="wide"><table id="confusion"><caption>A row has the images of one '
        "label, a column those that the model takes for one class; the darker, the "
        "larger the share of the row. Off the diagonal are errors, and an empty cell "
        f"is 0.</caption>\n{_head(['', *names])}<tbody>\n{''.join(lines)}"
        "</tbody></table></div>\n"
    )
    return _section(
        "Confusions",
        table
        + _tiles(
            "mistakes",
            mistakes,
            "These are the errors of which the model is most confident. Look for "
            "labels that are wrong, and for what the images have in common.",
            "There are no errors to show.",
        ),
    )


def _calibration(numbers, bins):
    first, second = numbers.fold_temperatures
    chart = _chart(
        draw_reliability,
        bins,
        "Reliability diagram. "
        + "; ".join(
            f"at a confidence of {as_percent(c)} {as_percent(a)} of {n} are right"
            for n, c, a in zip(*bins, strict=True)
            if n
        )
        + ".",
        "A point is the images of similar confidence, with a 95 % interval: below the "
        "dashed line the model is too sure, above it not sure enough.",
    )
    return _section(
        "Calibration",
        "<p>The expected calibration error (ECE) says how far confidence and accuracy "
        "are apart, on average. It is <b>"
        f"{_value('ece', as_percent(numbers.calibration_error))}</b> and after "
        "temperature scaling "
        f"{_value('ece-scaled', as_percent(numbers.calibration_error_scaled))}. On as "
        "many images, a perfectly calibrated model would show about "
        f"{_value('ece-chance', as_percent(numbers.calibration_error_by_chance))} by "
        "chance: an ECE near that says nothing against the model.</p>\n"
        "<p>Temperature scaling divides the logits by one number T. Here, T was fitted "
        "to one half of the validation images and its effect measured on the other "
        f"half, both ways; T is {first:.3g} and {second:.3g}. If the two are far "
        "apart, there are too few images to learn T. A half without any error can not "
        "tell T, "
        "which then stays as it was.</p>\n" + chart,
    )


def _pseudo_labels(numbers):
    quality = numbers.pseudo_labels
    rows = [
        [as_percent(t), as_percent(share), int(known), as_percent(accuracy)]
        for t, share, known, accuracy in zip(*quality.values(), strict=True)
    ]
    return _section(
        "Quality of pseudo-labels",
        _table(
            "pseudo-labels",
            "If the model's predictions from some confidence on were used as labels, "
            "this share of the unlabelled and validation images would have one, and "
            "this share of the labels would be right; the latter is measured on so "
            "many validation images.",
            ["confidence", "share", "validation images", "right"],
            rows,
        ),
    )


def _rejecting(numbers):
    curve = numbers.reject
    # The first point at which at least half of the images are answered.
    half = int(np.searchsorted(curve["answered"], 0.5))
    threshold, answered, error = (as_percent(v[half]) for v in curve.values())
    words = (
        f"If the surest {answered} of the images are answered (confidence from "
        f"{threshold} on), the error of these is {error}; of all images it is "
        f"{as_percent(numbers.error)}."
    )
    chart = _chart(
        draw_reject_curve,
        curve,
        f"Error against the share of answered images. {words}",
        "The surest images come first: where the curve is low, the model can work "
        "alone if a person looks at the rest.",
    )
    return _section("Answer only what is sure", f"<p>{words}</p>\n{chart}")


def _shares(names, numbers):
    if numbers.shares is None:
        return ""
    warning = ""
    if numbers.shares["differ"]:
        warning = (
            '<p class="warning" id="shares-differ"><b>The labels are of other shares '
            "than the images.</b> That is no fault where a person labelled as many of "
            "each class, but <code>EG(marginal_kl=...)</code> then pulls the model "
            "towards wrong shares. If it was trained so, train it with "
            "<code>marginal_kl=0</code>, as <code>zoo.for_images</code> does.</p>\n"
        )
    rows = [
        [name, as_percent(of_labels), as_percent(of_images)]
        for name, of_labels, of_images in zip(
            names, numbers.shares["label_shares"], numbers.shares["shares"], strict=True
        )
    ]
    return _section(
        "Shares of the classes",
        warning
        + _table(
            "shares",
            "The shares of the classes among the labels, and among the unlabelled "
            "images as the model's predictions tell, corrected for the former. They "
            "are as wrong as the model.",
            ["class", "of the labels", "of the unlabelled images"],
            rows,
        ),
    )


def _foreign(numbers, pictures):
    found = numbers.foreign
    if found is None:
        words = "There are no unlabelled images, or a class has only one label: two of "
        words += "each are needed to tell."
        return _section("Images of none of the classes", f"<p>{words}</p>\n")
    return _section(
        "Images of none of the classes",
        _tiles(
            "foreign",
            pictures,
            f"About <b>{_value('foreign-count', found['count'])}</b> of the unlabelled "
            f"images, {_value('foreign-share', as_percent(found['share']))}, seem to "
            "be of none of the classes: labelled images are not among their like. With "
            "as many labels, chance alone moves this share by "
            f"{_value('foreign-chance', as_percent(found['chance']))}, so look at the "
            "pictures: the most foreign ones, each with the probability that it is of "
            "the classes. Remove such images, or train a new model with the weights of "
            "<code>evaluation.foreign_images</code>.",
            # There is an unlabelled image.
            "",
        ),
    )


def _suspicious(numbers, pictures, were_learned):
    flagged = int(numbers.suspicious["flagged"].sum())
    kind, reason = "labelled", ""
    if were_learned:
        kind = "training"
        reason = "The model learned these labels and doubts a wrong one less than it "
        reason += "should, so even 0 does not mean that all labels are right."
    return _section(
        "Labels to check",
        _tiles(
            "suspicious",
            pictures,
            f"These are the {kind} images whose labels the model finds least "
            "probable, compared with other images of the same label (in brackets: the "
            "probability of the label). Confident learning takes <b>"
            f"{_value('flagged', flagged)}</b> of them for errors. {reason}",
            # A data set has at least one labelled row.
            "",
        ),
    )


def _to_label(numbers, pictures):
    table = numbers.annotation_csv
    named = "" if table is None else escape(table.name)
    return _section(
        "Images to label next",
        _tiles(
            "to-label",
            pictures,
            "Each is typical of a group of images among which the model errs most by "
            "its own account. The table <code>"
            f"{named}</code> beside this page has a line for each of them, with its "
            "name here and an empty column for the label.",
            "There are no unlabelled images.",
        ),
    )


def _section(title, body):
    return f"<section>\n<h2>{title}</h2>\n{body}</section>\n"


def _value(name, text):
    return f'<span id="{name}">{text}</span>'


def _head(columns):
    cells = "".join(f'<th scope="col">{escape(v)}</th>' for v in columns)
    return f"<thead><tr>{cells}</tr></thead>\n"


def _table(name, caption, columns, rows):
    """Return a table whose rows begin with what they are of."""
    lines = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{v}</td>" for v in others)
        + "</tr>\n"
        for first, *others in rows
    )
    return (
        f'<div class="wide"><table id="{name}"><caption>{caption}</caption>\n'
        f"{_head(columns)}<tbody>\n{lines}</tbody></table></div>\n"
    )


def _tiles(name, pictures, words, otherwise):
    """Return a list of pictures and how to read it, or what to say without any."""
    if not pictures:
        return f"<p>{otherwise}</p>\n"
    items = "".join(
        f'<li><img src="{encode_image(image)}" '
        f'alt="Image {escape(name)}: {escape(text)}">'
        f"{escape(text)}<br>{escape(name)}</li>\n"
        for image, name, text in pictures
    )
    return f'<p>{words}</p>\n<ul class="tiles" id="{name}">\n{items}</ul>\n'


def _chart(draw, data, alt, caption):
    return (
        '<figure class="chart"><picture>'
        f'<source media="(prefers-color-scheme: dark)" srcset="{draw(data, DARK)}">'
        f'<img src="{draw(data, LIGHT)}" alt="{escape(alt)}"></picture>'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


def as_percent(share):
    """Return a share as words, a dash for NaN."""
    return "–" if np.isnan(share) else f"{100 * share:.1f} %"


def _range(interval):
    low, high = interval
    return "–" if np.isnan(low) else f"{100 * low:.0f} to {100 * high:.0f} %"
