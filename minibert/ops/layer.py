"""BERT's layers without gradients (Devlin et al. 2018), as inference runs them.

    (1)  q, k, v = x Wq^T + bq, x Wk^T + bk, x Wv^T + bv, split into H heads of size K
    (2)  context = attention(q, k, v)
    (3)  x1 = layernorm(x + join(context) Wo^T + bo)
    (4)  a = gelu(x1 W1^T + b1)
    (5)  y = layernorm(x1 + a W2^T + b2)

A layer's y is the next one's x. They are one op so that a kernel may do them in one call. The layer
that can be trained, with dropout and a backward, is `minibert.model.block`.
"""

from minibert.ops.attention import attention_forward
from minibert.ops.fused import linear_add_layernorm_forward, linear_gelu_forward, qkv_forward
from minibert.ops.packed_attention import packed_attention_forward


def transformer_layers(
    x, layers, *, heads, eps=1e-12, bias=None, offsets=None, want_scores=False, want_hidden=True
):
    """Several layers, one after another.

    Parameters
    ----------
    x : ndarray (B,L,D), or (P,D) with `offsets`
    layers : sequence of tuple
        Of each layer the sixteen arrays that `transformer_layer` takes.
    heads : sequence of int
        H of each layer.
    eps, bias, offsets, want_scores
        See `transformer_layer`.
    want_hidden : bool
        Whether the hidden states of every layer are wanted, or the last alone.

    Returns
    -------
    hidden : tuple of ndarray, as x
        Of each layer y, or of the last.
    scores : tuple of ndarray (B,H,L,L) or None
    """
    hidden, scores = [], []
    for weights, H in zip(layers, heads, strict=True):
        x, s = transformer_layer(
            x, *weights, heads=H, eps=eps, bias=bias, offsets=offsets, want_scores=want_scores
        )
        hidden = [*hidden, x] if want_hidden else [x]
        scores.append(s)
    return tuple(hidden), tuple(scores)


def transformer_layer(
    x, wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, w1, b1, w2, b2, gamma2, beta2,
    *, heads, eps=1e-12, bias=None, offsets=None, want_scores=False,
):  # fmt: skip
    """One layer.

    Parameters
    ----------
    x : ndarray (B,L,D), or (P,D) with `offsets`
    wq, wk, wv : ndarray or QTensor (H*K,D)
    bq, bk, bv : ndarray (H*K,)
    wo : ndarray or QTensor (D,H*K)
    w1, w2 : ndarray or QTensor (F,D), (D,F)
    b1 : ndarray (F,)
    bo, gamma1, beta1, b2, gamma2, beta2 : ndarray (D,)
    heads : int
        H.
    eps : float
        Of both LayerNorms.
    bias : ndarray (B,1,1,L) or whatever broadcasts with (B,H,L,L), optional
        Added to the scores; None with `offsets`.
    offsets : ndarray of int (B+1,), optional
        The rows of each sequence, see `packed_attention_forward`.
    want_scores : bool
        Not with `offsets`.

    Returns
    -------
    y : ndarray, as x
    scores : ndarray (B,H,L,L) or None
        Before the bias is added.

    Examples
    --------
    >>> import numpy as np
    >>> linear, norm = (np.eye(2), np.zeros(2)), (np.ones(2), np.zeros(2))
    >>> weights = *3 * linear, *linear, *norm, *2 * linear, *norm
    >>> y, _ = transformer_layer(np.array([[[1.0, 2.0]]]), *weights, heads=1)
    >>> y
    array([[[-1.,  1.]]])
    """
    qkv, _ = qkv_forward(x, wq, bq, wk, bk, wv, bv)
    # (B,L,H*K) -> (B,H,L,K); packed, (P,H*K) -> (H,P,K)
    q, k, v = (y.reshape(*y.shape[:-1], heads, -1).swapaxes(-3, -2) for y in qkv)  # (1)
    if offsets is None:
        (context, scores), _ = attention_forward(q, k, v, bias, want_scores=want_scores)  # (2)
    else:
        scores, (context, _) = None, packed_attention_forward(q, k, v, offsets)  # (2)
    context = context.swapaxes(-3, -2)
    joined = context.reshape(*context.shape[:-2], -1)  # (B,L,H*K) or (P,H*K)
    x1, _ = linear_add_layernorm_forward(joined, wo, bo, x, gamma1, beta1, eps)  # (B,L,D)  (3)
    a, _ = linear_gelu_forward(x1, w1, b1)  # (B,L,F)  (4)
    y, _ = linear_add_layernorm_forward(a, w2, b2, x1, gamma2, beta2, eps)  # (B,L,D)  (5)
    return y, scores
