"""Each term against SciPy's and scikit-learn's formulas."""

import numpy as np
import pytest
from keras import ops
from scipy import special, stats
from sklearn.metrics import log_loss

from keras_drmm import EStep
from keras_drmm.learning import terms

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4)).astype("float32") * 2
Q = special.softmax(LOGITS.astype("float64"), axis=1)
PRIOR = np.array([0.1, 0.2, 0.3, 0.4], "float32")
LABELS = np.array([3, -1, 0, -1, 1, -1])
IMAGES = RNG.random((6, 5, 5, 1)).astype("float32")
RENDERED = [RNG.normal(size=(6, *s)).astype("float32") for s in [(5, 5, 1), (2, 2, 3)]]
DISTURBED = RNG.normal(size=(6, 4)).astype("float32")
Q_DISTURBED = special.softmax(DISTURBED.astype("float64"), axis=1)
E_STEP = EStep(
    logits=LOGITS,
    classes=LOGITS.argmax(1),
    switches=[],
    messages=[IMAGES],
    rendered=RENDERED,
    reconstruction=RENDERED[0],
)
KL = stats.entropy(Q, PRIOR[None], axis=1).mean()

EXPECTED = {
    "cross_entropy": log_loss([3, 0, 1], Q[[0, 2, 4]], labels=range(4)),
    "reconstruction": np.mean((IMAGES - RENDERED[0]) ** 2),
    "class_kl": KL,
    "entropy": stats.entropy(Q, axis=1).mean(),
    "marginal_kl": stats.entropy(Q.mean(0), PRIOR),
    "nonnegativity": np.mean(np.minimum(RENDERED[1], 0) ** 2),
}


def value(name, e_step=E_STEP, labels=LABELS):
    return with_weight(name, e_step, labels)[0]


def with_weight(name, e_step=E_STEP, labels=LABELS, sample_weight=None):
    """(value, weight) of a term."""
    labels, weights = (
        None if v is None else ops.convert_to_tensor(v) for v in (labels, sample_weight)
    )
    term = getattr(terms, name)
    found = term(e_step, labels, weights, ops.convert_to_tensor(PRIOR))
    return tuple(float(ops.convert_to_numpy(v)) for v in found)


ROWS = {"cross_entropy": LABELS >= 0, "consistency": LABELS < 0}
WITH_AUGMENTED = E_STEP._replace(augmented_logits=DISTURBED)
ALL = (*EXPECTED, "consistency")


@pytest.mark.parametrize("name", ALL)
def test_a_row_of_weight_w_counts_as_w_rows(name):
    weights = np.array([2, 1, 0, 3, 1, 0])
    found = with_weight(name, WITH_AUGMENTED, LABELS, weights.astype("float32"))
    several = np.repeat(np.arange(6), weights)
    repeated = WITH_AUGMENTED._replace(
        logits=LOGITS[several],
        augmented_logits=DISTURBED[several],
        messages=[IMAGES[several]],
        rendered=[v[several] for v in RENDERED],
        reconstruction=RENDERED[0][several],
    )
    assert found == pytest.approx(
        with_weight(name, repeated, LABELS[several]), rel=1e-5
    )
    rows = ROWS.get(name, np.ones(6, bool))
    assert found[1] == weights[rows].sum()


@pytest.mark.parametrize("name", ALL)
def test_rows_of_weight_0_are_no_rows(name):
    assert with_weight(name, WITH_AUGMENTED, LABELS, np.zeros(6, "float32")) == (0, 0)


@pytest.mark.smoke
@pytest.mark.parametrize("name", EXPECTED)
def test_equals_its_formula(name):
    assert value(name) == pytest.approx(EXPECTED[name], rel=1e-5)


def test_cross_entropy_without_labelled_rows_is_zero():
    assert value("cross_entropy", labels=np.full(6, -1)) == 0
    assert value("cross_entropy", labels=None) == 0


def test_reconstruction_of_the_first_rows():
    """After a step that renders 2 of 6 rows the first 2 images are compared."""
    part = E_STEP._replace(reconstruction=RENDERED[0][:2])
    expected = np.mean((IMAGES[:2] - RENDERED[0][:2]) ** 2)
    assert value("reconstruction", part) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["class_kl", "entropy", "marginal_kl"])
def test_certain_posteriors_give_finite_terms(name):
    """Logits that saturate the softmax must not turn 0 · ln 0 into NaN."""
    certain = E_STEP._replace(logits=np.eye(4, dtype="float32")[[0] * 6] * 1e4)
    expected = 0 if name == "entropy" else -np.log(PRIOR[0])
    assert value(name, certain) == pytest.approx(expected, abs=1e-5)


def test_the_two_readings_of_the_kl_pull_apart():
    """A flat q has the least class_kl (uniform prior) and the largest entropy."""
    flat = E_STEP._replace(logits=np.zeros((6, 4), "float32"))
    assert value("entropy", flat) > value("entropy")
    uniform = ops.full((4,), 0.25)
    flattened, sharp = (terms.class_kl(e, None, None, uniform) for e in (flat, E_STEP))
    assert flattened[0] < sharp[0]


def test_a_nuisance_must_not_move_the_posterior_of_unlabelled_rows():
    """KL(q(c|I) || q(c|I')), and a label counts with and without the nuisance."""
    e_step = E_STEP._replace(augmented_logits=DISTURBED)
    unlabelled = LABELS < 0
    divergences = stats.entropy(Q, Q_DISTURBED, axis=1)
    expected = divergences[unlabelled].mean()
    assert value("consistency", e_step) == pytest.approx(expected, rel=1e-5)
    everything = value("consistency", e_step, labels=None)
    assert everything == pytest.approx(divergences.mean(), rel=1e-5)
    plain, disturbed = (
        log_loss([3, 0, 1], q[[0, 2, 4]], labels=range(4)) for q in (Q, Q_DISTURBED)
    )
    expected = (plain + disturbed) / 2
    assert value("cross_entropy", e_step) == pytest.approx(expected, rel=1e-5)


def test_the_first_rows_alone_may_be_augmented():
    """Rows 0 and 2 of the first three have labels, row 4 counts as it is."""
    part = E_STEP._replace(augmented_logits=DISTURBED[:3])
    divergence = stats.entropy(Q[1], Q_DISTURBED[1])
    weights = np.array([5, 2, 5, 5, 5, 5], "float32")
    for given, weight in ((None, 1), (weights, 2)):
        found = with_weight("consistency", part, LABELS, given)
        assert found == pytest.approx((divergence, weight), rel=1e-5)
    everything = stats.entropy(Q[:3], Q_DISTURBED[:3], axis=1).mean()
    found = value("consistency", part, labels=None)
    assert found == pytest.approx(everything, rel=1e-5)
    labels = LABELS[[0, 2, 4]]
    log_q = np.log(Q)
    log_q[:3] = (log_q[:3] + np.log(Q_DISTURBED[:3])) / 2
    expected = -log_q[[0, 2, 4], labels].mean()
    assert value("cross_entropy", part) == pytest.approx(expected, rel=1e-5)


def test_consistency_is_0_where_nothing_disturbs():
    assert value("consistency") == 0
    labelled = E_STEP._replace(augmented_logits=DISTURBED)
    assert value("consistency", labelled, np.zeros(6, int)) == 0
