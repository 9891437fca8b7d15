"""InfoNCE, the contrastive loss (van den Oord, Li and Vinyals 2018, equation 4).

Row i of Q and row i of K belong together; every other row of K is a wrong answer for it. With the
similarities

    (1)  s_ij = q_i . k_j / tau

finding the right row is a classification with as many classes as there are rows:

    (2)  loss = 1/n sum_i -log( exp s_ii / sum_j exp s_ij )

The paper scores a pair by exp(z^T W c), and has no temperature; here W is left to the caller, and
tau is there because rows of length 1 need one (their s lie within 1/tau of 0).

    (2') ds = (softmax(s) - I) / n
    (1') dQ = ds K / tau,    dK = ds^T Q / tau
"""

import numpy as np

from minibert.ops.softmax import log_softmax_forward


def info_nce_forward(q, k, *, tau=1.0):
    """Mean over rows of -log softmax(q k^T / tau) at the matching row.

    Parameters
    ----------
    q, k : ndarray (n, D)
        Row i of one belongs to row i of the other.
    tau : float
        Temperature, above 0.

    Returns
    -------
    loss : scalar
        In nats; log n where all rows are alike.
    cache

    Raises
    ------
    ValueError
        The shapes differ or are not (n, D), or tau is not positive.

    Examples
    --------
    >>> loss, _ = info_nce_forward(np.zeros((4, 3)), np.zeros((4, 3)))
    >>> bool(np.isclose(loss, np.log(4)))
    True
    """
    if q.ndim != 2 or q.shape != k.shape:
        raise ValueError(f"q is {q.shape}, k is {k.shape}; wanted (n, D) twice, rows that match")
    if not tau > 0:
        raise ValueError(f"tau is {tau!r}; it is above 0")
    s = (q @ k.T) * (1.0 / tau)  # (n,n)  (1)
    logp, _ = log_softmax_forward(s)  # (n,n)
    loss = -np.trace(logp) / len(q)  # (2)
    return loss, (q, k, np.exp(logp), tau)


def info_nce_backward(dloss, cache):
    """dq and dk, (n, D), of `info_nce_forward`."""
    q, k, p, tau = cache
    n = len(q)
    ds = (p - np.eye(n, dtype=p.dtype)) * (dloss / (n * tau))  # (n,n)  (2'), with the 1/tau of (1')
    return ds @ k, ds.T @ q  # (n,D)  (1')
