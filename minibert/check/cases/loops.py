"""The loop forms under the signatures of the ops: any leading axes, a `Drop`, defaults.

The functions of `minibert.check.spec` take rows and everything in full; these only reshape.
"""

import numpy as np

from minibert.check import spec
from minibert.ops import Attended


def rows(x):
    """All axes but the last as one."""
    return np.ascontiguousarray(x).reshape(-1, x.shape[-1])


def linear_forward(x, w, b):
    """As `spec.linear_forward`, x (..., I)."""
    return spec.linear_forward(rows(x), w, b).reshape(*x.shape[:-1], len(w))


def linear_backward(dy, x, w, b):
    """As `spec.linear_backward`."""
    dx, dw, db = spec.linear_backward(rows(dy), rows(x), w)
    return dx.reshape(x.shape), dw, db


def layernorm_forward(x, gamma, beta, eps=1e-12):
    """As `spec.layernorm_forward`, x (..., D)."""
    return spec.layernorm_forward(rows(x), gamma, beta, eps).reshape(x.shape)


def layernorm_backward(dy, x, gamma, beta, eps=1e-12):
    """As `spec.layernorm_backward`."""
    dx, dgamma, dbeta = spec.layernorm_backward(rows(dy), rows(x), gamma, eps)
    return dx.reshape(x.shape), dgamma, dbeta


def softmax_forward(s):
    """As `spec.softmax_forward`, s (..., n)."""
    return spec.softmax_forward(rows(s)).reshape(s.shape)


def softmax_backward(dp, s):
    """As `spec.softmax_backward`, of the scores."""
    return (spec.softmax_backward(rows(dp), rows(softmax_forward(s))).reshape(s.shape),)


def log_softmax_forward(s):
    """As `spec.log_softmax_forward`, s (..., n)."""
    return spec.log_softmax_forward(rows(s)).reshape(s.shape)


def log_softmax_backward(dlogp, s):
    """As `spec.log_softmax_backward`, of the scores."""
    logp = rows(log_softmax_forward(s))
    return (spec.log_softmax_backward(rows(dlogp), logp).reshape(s.shape),)


def keep_mask(shape, drop):
    """As `spec.keep_mask`, of an array of this shape."""
    keep = spec.keep_mask(drop.first + int(np.prod(shape)), drop.rate, *drop.hash_keys())
    return keep[drop.first :].reshape(shape)


def dropout_forward(x, drop):
    """As `spec.dropout_forward`, with the mask of a `Drop`."""
    return spec.dropout_forward(x, _keep(x.shape, drop), drop.rate)


def embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    """As `spec.embedding_forward`."""
    segments = np.zeros_like(ids) if segments is None else segments
    return spec.embedding_forward(word, position, segment, ids, segments)


def embedding_backward(de, word, position, segment, ids, segments=None, pad_id=0):
    """As `spec.embedding_backward`."""
    segments = np.zeros_like(ids) if segments is None else segments
    return spec.embedding_backward(de, word, position, segment, ids, segments, pad_id)


def attention_forward(q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
    """As `spec.attention_forward`."""
    whole = _whole(q, k, bias, head_mask, drop)
    context, scores = spec.attention_forward(q, k, v, *whole)
    return Attended(context, scores if want_scores else None)


def attention_backward(dout, q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
    """As `spec.attention_backward`."""
    dcontext, dscores = dout
    whole = _whole(q, k, bias, head_mask, drop)
    dscores = np.zeros_like(whole[0]) if dscores is None else dscores
    *grads, dhead_mask = spec.attention_backward(dcontext, dscores, q, k, v, *whole)
    return *grads, None if head_mask is None else dhead_mask


def packed_attention_forward(q, k, v, offsets, *, drop=None, head_mask=None):
    """As `spec.packed_attention_forward`."""
    whole = _packed_whole(q, offsets, head_mask, drop)
    return spec.packed_attention_forward(q, k, v, offsets, *whole)


def packed_attention_backward(dcontext, q, k, v, offsets, *, drop=None, head_mask=None):
    """As `spec.packed_attention_backward`."""
    whole = _packed_whole(q, offsets, head_mask, drop)
    *grads, dm = spec.packed_attention_backward(dcontext, q, k, v, offsets, *whole)
    return *grads, None if head_mask is None else dm


def _packed_whole(q, offsets, head_mask, drop):
    """A mask of every head, what is kept of all scores in one row, the rate of dropping."""
    head_mask = np.ones(len(q), q.dtype) if head_mask is None else head_mask
    scores = len(q) * int((np.diff(offsets) ** 2).sum())
    return head_mask, *((None, 0.0) if drop is None else (_keep((scores,), drop), drop.rate))


def _whole(q, k, bias, head_mask, drop):
    """A bias of every score, a mask of every head, what is kept and the rate of dropping."""
    shape = q.shape[:3] + k.shape[2:3]
    bias = np.broadcast_to(0.0 if bias is None else bias, shape).astype(q.dtype)
    head_mask = np.ones(q.shape[1], q.dtype) if head_mask is None else head_mask
    return bias, head_mask, *((None, 0.0) if drop is None else (_keep(shape, drop), drop.rate))


def _keep(shape, drop):
    """The mask of a `Drop`: the explicit one, where it has one."""
    return keep_mask(shape, drop) if drop.masks is None else drop.masks[drop.site]
