"""Tensor by tensor: which agree with the reference's, and how far the others are away."""

from typing import NamedTuple

import numpy as np

from minibert.check.compare import relative_error


class Row(NamedTuple):
    """One tensor."""

    name: str
    shape: tuple  # the reference's
    other_shape: tuple
    verdict: str  # "OK", "DIFF" or "SHAPE"
    max_abs: float
    relative: float  # of the norm of the difference, to that of the reference


def compared(expected, got, rtol):
    """A row for every tensor that both have, in forward order.

    Parameters
    ----------
    expected, got : dict of str to ndarray
        The reference's, whose order it is, and the other's.
    rtol : float

    Yields
    ------
    Row
    """
    for name, e in expected.items():
        if name in got:
            yield row(name, e, fitted(got[name], e), rtol)


def row(name, expected, got, rtol):
    """What is to be said about one tensor."""
    if got.shape != expected.shape:
        return Row(name, expected.shape, got.shape, "SHAPE", np.inf, np.inf)
    error = relative_error(got, expected)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(got.astype(np.float64) - expected).max(initial=0.0)
    verdict = "OK" if error <= rtol else "DIFF"
    return Row(name, expected.shape, got.shape, verdict, float(apart), error)


def fitted(got, expected):
    """The array with the axes of length 1 that the reference's has; positions without the batch."""
    if got.shape == expected.shape:
        return got
    if [n for n in got.shape if n > 1] == [n for n in expected.shape if n > 1]:
        return got.reshape(expected.shape)
    same_in_each_row = got.ndim == 3 and expected.shape == (1, *got.shape[1:])
    return got[:1] if same_in_each_row and (got == got[:1]).all() else got


def first_difference(expected, got, rtol):
    """The row of the first tensor that differs, or None; and how many agree before it."""
    agree = 0
    for r in compared(expected, got, rtol):
        if r.verdict != "OK":
            return r, agree
        agree += 1
    return None, agree
