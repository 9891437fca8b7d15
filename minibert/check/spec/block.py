"""One layer of BERT, in loops: the parts of this package, one after the other.

Everything but attention is done token by token, on rows (M,D) with M = B L; the bias on the scores,
in full (B,H,L,L), says how many rows make a text and how many columns a head. Parameters go by
their names within the layer. `masks` says what dropout keeps: a mask for each site of the model
where something is dropped, of which a layer has three, and nothing in evaluation.
"""

from typing import NamedTuple

import numpy as np

from minibert.check.spec.activations import gelu_backward, gelu_forward
from minibert.check.spec.attention import attention_backward, attention_forward
from minibert.check.spec.dropout import dropout_forward
from minibert.check.spec.layernorm import layernorm_backward, layernorm_forward
from minibert.check.spec.linear import linear_backward, linear_forward


class Layer(NamedTuple):
    """Every step of a layer, in order."""

    q: np.ndarray  # (B,H,L,K), as k, v and context
    k: np.ndarray
    v: np.ndarray
    scores: np.ndarray  # (B,H,L,L)
    context: np.ndarray
    s1: np.ndarray  # (M,D), as x1, s2 and x2
    x1: np.ndarray
    h: np.ndarray  # (M,F), as a
    a: np.ndarray
    s2: np.ndarray
    x2: np.ndarray


def block_forward(x, p, bias, config, masks, site):
    """x1 = LN(x + Wo attention(x Wq, x Wk, x Wv)), x2 = LN(x1 + W2 gelu(W1 x1)); x (M,D)."""
    H = bias.shape[1]
    q = split_heads(linear_forward(x, *_both(p, "attention.self.query")), bias)
    k = split_heads(linear_forward(x, *_both(p, "attention.self.key")), bias)
    v = split_heads(linear_forward(x, *_both(p, "attention.self.value")), bias)
    context, scores = attention_forward(
        q, k, v, bias, p.get("attention.head_mask", np.ones(H, x.dtype)),
        masks.get(site), config.attention_dropout,
    )
    o = linear_forward(join_heads(context), *_both(p, "attention.output.dense"))
    s1 = x + dropped(o, masks.get(site + 1), config.dropout)
    x1 = layernorm_forward(s1, *_both(p, "attention.output.LayerNorm"), config.eps)
    h = linear_forward(x1, *_both(p, "intermediate.dense"))
    a = gelu_forward(h)
    y = linear_forward(a, *_both(p, "output.dense"))
    s2 = x1 + dropped(y, masks.get(site + 2), config.dropout)
    x2 = layernorm_forward(s2, *_both(p, "output.LayerNorm"), config.eps)
    return Layer(q, k, v, scores, context, s1, x1, h, a, s2, x2)


def block_backward(dx2, dscores, x, p, bias, config, masks, site):
    """dx (M,D) and the gradients by name: the forward's lines from the last to the first.

    What is used twice, x1 and x, gets the gradients of both uses, added.
    """
    f, grads = block_forward(x, p, bias, config, masks, site), {}
    ds2 = _layernorm_back(dx2, f.s2, p, "output.LayerNorm", config.eps, grads)
    dy = dropped(ds2, masks.get(site + 2), config.dropout)
    da = _linear_back(dy, f.a, p, "output.dense", grads)
    dh = gelu_backward(da, f.h)
    dx1 = ds2 + _linear_back(dh, f.x1, p, "intermediate.dense", grads)
    ds1 = _layernorm_back(dx1, f.s1, p, "attention.output.LayerNorm", config.eps, grads)
    do = dropped(ds1, masks.get(site + 1), config.dropout)
    dcontext = _linear_back(do, join_heads(f.context), p, "attention.output.dense", grads)
    dq, dk, dv, dhead_mask = attention_backward(
        split_heads(dcontext, bias), dscores, f.q, f.k, f.v, bias,
        p.get("attention.head_mask", np.ones(bias.shape[1], x.dtype)),
        masks.get(site), config.attention_dropout,
    )
    dx = ds1 + _linear_back(join_heads(dq), x, p, "attention.self.query", grads)
    dx = dx + _linear_back(join_heads(dk), x, p, "attention.self.key", grads)
    dx = dx + _linear_back(join_heads(dv), x, p, "attention.self.value", grads)
    if "attention.head_mask" in p:
        grads["attention.head_mask"] = dhead_mask
    return dx, grads


def padding_bias(keep, H, dtype):
    """bias (B,H,L,L) for keep (B,L): 0, and at the padding's keys the most negative number."""
    B, L = keep.shape
    bias = np.zeros((B, H, L, L), dtype)
    for b, h, query, key in np.ndindex(bias.shape):
        if not keep[b, key]:
            bias[b, h, query, key] = np.finfo(dtype).min
    return bias


def split_heads(x, bias):
    """y[b,h,t,c] = x[b L + t, h K + c]: columns hK to hK + K - 1 belong to head h."""
    B, H, L = bias.shape[:3]
    K = x.shape[1] // H
    y = np.empty((B, H, L, K), x.dtype)
    for b, h, t, c in np.ndindex(y.shape):
        y[b, h, t, c] = x[b * L + t, h * K + c]
    return y


def join_heads(y):
    """x[b L + t, h K + c] = y[b,h,t,c], the other way."""
    B, H, L, K = y.shape
    x = np.empty((B * L, H * K), y.dtype)
    for b, h, t, c in np.ndindex(y.shape):
        x[b * L + t, h * K + c] = y[b, h, t, c]
    return x


def dropped(y, keep, rate):
    """Dropout where there is a mask; its own backward, too."""
    return y if keep is None else dropout_forward(y, keep.reshape(y.shape), rate)


def _both(p, name):
    """Weight and bias, or gamma and beta."""
    return p[f"{name}.weight"], p[f"{name}.bias"]


def _linear_back(dy, x, p, name, grads):
    """dx; the parameters' gradients go into grads."""
    dx, grads[f"{name}.weight"], grads[f"{name}.bias"] = linear_backward(
        dy, x, p[f"{name}.weight"]
    )
    return dx


def _layernorm_back(dy, x, p, name, eps, grads):
    """dx; the parameters' gradients go into grads."""
    dx, grads[f"{name}.weight"], grads[f"{name}.bias"] = layernorm_backward(
        dy, x, p[f"{name}.weight"], eps
    )
    return dx
