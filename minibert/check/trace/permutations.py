"""Whether one array holds another's numbers in another order."""

import numpy as np

from minibert.check.compare import relative_error

MOST = 4096  # columns, all pairs of which are compared


def permutation(got, expected, rtol, axis=-1):
    """The order in which an axis of the reference's makes the other's, if there is one.

    Parameters
    ----------
    got, expected : ndarray
    rtol : float
    axis : int

    Returns
    -------
    ndarray of int, or None
        ``expected.take(order, axis)`` agrees with `got`. None where no order does, or where they
        agree as they are.

    Examples
    --------
    >>> permutation(np.array([[3.0, 1.0, 2.0]]), np.array([[1.0, 2.0, 3.0]]), 1e-9)
    array([2, 0, 1])
    """
    n = expected.shape[axis]
    if got.shape != expected.shape or n > MOST or not np.isfinite(got).all():
        return None
    a, b = (np.moveaxis(x, axis, 0).reshape(n, -1).astype(np.float64) for x in (got, expected))
    # |a - b|^2, up to what is the same for every b
    order = ((b * b).sum(1) - 2.0 * (a @ b.T)).argmin(1)
    in_order = (order == np.arange(n)).all()
    if in_order or len(set(order.tolist())) < n or relative_error(a, b[order]) > rtol:
        return None
    return order
