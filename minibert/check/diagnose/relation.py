"""What one set of numbers may be of another, and whether it is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minibert.check.diagnose.observed import distance, named_arrays


class Relation(NamedTuple):
    """What numbers are of others: an id and half a sentence, "is twice what is expected"."""

    id: str
    phrase: str
    apply: Callable | None = None  # to what is expected, where it is looked for in that way


class Pair(NamedTuple):
    """One output in one case."""

    got: np.ndarray
    expected: np.ndarray
    constants: dict  # name -> number: sizes, and the numbers among the inputs
    inputs: dict
    axes: tuple | None


def holds(got, change, expected, rtol):
    """Whether a change of what is expected gives what was got."""
    with np.errstate(all="ignore"):
        try:
            other = np.asarray(change(expected))
        except (ValueError, IndexError):  # does not fit that shape
            return False
    return other.shape == got.shape and np.isfinite(other).all() and near(got, other, rtol)


def near(a, b, rtol):
    """Whether two arrays are as near as that."""
    return distance(named_arrays((a,), "x"), named_arrays((b,), "x")) <= rtol
