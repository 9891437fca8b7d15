"""Where numbers differ: axes by their letters, patterns, and shapes with their likely cause."""

import numpy as np

from minibert.check.diagnose.diagnosis import Mismatch
from minibert.check.diagnose.observed import differing, is_real, spread

MOST = 3  # places that are named


def mismatch(name, observed, axes, rtol):
    """A `Mismatch` of one result of one call, which has the right shape.

    Parameters
    ----------
    name : str
    observed : Observed
    axes : tuple of str or None
    rtol : float
    """
    got, expected = observed.got[name], observed.expected[name]
    if expected.dtype.kind == "U" or got.shape != expected.shape:
        return _whole(name, observed.case, got, expected)
    apart = np.atleast_1d(differing(got, expected, rtol))
    if not apart.any():  # far apart only all together
        apart = np.atleast_1d(np.asarray(got != expected))
    far = np.atleast_1d(_sizes(got, expected, apart))
    index = np.unravel_index(int(far.argmax()), far.shape)
    place = index if np.ndim(expected) else ()
    allowed = error = None
    if is_real(expected):
        allowed = rtol * max(abs(float(expected[place])), spread(expected))
        error = observed.error_in(name)
    return Mismatch(
        name, observed.case, int(apart.sum()), apart.size, index_text(place, axes),
        got[place].item(), expected[place].item(), allowed, error,
        tuple(_patterns(apart, axes)),
    )  # fmt: skip


def _whole(name, case, got, expected):
    """Of texts and of codes of another length: both as they are."""
    both = zip(got.reshape(-1), expected.reshape(-1), strict=False)
    same = sum(a == b for a, b in both)
    total = max(got.size, expected.size)
    return Mismatch(name, case, int(total - same), total, "", got.tolist(), expected.tolist())


def _sizes(got, expected, apart):
    """How far each entry is off; what is not finite, or no number, comes first."""
    if not is_real(expected):
        return apart.reshape(np.shape(expected)).astype(float)
    with np.errstate(invalid="ignore"):
        far = np.abs(np.asarray(got, np.float64) - np.asarray(expected, np.float64))
    return np.where(np.isnan(far), np.inf, far) * apart.reshape(far.shape)


def index_text(index, axes):
    """``[B=1, L=2]``, ``[1, 2]`` without axes, nothing for a single number."""
    if not index:
        return ""
    names = axes if axes and len(axes) == len(index) else [""] * len(index)
    parts = (f"{a}={int(i)}" if a else f"{int(i)}" for a, i in zip(names, index, strict=True))
    return f"[{', '.join(parts)}]"


def _patterns(apart, axes):
    """Sentences on which rows of an axis differ, where not all do."""
    if apart.all() or not apart.any():
        return
    names = axes if axes and len(axes) == apart.ndim else tuple(map(str, range(apart.ndim)))
    for axis, name in enumerate(names):
        others = tuple(n for n in range(apart.ndim) if n != axis)
        some = apart.any(others)
        if not some.all():
            wrong, right, size = np.flatnonzero(some), np.flatnonzero(~some), apart.shape[axis]
            if len(wrong) <= MOST:
                yield f"only at {name} = {', '.join(map(str, wrong))} of {size}"
            elif len(right) <= MOST:
                yield f"nowhere at {name} = {', '.join(map(str, right))} of {size}"


def shape_text(shape, axes=None):
    """``(2, 3, 5)``, with letters ``(B=2, L=3, D=5)``."""
    if axes and len(axes) == len(shape):
        parts = [str(n) if a.isdigit() else f"{a}={n}" for a, n in zip(axes, shape, strict=True)]
        return f"({', '.join(parts)})"
    return str(tuple(shape))


def letters_of(shape, sizes):
    """What a shape's axes seem to be, by their sizes; "?" where no letter has it.

    Examples
    --------
    >>> letters_of((2, 7, 9), {"B": 2, "K": 7, "L": 5})
    '(B,K,?)'
    """
    by_size = {}
    for letter, n in sizes.items():
        by_size.setdefault(n, letter)
    return f"({','.join('1' if n == 1 else by_size.get(n, '?') for n in shape)})"


def shape_hint(got, expected, axes):
    """What makes such a shape of the expected one, in a sentence; empty if nothing plain does."""
    if sorted(got) == sorted(expected) and len(got) > 1:
        apart = [i for i in range(len(got)) if got[i] != expected[i]]
        if len(apart) == 2:
            i, j = apart
            named = f"{axes[i]} and {axes[j]}" if axes else f"{i} and {j}"
            return f"The axes {named} are exchanged: swapaxes({i}, {j}) is missing, or too many."
        return "These are the same axes in another order: a transpose is missing, or wrong."
    without = [i for i in range(len(expected)) if expected[:i] + expected[i + 1 :] == got]
    if without and len(set(expected)) == len(expected):
        i = without[0]
        return f"The axis {axes[i] if axes else i} is gone: one sum, mean or index too many?"
    if len(got) == len(expected) and all(n in (1, m) for n, m in zip(got, expected, strict=True)):
        gone = [axes[i] if axes else str(i) for i, n in enumerate(got) if n != expected[i]]
        return f"The axis {' and '.join(gone)} is of length 1: a sum or a mean too many?"
    if len(got) > len(expected):
        return "There is an axis too many: a sum forgotten, or a broadcast that was not meant?"
    if np.prod(got) == np.prod(expected):
        return "It has the right number of entries: a reshape is missing."
    if not got:
        return "It is a single number: a sum or a mean over too many axes?"
    return ""
