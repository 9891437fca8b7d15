"""Pruning."""

import heapq
import math

import numpy as np

from .wrappers import Arrayed, Tensor


def magnitude_mask_of_a_heap(w, share):
    """The places of the smallest, taken out of a mask of True; lists of Python's booleans."""
    mask = [[True] * w.shape[1] for _ in range(w.shape[0])]
    places = np.ndindex(w.shape)
    for i, j in heapq.nsmallest(math.floor(share * w.size), places, key=lambda i: abs(w[i])):
        mask[i][j] = False
    return mask


def magnitude_mask_of_ranks(w, share):
    """An entry stays if its rank among the squares is high enough."""
    order = np.argsort(np.square(w), axis=None, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(w.size)
    return (ranks >= int(share * w.size)).reshape(w.shape)


def soft_threshold_of_a_clip(w, amount):
    """w less its part in [-amount, amount]."""
    return Tensor(w - np.clip(w, -amount, amount))


def soft_threshold_of_two_sides(w, amount):
    """What sticks out above and what sticks out below."""
    return np.maximum(w - amount, 0) + np.minimum(w + amount, 0)


def head_importance_of_norms(dmask):
    """The sum of the sizes is the norm of order 1 of a column."""
    return np.array([np.linalg.norm(column, 1) for column in dmask.T])


def head_importance_of_fsum(dmask):
    """Exact sums; something array-like."""
    return Arrayed([math.fsum(map(abs, column)) for column in dmask.T.tolist()])


def neuron_importance_of_a_diagonal(w1, b1, w2, dw1, db1, dw2):
    """The diagonals of products of whole matrices, the bias as one column more."""
    first, dfirst = np.column_stack((w1, b1)), np.column_stack((dw1, db1))
    into, out = np.diag(first @ dfirst.T), np.diag(w2.T @ dw2)
    return np.abs(into) + np.abs(out)


def neuron_importance_of_lists(w1, b1, w2, dw1, db1, dw2):
    """Neuron by neuron, with exact sums; a list."""
    found = []
    for f in range(len(b1)):
        into = math.fsum([*(w1[f] * dw1[f]), b1[f] * db1[f]])
        found.append(abs(into) + abs(math.fsum(w2[:, f] * dw2[:, f])))
    return found
