"""RMMStatistics: what an RMM adds up over a sweep of the data."""

import numpy as np
from keras import ops

from keras_drmm.em.sweep_metric import SweepMetric, array
from keras_drmm.layers import replicas
from keras_drmm.layers.replicas import FIRST_REPLICA

# The evidence of a row that is not there: above that of any image.
_NO_ROW = float(np.finfo("float32").max)


class RMMStatistics(SweepMetric):
    r"""Sufficient statistics of an RMM, and the rows that it explains worst.

    $$N_{cga} = \sum_n \gamma_{ncga}, \qquad S_{cg} = \sum_n \gamma_{ncg1} (I_n -
    \mu_{cg}), \qquad R = \sum_{ncga} \gamma_{ncga} \|I_n - a \mu_{cg}\|^2$$

    They are sums of deviations from the templates of the sweep, and not of I and
    ||I||², so that float32 holds them over any number of images: near the optimum S is
    0, and R is what σ² is made of, without a difference of large numbers.

    Args:
        num_classes, num_nuisances: |C| and |G|.
        num_states: 2 with a switch (ON, OFF), 1 without.
        num_pixels: D.
        name: of the metric.

    Shapes:
        `counts` N (|C|, |G|, num_states), `deviations` S (|C|, |G|, D), `squares` R
        (). `worst_rows` (|C| + 1, D) and `worst_evidence` (|C| + 1,): the row of least
        evidence of each class, and last that of all unlabelled rows.
    """

    def __init__(self, num_classes, num_nuisances, num_states, num_pixels, name):
        super().__init__(name)
        shapes = {
            "counts": (num_classes, num_nuisances, num_states),
            "deviations": (num_classes, num_nuisances, num_pixels),
            "squares": (),
        }
        for name, shape in shapes.items():
            setattr(self, name, self.add_sum(name, shape))
        # No sums, and the same on each replica.
        self.worst_rows, self.worst_evidence = (
            self.add_variable(shape, "zeros", name=name, aggregation=FIRST_REPLICA)
            for name, shape in (
                ("worst_rows", (num_classes + 1, num_pixels)),
                ("worst_evidence", (num_classes + 1,)),
            )
        )
        self.forget()

    def update_state(self, batch, sample_weight=None):
        """Add a batch, and keep the worst rows.

        Args:
            batch: a tuple of images (B, D); labels, integers (B,), -1 for an unlabelled
                row, or None; templates μ, (|C|, |G|, D); distances ||I - a μ||², (B,
                |C|, |G|, num_states); evidence (B,), what the model gives each row, in
                nats; shares γ, of the shape of the distances.
            sample_weight: (B,), how many rows each row counts as; None for 1.
        """
        images, labels, templates, distances, evidence, shares = batch
        # (B, |C|, |G|, num_states) -> (B, |C|), one-hot
        classes = ops.argmax(ops.sum(shares, axis=(2, 3)), axis=-1)
        classes = ops.one_hot(classes, templates.shape[0], dtype="float32")
        counted = ops.ones_like(evidence)
        if sample_weight is not None:
            shares = shares * ops.reshape(sample_weight, (-1, 1, 1, 1))
            counted = ops.cast(sample_weight > 0, "float32")
        counts = ops.sum(shares, axis=0)
        components = templates.shape[0] * templates.shape[1]
        on = ops.reshape(shares[..., 0], (-1, components))
        sums = ops.reshape(ops.matmul(ops.transpose(on), images), templates.shape)
        unlabelled = ops.ones_like(evidence)
        if labels is not None:
            unlabelled = ops.cast(labels < 0, "float32")
        # -> (B, |C| + 1)
        groups = ops.concatenate([classes, unlabelled[:, None]], axis=1)
        groups = groups * counted[:, None]
        candidates = ops.where(groups > 0, evidence[:, None], _NO_ROW)
        self.add_to(self.counts, counts)
        self.add_to(self.deviations, sums - counts[..., :1] * templates)
        self.add_to(self.squares, ops.sum(shares * distances))
        worst = ops.take(images, ops.argmin(candidates, axis=0), axis=0)
        least = ops.min(candidates, axis=0)
        # (R, |C| + 1, D) and (R, |C| + 1), of all replicas.
        worst, least = (replicas.join(v[None]) for v in (worst, least))
        best = ops.argmin(least, axis=0)[None]
        worst = ops.take_along_axis(worst, best[..., None], axis=0)[0]
        least = ops.min(least, axis=0)
        rows, kept = (
            ops.convert_to_tensor(v) for v in (self.worst_rows, self.worst_evidence)
        )
        self.worst_rows.assign(ops.where((least < kept)[:, None], worst, rows))
        self.worst_evidence.assign(ops.minimum(least, kept))

    def forget(self):
        super().forget()
        self.worst_evidence.assign(ops.full(self.worst_evidence.shape, _NO_ROW))

    def read(self):
        """Return the statistics as float64 NumPy arrays, by name."""
        return {variable.name: array(variable) for variable in self.variables}

    def find_rows(self, classes):
        """Return a row for each of `classes` to put a template on, None for none.

        That of the class, or, if it has no row and is the only one asked for, the
        worst unlabelled one: one row in two classes would make equal templates.

        Args:
            classes: list of classes that have an unused template.

        Returns:
            {class: row (D,)}, NumPy.
        """
        statistics = self.read()
        found = {}
        for c in classes:
            slot = c
            if statistics["worst_evidence"][c] == _NO_ROW and len(classes) == 1:
                slot = -1
            if statistics["worst_evidence"][slot] < _NO_ROW:
                found[c] = statistics["worst_rows"][slot]
        return found
