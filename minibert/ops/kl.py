"""Hinton's distillation loss (Hinton, Vinyals and Dean 2015, section 2).

    (1)  loss = tau^2 * mean over rows of sum_c p_t (log p_t - log p_s),   p = softmax(z / tau)

The factor tau^2 keeps the size of the gradient independent of the temperature:

    (1') dz_s = tau (p_s - p_t) / rows
"""

import numpy as np

from minibert.ops.softmax import log_softmax_forward


def kl_forward(student, teacher, *, tau=1.0):
    """tau^2 KL(teacher || student), the mean over rows.

    Parameters
    ----------
    student, teacher : ndarray (..., C)
        Logits.
    tau : float
        Temperature.

    Returns
    -------
    loss : scalar
    cache
    """
    logp_s, _ = log_softmax_forward(student * (1.0 / tau))  # (...,C)
    logp_t, _ = log_softmax_forward(teacher * (1.0 / tau))  # (...,C)
    rows = student.size // student.shape[-1]
    p_t = np.exp(logp_t)
    loss = tau * tau * (p_t * (logp_t - logp_s)).sum() / rows  # (1)
    return loss, (np.exp(logp_s), p_t, tau, rows)


def kl_backward(dloss, cache):
    """dstudent (..., C) of `kl_forward`; the teacher gets no gradient."""
    p_s, p_t, tau, rows = cache
    return (p_s - p_t) * (dloss * tau / rows)  # (1')
