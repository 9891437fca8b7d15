"""The operations that the model calls: compositions of the primitives.

Here each is what it means. The kernels compute some of them in one pass over memory, under the
same names.

    qkv                   q, k, v = three linear layers of one x
    linear_gelu           gelu(x W^T + b)
    linear_add_layernorm  layernorm(residual + dropout(x W^T + b))
"""

from minibert.ops.dropout import dropout_backward, dropout_forward
from minibert.ops.gelu import gelu_backward, gelu_forward
from minibert.ops.int8 import quantize_affine
from minibert.ops.layernorm import layernorm_backward, layernorm_forward
from minibert.ops.linear import linear_backward, linear_forward
from minibert.ops.packed import QTensor


def qkv_forward(x, wq, bq, wk, bk, wv, bv):
    """Queries, keys and values of x.

    Parameters
    ----------
    x : ndarray (..., D)
    wq, wk, wv : ndarray or QTensor (H*K, D)
    bq, bk, bv : ndarray (H*K,)

    Returns
    -------
    (q, k, v) : tuple of ndarray (..., H*K)
    cache
    """
    if all(isinstance(w, QTensor) for w in (wq, wk, wv)):
        x = quantize_affine(x)  # once for all three
    q, c_q = linear_forward(x, wq, bq)
    k, c_k = linear_forward(x, wk, bk)
    v, c_v = linear_forward(x, wv, bv)
    return (q, k, v), (c_q, c_k, c_v)


def qkv_backward(dout, cache):
    """dx, dwq, dbq, dwk, dbk, dwv, dbv of `qkv_forward`; dout is (dq, dk, dv)."""
    (dx_q, *dq), (dx_k, *dk), (dx_v, *dv) = map(linear_backward, dout, cache)
    return dx_q + dx_k + dx_v, *dq, *dk, *dv


def linear_gelu_forward(x, w, b):
    """gelu(x W^T + b), (..., out); x (..., in), w (out, in), b (out,)."""
    h, c_linear = linear_forward(x, w, b)
    y, c_gelu = gelu_forward(h)
    return y, (c_linear, c_gelu)


def linear_gelu_backward(dy, cache):
    """dx, dw, db of `linear_gelu_forward`."""
    c_linear, c_gelu = cache
    return linear_backward(gelu_backward(dy, c_gelu), c_linear)


def linear_add_layernorm_forward(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    """layernorm(residual + dropout(x W^T + b)): how each half of a block ends.

    Parameters
    ----------
    x : ndarray (..., in)
    w : ndarray or QTensor (D, in)
    b, gamma, beta : ndarray (D,)
    residual : ndarray (..., D)
    eps : float
    drop : Drop, optional

    Returns
    -------
    y : ndarray (..., D)
    cache
    """
    h, c_linear = linear_forward(x, w, b)
    h, c_dropout = dropout_forward(h, drop)
    y, c_layernorm = layernorm_forward(residual + h, gamma, beta, eps)
    return y, (c_linear, c_dropout, c_layernorm)


def linear_add_layernorm_backward(dy, cache):
    """dx, dw, db, dresidual, dgamma, dbeta of `linear_add_layernorm_forward`."""
    c_linear, c_dropout, c_layernorm = cache
    dsum, dgamma, dbeta = layernorm_backward(dy, c_layernorm)
    dx, dw, db = linear_backward(dropout_backward(dsum, c_dropout), c_linear)
    return dx, dw, db, dsum, dgamma, dbeta
