"""How far two arrays are apart, and a report that says where.

Two measures, both relative norms over the whole array, so that one tiny entry does not decide:

    relative_error(a, b)  =  norm(a - b) / max(norm(b), floor)                                  (1)
    agrees(a, b)          :  norm(a - b) <= rtol * max(norm(b), 1e-3 * largest norm)            (2)

(2) is for sets of gradients in which some are zero in truth. The key biases are: adding a constant
to every score of a row leaves its softmax unchanged, so their gradient is rounding noise, and noise
divided by noise is no measure. They are judged against the largest gradient of the set instead.
"""

from typing import NamedTuple

import numpy as np

TINY = 1e-300  # keeps (1) finite where both arrays are zero
NO_MEASURE = 1e100  # a finite error above it is one over TINY: the reference is all zero


def relative_error(a, b, floor=TINY):
    """Relative distance of `a` from the reference `b`, in norm, in float64.

    Parameters
    ----------
    a, b : array_like
        What was computed and what it should be; the same shape.
    floor : float
        The smallest denominator.

    Returns
    -------
    float
        ``norm(a - b) / max(norm(b), floor)``; infinity where an entry is NaN, or infinite in one
        array only.

    Raises
    ------
    ValueError
        If the shapes differ (broadcasting would hide a mistake).

    Examples
    --------
    >>> relative_error([3.0, 4.0], [3.0, 4.0])
    0.0
    >>> relative_error([0.0, 0.0], [3.0, 4.0])
    1.0
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(
            f"relative_error: a has shape {a.shape}, b has {b.shape}; they must be equal"
        )
    difference = _difference(a, b)
    if not np.isfinite(difference).all():
        return float("inf")
    return float(_norm(difference) / max(_norm(np.where(np.isfinite(b), b, 0.0)), floor))


def agrees(a, b, *, largest=0.0, rtol=1e-5):
    """Whether gradient `a` agrees with `b`, where `b` may be zero in truth: rule (2).

    Parameters
    ----------
    a, b : array_like
        Gradient and reference, the same shape.
    largest : float
        The largest norm among all the reference gradients of the set.
    rtol : float
        Relative tolerance.

    Returns
    -------
    bool

    Examples
    --------
    >>> agrees([1e-12], [3e-12], largest=1.0)      # noise beside a gradient of norm 1
    True
    >>> agrees([1e-12], [3e-12])                   # on its own it is 67 % off
    False
    """
    return relative_error(a, b, floor=max(1e-3 * largest, TINY)) <= rtol


def largest_norm(gradients):
    """The largest norm in a dict (or a sequence) of arrays, for `agrees`.

    Examples
    --------
    >>> largest_norm({"weight": np.array([3.0, 4.0]), "bias": np.zeros(2)})
    5.0
    """
    arrays = gradients.values() if hasattr(gradients, "values") else gradients
    return max(
        (float(_norm(np.asarray(g, np.float64))) for g in arrays if g is not None), default=0.0
    )


class Comparison(NamedTuple):
    """What `compare` found; true in a condition where the arrays agree, printed as the report."""

    ok: bool
    error: float
    report: str

    def __bool__(self):
        return self.ok

    def __str__(self):
        return self.report


def compare(got, expected, *, name="array", rtol=1e-9, floor=TINY, axes=None):
    """Compare an array with its reference and say where they differ.

    Parameters
    ----------
    got, expected : array_like
        What was computed, and what it should be.
    name : str
        What to call it in the report.
    rtol : float
        Largest relative error (1) that passes. 0 asks for identical entries.
    floor : float
        As in `relative_error`.
    axes : str or sequence of str, optional
        A letter (or a word) per axis, such as ``"BHLK"``; an index then reads ``[B=1, H=2, ...]``.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> bool(compare(x, x))
    True
    >>> y = x.copy()
    >>> y[1, 2] = -5
    >>> print(compare(y, x, name="scores", axes="LK"))
    scores: DIFFERS, relative error 1.3e+00 > 1e-09
      1 of 6 entries differ
      worst at [L=1, K=2]: got -5, expected 5, difference -1e+01
    """
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        wrong = (
            f"{name}: SHAPE, got {got.shape}, expected {expected.shape}{_shape_hint(got, expected)}"
        )
        return Comparison(False, float("inf"), wrong)
    error = relative_error(got, expected, floor)
    if error <= rtol:
        return Comparison(True, error, f"{name}: ok, relative error {error:.1e}")
    difference = np.abs(_difference(np.asarray(got, np.float64), np.asarray(expected, np.float64)))
    difference = np.where(np.isnan(difference), np.inf, difference)
    apart = difference > rtol * np.maximum(np.abs(_finite(expected)), _rms(expected))
    worst = np.unravel_index(np.argmax(difference), difference.shape)
    zeros = NO_MEASURE < error < np.inf
    by = "expected all zero" if zeros else f"relative error {error:.1e} > {rtol:.0e}"
    lines = [f"{name}: DIFFERS, {by}"]
    lines += [f"  {apart.sum()} of {apart.size} entries differ"]
    lines += [
        f"  worst{_index(worst, axes)}: got {float(got[worst]):.9g}, expected "
        f"{float(expected[worst]):.9g}, difference {float(got[worst]) - float(expected[worst]):.0e}"
    ]
    lines += [f"  {count} in {what}" for what, count in _not_finite(got).items() if count]
    return Comparison(False, error, "\n".join(lines))


def assert_close(got, expected, *, name="array", rtol=1e-9, floor=TINY, axes=None):
    """`compare`, and an AssertionError with its report where the arrays differ.

    Examples
    --------
    >>> assert_close([1.0, 2.0], [1.0, 2.0])
    """
    __tracebackhide__ = True
    found = compare(got, expected, name=name, rtol=rtol, floor=floor, axes=axes)
    if not found:
        raise AssertionError(found.report)


def _norm(x):
    """Euclidean norm without overflow or underflow of the squares."""
    top = np.abs(x).max(initial=0.0)
    return top * np.sqrt(np.square(x / top).sum()) if top > 0 else 0.0


def _difference(a, b):
    """a - b, with equal infinities apart by 0 rather than NaN."""
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, a - b)


def _finite(x):
    return np.where(np.isfinite(x), x, 0.0).astype(np.float64)


def _rms(x):
    return np.sqrt(np.mean(np.square(_finite(x)))) if x.size else 0.0


def _not_finite(x):
    return {"it are NaN": int(np.isnan(x).sum()), "it are infinite": int(np.isinf(x).sum())}


def _index(index, axes):
    """Say " at [1, 2]" or, with axis names, " at [B=1, L=2]"; nothing for a single number."""
    if not index:
        return ""
    names = (
        [f"{a}=" for a in axes]
        if axes is not None and len(axes) == len(index)
        else [""] * len(index)
    )
    return " at [" + ", ".join(f"{a}{int(i)}" for a, i in zip(names, index, strict=True)) + "]"


def _shape_hint(got, expected):
    if sorted(got.shape) == sorted(expected.shape):
        return " (the same axes in another order: a transpose too many or too few?)"
    if got.size == expected.size:
        return " (the same number of entries: a missing reshape?)"
    if got.ndim != expected.ndim:
        return " (another number of axes: a sum without keepdims, or one over too many axes?)"
    return ""
