"""Soft threshold: every weight shrinks towards zero, the small ones arrive (Donoho 1995).

    (1)  w' = sign(w) max(|w| - amount, 0)

Beside the magnitude mask, which leaves the large weights as they are, this moves all of them, by
the same amount and on both sides of zero. It is one step of gradient descent's way to deal with a
penalty amount * sum |w| (the penalty's proximal operator).
"""

import numpy as np


def soft_threshold(w, amount):
    """Shrink weights by an amount, those below it to zero.

    Parameters
    ----------
    w : ndarray
    amount : float
        At least 0, in the units of w.

    Returns
    -------
    ndarray
        The shape and the dtype of w.

    Raises
    ------
    ValueError
        amount is negative or NaN.

    Examples
    --------
    >>> soft_threshold(np.array([2.0, -2.0, 0.5, -0.25]), 1.0)
    array([ 1., -1.,  0., -0.])
    """
    if not amount >= 0:
        raise ValueError(f"amount is {amount!r}; it is at least 0")
    return np.sign(w) * np.maximum(np.abs(w) - amount, 0)  # (1)
