"""What a function gave beside what it should have given, and how far apart two such are."""

from typing import NamedTuple

import numpy as np

from minibert.check.compare import TINY, largest_norm, relative_error
from minibert.check.structure import leaves

FAR = float("inf")
SMALL = 1e-6  # of an output's largest norm in any call: a number below is compared with this


class Observed(NamedTuple):
    """One call of a function of one's own.

    Attributes
    ----------
    case : str
    inputs : dict
    got, expected : dict of str to ndarray
        By output; texts are arrays of str.
    floors : dict of str to float
        As `floors` makes them.
    """

    case: str
    inputs: dict
    got: dict
    expected: dict
    floors: dict

    @property
    def error(self):
        """How far it is from what is right."""
        return distance(self.got, self.expected, self.floors)

    def error_in(self, name):
        """How far one output is from what is right."""
        return error_of(name, self.got, self.expected, self.floors)


def named_arrays(results, names):
    """Results as arrays by name; a dict among them by its keys, a list of texts as one array.

    Examples
    --------
    >>> named_arrays((2.0, ["a", "b"]), ("loss", "words"))
    {'loss': array(2.), 'words': array(['a', 'b'], dtype='<U1')}
    """
    found = {}
    for x, name in zip(results, names, strict=True):
        if isinstance(x, dict):
            found |= leaves(x, name)
        elif isinstance(x, (tuple, list)):
            texts = all(isinstance(part, str) for part in x)
            found[name] = np.array(list(x), dtype=str if texts else None)
        else:
            found[name] = np.asarray(x)
    return found


def floors(calls):
    """By output, the smallest norm that an error is measured by.

    A schedule is zero at its end, where rounding is no error of any relative size.

    Parameters
    ----------
    calls : list of dict of str to ndarray
        What is right, call by call.
    """
    largest = {}
    for arrays in calls:
        for name, a in arrays.items():
            if is_real(a):
                largest[name] = max(largest.get(name, 0.0), SMALL * largest_norm([_finite(a)]))
    return largest


def distance(got, other, floors=None):
    """The largest relative error of any array; infinite where names, shapes or codes differ.

    What is NaN in both is equal, and an integer where NaN is right: it cannot be NaN. An error is
    measured by at least the array's floor; where all of `got` is zero, and `other` is small but not
    nothing, it is infinite.
    """
    if got.keys() != other.keys():
        return FAR
    return max((error_of(name, got, other, floors) for name in other), default=0.0)


def error_of(name, got, other, floors=None):
    """The relative error of one array, measured as in `distance`; infinite where it is missing."""
    if name not in got or name not in other:
        return FAR
    return _error(got[name], other[name], max((floors or {}).get(name, 0.0), TINY))


def is_real(a):
    """Whether it is an array of floats; the others are compared entry by entry."""
    return a.dtype.kind == "f"


def differing(got, expected, rtol):
    """Which entries differ: an array of bool of the expected shape."""
    if not (is_real(expected) and got.dtype.kind in "fiub"):
        return np.asarray(got != expected)
    a, b = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= rtol * np.maximum(np.abs(b), spread(b))
    return ~(same | near)


def spread(b):
    """The root mean square of the finite entries: what an entry's error is measured by."""
    finite = b[np.isfinite(b)]
    return float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0


def _error(a, b, floor):
    if a.shape != b.shape:
        return FAR
    if not is_real(b):
        return 0.0 if a.dtype.kind in "fiubU" and np.array_equal(a, b) else FAR
    if a.dtype.kind not in "fiub":
        return FAR
    got_codes = a.dtype.kind in "iu"
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if b.any() and not a.any() and largest_norm([_finite(b)]) < floor:
        return FAR  # small, but not nothing: one may divide by it
    if got_codes:
        a = np.where(np.isnan(b), np.nan, a)  # an integer cannot be NaN: it is anything then
    both_nan = np.isnan(a) & np.isnan(b)
    if both_nan.any():
        a, b = np.where(both_nan, 0.0, a), np.where(both_nan, 0.0, b)
    return relative_error(a, b, floor)


def _finite(a):
    return np.where(np.isfinite(a), a, 0.0)
