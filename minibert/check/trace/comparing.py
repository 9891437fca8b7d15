"""Tensor by tensor: which agree with the reference's, and how far the others are away."""

from typing import NamedTuple

import numpy as np

from minibert.check.compare import relative_error

# Largest relative error, in norm, that counts as equal. Two models are both run in float64;
# activations are as exact as what they were computed and saved in: a model of six layers in
# float32 is up to 1.4e-6 away from one in float64, rounding to float16 makes 2.7e-4.
MODELS = 1e-9
FILES = {"float32": 4e-6, "float16": 1e-3, "bfloat16": 8e-3}


class Row(NamedTuple):
    """One tensor."""

    name: str
    shape: tuple  # the reference's
    other_shape: tuple
    verdict: str  # "OK", "DIFF" or "SHAPE"
    max_abs: float
    relative: float  # of the norm of the difference, to that of the reference
    rtol: float  # the largest that counts as equal


def compared(expected, got, rtols):
    """A row for every tensor that both have, in forward order.

    Parameters
    ----------
    expected, got : dict of str to ndarray
        The reference's, whose order it is, and the other's.
    rtols : dict of str to float
        Of each of the other's, the largest relative error that counts as equal.

    Yields
    ------
    Row
    """
    for name, e in expected.items():
        if name in got:
            yield row(name, e, fitted(got[name], e), rtols[name])


def row(name, expected, got, rtol):
    """What is to be said about one tensor."""
    if got.shape != expected.shape:
        return Row(name, expected.shape, got.shape, "SHAPE", np.inf, np.inf, rtol)
    error = relative_error(got, expected)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(got.astype(np.float64) - expected).max(initial=0.0)
    verdict = "OK" if error <= rtol else "DIFF"
    return Row(name, expected.shape, got.shape, verdict, float(apart), error, rtol)


def precision(array):
    """The type that an array's numbers were rounded to: "float32", "float16" or "bfloat16".

    What was computed in half precision is often saved in float32: its numbers tell.

    Examples
    --------
    >>> precision(np.float32([0.1, 0.2])), precision(np.float16([0.1, 0.2]).astype(np.float32))
    ('float32', 'float16')
    """
    if array.dtype == np.float16:
        return "float16"
    if array.dtype.kind != "f":
        return "float32"
    for some in (array.ravel()[:64], array.ravel()):  # few are enough to rule most arrays out
        some = some[np.isfinite(some) & (some != 0.0)]
        with np.errstate(over="ignore", under="ignore"):
            x = some.astype(np.float32)
            is_half = bool((x.astype(np.float16) == some).all())
        is_upper = bool((x == some).all()) and not (x.view(np.uint32) & 0xFFFF).any()
        if not (is_half or is_upper):
            return "float32"
    if not some.size:
        return "float32"
    return "bfloat16" if is_upper else "float16"


def fitted(got, expected):
    """The array with the axes of length 1 that the reference's has; positions without the batch."""
    if got.shape == expected.shape:
        return got
    if [n for n in got.shape if n > 1] == [n for n in expected.shape if n > 1]:
        return got.reshape(expected.shape)
    same_in_each_row = got.ndim == 3 and expected.shape == (1, *got.shape[1:])
    return got[:1] if same_in_each_row and (got == got[:1]).all() else got


def first_difference(expected, got, rtols):
    """The row of the first tensor that differs, or None; and how many agree before it."""
    agree = 0
    for r in compared(expected, got, rtols):
        if r.verdict != "OK":
            return r, agree
        agree += 1
    return None, agree
