"""Matrices of which few entries are not zero, by rows."""

from typing import NamedTuple

import numpy as np


class Sparse(NamedTuple):
    """Row i has values[starts[i] : starts[i + 1]] in those columns."""

    columns: np.ndarray
    values: np.ndarray
    starts: np.ndarray


def from_rows(rows):
    """Make a matrix of rows (columns, values).

    >>> x = from_rows([([2, 0], [5.0, 6.0]), ([], []), ([1], [7.0])])
    >>> times(x, np.eye(3))
    array([[6., 0., 5.],
           [0., 0., 0.],
           [0., 7., 0.]])
    """
    columns = [np.asarray(j, np.int64) for j, _ in rows]
    values = [np.asarray(x, np.float64) for _, x in rows]
    starts = np.cumsum([0] + [len(j) for j in columns])
    nothing = np.zeros(0)  # concatenate wants one array at least
    return Sparse(
        np.concatenate([nothing.astype(np.int64), *columns]),
        np.concatenate([nothing, *values]),
        starts,
    )


def take_rows(x, rows):
    """Some rows of a matrix, as one."""
    parts = [slice(x.starts[i], x.starts[i + 1]) for i in rows]
    return from_rows([(x.columns[part], x.values[part]) for part in parts])


def times(x, w):
    """x w, (rows, C)."""
    products = x.values[:, None] * w[x.columns]  # (entries, C)
    # A row without any entry sums to zero; reduceat would take its neighbour's first.
    sums = np.zeros((len(x.starts) - 1, w.shape[1]))
    filled = np.flatnonzero(np.diff(x.starts))
    if len(filled):
        sums[filled] = np.add.reduceat(products, x.starts[filled], axis=0)
    return sums
