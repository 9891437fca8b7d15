"""Metrics."""

import math
from fractions import Fraction

import numpy as np


def matthews_as_a_correlation(predicted, labels):
    """The correlation of two rows of zeros and ones."""
    if len(set(predicted.tolist())) < 2 or len(set(labels.tolist())) < 2:
        return 0.0
    return np.corrcoef(predicted, labels)[0, 1]


def matthews_of_rates(predicted, labels):
    """Youden's index and markedness: their geometric mean, with the sign of either."""
    pairs = list(zip(predicted.tolist(), labels.tolist(), strict=True))
    tp, tn, fp, fn = (pairs.count(pair) for pair in ((1, 1), (0, 0), (1, 0), (0, 1)))
    if 0 in (tp + fn, tn + fp, tp + fp, tn + fn):
        return 0
    informed = Fraction(tp, tp + fn) + Fraction(tn, tn + fp) - 1
    marked = Fraction(tp, tp + fp) + Fraction(tn, tn + fn) - 1
    return math.copysign(math.sqrt(informed * marked), informed)


def f1_macro_of_sets(predicted, labels):
    """2 |A and B| / (|A| + |B|) of the sets of places, in fractions."""
    scores = []
    for c in {*predicted.tolist(), *labels.tolist()}:
        a, b = set(np.flatnonzero(predicted == c)), set(np.flatnonzero(labels == c))
        scores.append(Fraction(2 * len(a & b), len(a) + len(b)))
    return float(sum(scores) / len(scores))


def f1_macro_of_a_table(predicted, labels):
    """Precision and recall from a table of counts, and their harmonic mean."""
    C = int(max(predicted.max(), labels.max())) + 1
    table = np.bincount(predicted * C + labels, minlength=C * C).reshape(C, C)
    hits, p, t = np.diag(table), table.sum(1), table.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = hits / p, hits / t
        scores = 2 / (1 / precision + 1 / recall)
    return np.nan_to_num(scores)[(p + t) > 0].mean()
