"""Scaled dot-product attention (Vaswani et al. 2017, equation 1).

    (1)  s = Q K^T / sqrt(K)            scores; TinyBERT distils these, before the mask is added
    (2)  p = softmax(s + bias)          bias: 0 where a key may be seen, very negative elsewhere
    (3)  d = dropout(p)
    (4)  u = d V
    (5)  context = m u                  m: an optional mask over heads, one number each

    (5') dm = sum of dcontext * u       du = m dcontext
    (4') dd = du V^T                    dV = d^T du
    (3') dp = dropout'(dd)
    (2') ds = softmax'(dp) + the cotangent of the scores, where a loss has one
    (1') dQ = ds K / sqrt(K)            dK = ds^T Q / sqrt(K)

Self-attention has as many keys as queries; in cross-attention k and v come from elsewhere and
have a length S of their own.
"""

import math
from typing import NamedTuple

import numpy as np

from minibert.ops.dropout import dropout_backward, dropout_forward
from minibert.ops.softmax import softmax_backward, softmax_forward


class Attended(NamedTuple):
    """What attention returns, and what its backward takes the cotangents of."""

    context: np.ndarray  # (B,H,L,K)
    scores: np.ndarray | None  # (B,H,L,S), or None


def attention_forward(q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
    """softmax(Q K^T / sqrt(K) + bias) V for every head.

    Parameters
    ----------
    q : ndarray (B,H,L,K)
    k, v : ndarray (B,H,S,K)
    bias : ndarray that broadcasts to (B,H,L,S), optional
        See `padding_bias` and `causal_bias`.
    drop : Drop, optional
        Dropout on the probabilities.
    head_mask : ndarray (H,), optional
        Multiplies each head's context; its gradient is the head's importance.
    want_scores : bool
        Whether to return the scores.

    Returns
    -------
    Attended
        context (B,H,L,K) and scores (B,H,L,S) or None.
    cache
    """
    scale = 1.0 / math.sqrt(q.shape[-1])
    s = q @ k.swapaxes(-1, -2) * scale  # (B,H,L,S)  (1)
    p, c_softmax = softmax_forward(s if bias is None else s + bias)  # (B,H,L,S)  (2)
    d, c_dropout = dropout_forward(p, drop)  # (B,H,L,S)  (3)
    u = d @ v  # (B,H,L,K)  (4)
    context = u if head_mask is None else u * head_mask[:, None, None]  # (B,H,L,K)  (5)
    cache = (q, k, v, d, c_softmax, c_dropout, u, head_mask)
    return Attended(context, s if want_scores else None), cache


def attention_backward(dout, cache):
    """Gradients of `attention_forward`.

    Parameters
    ----------
    dout : Attended
        dcontext (B,H,L,K), and dscores (B,H,L,S) or None.
    cache

    Returns
    -------
    dq, dk, dv : ndarray, as q, k and v
    dhead_mask : ndarray (H,), or None where there was no head mask
    """
    dcontext, dscores = dout
    q, k, v, d, c_softmax, c_dropout, u, head_mask = cache
    scale = 1.0 / math.sqrt(q.shape[-1])
    du, dhead_mask = dcontext, None
    if head_mask is not None:
        dhead_mask = (dcontext * u).sum((0, 2, 3))  # (H,)  (5')
        du = dcontext * head_mask[:, None, None]  # (B,H,L,K)  (5')
    dv = d.swapaxes(-1, -2) @ du  # (B,H,S,K)  (4')
    dd = du @ v.swapaxes(-1, -2)  # (B,H,L,S)  (4')
    dp = dropout_backward(dd, c_dropout)  # (B,H,L,S)  (3')
    ds = softmax_backward(dp, c_softmax)  # (B,H,L,S)  (2')
    if dscores is not None:
        ds = ds + dscores  # (2')
    dq = ds @ k * scale  # (B,H,L,K)  (1')
    dk = ds.swapaxes(-1, -2) @ q * scale  # (B,H,S,K)  (1')
    return dq, dk, dv, dhead_mask


def padding_bias(keep, dtype=np.float32):
    """The bias that hides padded keys.

    The value is the most negative number of the type, as in Hugging Face's BERT: finite, so that
    a fully padded row becomes uniform instead of NaN.

    Parameters
    ----------
    keep : ndarray of bool (B,L)
        True where there is a token.
    dtype : float dtype

    Returns
    -------
    ndarray (B,1,1,L)
    """
    return np.where(keep, 0.0, np.finfo(dtype).min).astype(dtype)[:, None, None, :]


def causal_bias(length, dtype=np.float32):
    """The bias with which token i sees only tokens 0 to i, (1,1,L,L)."""
    future = np.triu(np.ones((length, length), bool), 1)
    return np.where(future, np.finfo(dtype).min, 0.0).astype(dtype)[None, None]
