"""Cross-entropy with hard labels, and with a teacher's probabilities.

    (1)  loss = mean over rows of -sum_c t_c log p_c,      log p = log_softmax(z)

With hard labels t is 1 at the label; label smoothing (Szegedy et al. 2016) moves a share e of it
evenly to all C classes: t = (1 - e) onehot + e / C. Rows whose label is `ignore_index` are not
counted, neither in the sum nor in the mean.

    (1') dz = (p - t) / rows

The soft form is TinyBERT's prediction loss (Jiao et al. 2020, equation 10). Both logits are
divided by the temperature tau; there is no factor tau^2:

    (2)  loss = 1/n sum over rows of -sum_c p_t log p_s,   p = softmax(z / tau)
    (2') dz_s = (p_s - p_t) / (tau n)

n is the number of rows ("batch", the paper) or of rows times classes ("all", the code the
authors released).
"""

import numpy as np

from minibert.ops.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_forward,
)


def softmax_cross_entropy_forward(logits, labels, *, ignore_index=-100, smoothing=0.0):
    """Mean of -log p[label] over the rows that count.

    Parameters
    ----------
    logits : ndarray (..., C)
    labels : ndarray of int (...)
    ignore_index : int
        Label of the rows that are left out.
    smoothing : float
        Share e of the target that is spread over all classes.

    Returns
    -------
    loss : scalar
        In nats. 0 where no row counts.
    cache

    Raises
    ------
    ValueError
        A label is neither in 0..C-1 nor ignore_index, or there is not one for each row.

    Examples
    --------
    >>> loss, _ = softmax_cross_entropy_forward(np.zeros((1, 4)), np.array([2]))
    >>> bool(np.isclose(loss, np.log(4)))
    True
    """
    C = logits.shape[-1]
    if labels.shape != logits.shape[:-1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels is {labels.dtype} {labels.shape}; wanted integers {logits.shape[:-1]}, one "
            "for each row of logits"
        )
    counted = labels != ignore_index  # (...)
    safe = np.where(counted, labels, 0)
    if safe.size and not (safe.min() >= 0 and safe.max() < C):
        raise ValueError(f"labels span {safe.min()} to {safe.max()}; the logits have C={C} classes")
    target = np.full(logits.shape, smoothing / C, logits.dtype)  # (...,C)
    np.put_along_axis(target, safe[..., None], 1.0 - smoothing + smoothing / C, -1)
    target *= counted[..., None]
    n = max(int(counted.sum()), 1)
    logp, c_logp = log_softmax_forward(logits)  # (...,C)
    loss = -(target * logp).sum() / n  # (1)
    return loss, (target, c_logp, n)


def softmax_cross_entropy_backward(dloss, cache):
    """dlogits (..., C) of `softmax_cross_entropy_forward`."""
    target, c_logp, n = cache
    return log_softmax_backward(target * (-dloss / n), c_logp)  # (1')


def soft_cross_entropy_forward(student, teacher, *, tau=1.0, mean="batch"):
    """TinyBERT's prediction loss, -sum_c p_t log p_s at temperature tau.

    Parameters
    ----------
    student, teacher : ndarray (..., C)
        Logits.
    tau : float
        Temperature; above 1 the distributions are flatter.
    mean : {"batch", "all"}
        Divide by the rows, or by the rows times C.

    Returns
    -------
    loss : scalar
    cache
    """
    if mean not in ("batch", "all"):
        raise ValueError(f'mean is {mean!r}; it is "batch" or "all"')
    p_t, _ = softmax_forward(teacher * (1.0 / tau))  # (...,C)
    logp_s, c_logp = log_softmax_forward(student * (1.0 / tau))  # (...,C)
    n = student.size if mean == "all" else student.size // student.shape[-1]
    loss = -(p_t * logp_s).sum() / n  # (2)
    return loss, (p_t, c_logp, tau, n)


def soft_cross_entropy_backward(dloss, cache):
    """dstudent (..., C) of `soft_cross_entropy_forward`; the teacher gets no gradient."""
    p_t, c_logp, tau, n = cache
    return log_softmax_backward(p_t * (-dloss / n), c_logp) * (1.0 / tau)  # (2')
