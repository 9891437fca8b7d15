"""The updates of AdamW and BertAdam, in place, and a sum of squares.

    (1)  m = beta1 m + (1 - beta1) g                        g stands for scale g throughout
    (2)  v = beta2 v + (1 - beta2) g^2

    AdamW     (3)  p = p (1 - lr decay)
              (4)  p = p - lr/(1 - beta1^t) m / (sqrt(v)/sqrt(1 - beta2^t) + eps)
    BertAdam  (6)  p = p - lr (m/(sqrt(v) + eps) + decay p)

Sources, and the same equations on whole arrays: minibert/train/optimizers.py, whose numbers these
are. Updating the parameter arrays is what an optimizer is for: these are the only ops that
overwrite their arguments. Their kernels give the same bits in one pass over memory; here the work
is done in blocks that fit the cache, since the formulas read and write each array many times over.
"""

import math

import numpy as np

BLOCK = 32_768  # elements

# m of a row that gets no more gradient falls under the smallest normal number after some 800
# updates and stays there, and processors compute several times slower with such numbers.
FLUSH_EVERY = 64


def adamw_update(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01, scale=1.0):
    """One AdamW update, in place, equations (1)-(4).

    Parameters
    ----------
    p, m, v : ndarray
        Parameter, first and second moment; without gaps. Overwritten.
    g : ndarray
        Gradient; shape and dtype of the others.
    t : int
        Number of this update, from 1; every 64th sets subnormal moments to 0.
    lr, beta1, beta2, eps, decay : float
    scale : float
        Factor on g.

    Examples
    --------
    >>> p, m, v = np.zeros(2), np.zeros(2), np.zeros(2)
    >>> adamw_update(p, np.array([5.0, -0.01]), m, v, 1, 0.1)
    >>> p.round(6).tolist()
    [-0.1, 0.1]
    """
    shrink, rate, root = adamw_factors(t, lr, beta1, beta2, decay)
    for p_i, m_i, v_i, x, _ in _advance(p, g, m, v, beta1, beta2, scale):  # (1), (2)
        p_i *= shrink  # (3)
        np.sqrt(v_i, out=x)
        x /= root
        x += eps
        np.divide(m_i, x, out=x)
        x *= rate
        p_i -= x  # (4)
        _flush(t, m_i, v_i)


def bert_adam_update(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-6, decay=0.01, scale=1.0):
    """One BertAdam update, in place, equations (1), (2), (6); parameters as in `adamw_update`.

    Examples
    --------
    >>> p, m, v = np.zeros(1), np.zeros(1), np.zeros(1)
    >>> bert_adam_update(p, np.array([0.5]), m, v, 1, 0.1)
    >>> p.round(4).tolist()
    [-0.3162]
    """
    for p_i, m_i, v_i, x, y in _advance(p, g, m, v, beta1, beta2, scale):  # (1), (2)
        np.sqrt(v_i, out=x)
        x += eps
        np.divide(m_i, x, out=x)
        np.multiply(p_i, decay, out=y)
        x += y
        x *= lr
        p_i -= x  # (6)
        _flush(t, m_i, v_i)


def sum_of_squares(x):
    """Sum of the squares of all entries.

    Added within blocks in x's dtype and over blocks in a Python float; a block whose float32
    squares overflow is done in float64.

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    float
        NaN or infinity only if x holds one, or if it is too large for float64.

    Examples
    --------
    >>> sum_of_squares(np.array([[3.0], [4.0]]))
    25.0
    """
    flat, total = np.ravel(x), 0.0
    for i in range(0, flat.size, BLOCK):
        block = flat[i : i + BLOCK]
        with np.errstate(over="ignore"):
            part = float(np.square(block).sum())
        if not math.isfinite(part):
            part = float(np.square(block, dtype=np.float64).sum())
        total += part
    return total


def adamw_factors(t, lr, beta1, beta2, decay):
    """The three numbers of (3) and (4): 1 - lr decay, lr/(1 - beta1^t), sqrt(1 - beta2^t)."""
    return 1 - lr * decay, lr / (1 - beta1**t), math.sqrt(1 - beta2**t)


def _advance(p, g, m, v, beta1, beta2, scale):
    """Equations (1) and (2), block by block: p, m, v there as views, and two arrays of scratch."""
    p, g, m, v = p.reshape(-1), g.reshape(-1), m.reshape(-1), v.reshape(-1)
    scratch = np.empty((2, min(p.size, BLOCK)), p.dtype)
    for i in range(0, p.size, BLOCK):
        g_i, m_i, v_i = g[i : i + BLOCK], m[i : i + BLOCK], v[i : i + BLOCK]
        x, y = scratch[:, : g_i.size]
        if scale != 1.0:
            g_i = np.multiply(g_i, scale, out=y)
        np.multiply(g_i, 1 - beta1, out=x)
        m_i *= beta1
        m_i += x  # (1)
        np.multiply(g_i, g_i, out=x)
        x *= 1 - beta2
        v_i *= beta2
        v_i += x  # (2)
        yield p[i : i + BLOCK], m_i, v_i, x, y


def _flush(t, *moments):
    if t % FLUSH_EVERY == 0:
        for a in moments:
            a[np.abs(a) < np.finfo(a.dtype).tiny] = 0
