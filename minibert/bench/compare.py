"""Whether two engines computed the same, before either is timed."""

import numpy as np

LIMIT = 1e-4


class MismatchError(Exception):
    """A peer's numbers are not ours: one of the two does not do the work."""


def relative_error(ours, theirs):
    """norm(ours - theirs) / norm(theirs), in float64.

    Examples
    --------
    >>> relative_error([1.0, 1.0], [1.0, 0.0])
    1.0
    """
    ours, theirs = (np.asarray(a, np.float64) for a in (ours, theirs))
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), 1e-300))


def agree(work, peer, pairs, limit=LIMIT):
    """The largest relative error of several outputs.

    Parameters
    ----------
    work, peer : str
        For the message.
    pairs : list of (array, array)
        Ours and theirs.
    limit : float

    Raises
    ------
    MismatchError
        It is above the limit, or not a number.
    """
    error = max((relative_error(*pair) for pair in pairs), key=lambda e: (np.isnan(e), e))
    if not error <= limit:
        raise MismatchError(
            f"{work}: our outputs and {peer}'s differ by {error:.1e}, relative to their norm; at "
            f"most {limit:g} is rounding"
        )
    return error
