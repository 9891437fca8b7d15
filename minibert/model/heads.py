"""Task heads: what turns the encoder's output into logits, and logits into a loss.

Classification and regression, on the pooled vector, in two conventions:

    (1)  hf:        logits = dropout(pooled) W^T + b
    (2)  tinybert:  logits = relu(pooled) W^T + b

Masked language modelling, on every token, with the decoder tied to the word embeddings E:

    (3)  u = LN(gelu(x W^T + b))
    (4)  logits = u E^T + b_decoder
"""

import numpy as np

from minibert import kernels as F
from minibert.model.linear import FLOAT
from minibert.model.params import EMBEDDINGS

CLASSIFIER = "classifier"
TRANSFORM = "cls.predictions.transform"
DECODER_BIAS = "cls.predictions.bias"
WORDS = f"{EMBEDDINGS}word_embeddings.weight"


def classification_forward(params, config, pooled, *, drop=None, linear=FLOAT):
    """Logits (B,C) of the pooled vectors (B,D)."""
    if config.pooler == "tinybert":
        h, c_h = F.relu_forward(pooled)  # (B,D)  (2)
    else:
        h, c_h = F.dropout_forward(pooled, drop)  # (B,D)  (1)
    logits, c_linear = linear.forward(
        CLASSIFIER, h, params[f"{CLASSIFIER}.weight"], params[f"{CLASSIFIER}.bias"]
    )  # (B,C)
    return logits, (c_h, c_linear)


def classification_backward(dlogits, config, cache, *, linear=FLOAT):
    """dpooled (B,D) and the gradients of `classification_forward`."""
    c_h, c_linear = cache
    dh, grads = linear.backward(CLASSIFIER, dlogits, c_linear)
    if config.pooler == "tinybert":
        return F.relu_backward(dh, c_h), grads  # (2')
    return F.dropout_backward(dh, c_h), grads  # (1')


def mlm_forward(params, config, x, *, linear=FLOAT):
    """Logits (..., V) of the token states x (..., D)."""
    p = {kind: params[f"{TRANSFORM}.{kind}"] for kind in ("dense.weight", "dense.bias")}
    h, c_gelu = linear.gelu_forward(f"{TRANSFORM}.dense", x, *p.values())
    u, c_layernorm = F.layernorm_forward(
        h,
        params[f"{TRANSFORM}.LayerNorm.weight"],
        params[f"{TRANSFORM}.LayerNorm.bias"],
        config.eps,
    )  # (...,D)  (3)
    # The decoder is no layer of its own: its weight is the word table, whatever type that has.
    logits, c_decoder = F.linear_forward(u, params[WORDS], params[DECODER_BIAS])  # (...,V)  (4)
    return logits, (c_gelu, c_layernorm, c_decoder)


def mlm_backward(dlogits, cache, *, linear=FLOAT):
    """dx (..., D) and the gradients of `mlm_forward`; the word table gets the decoder's."""
    c_gelu, c_layernorm, c_decoder = cache
    du, dwords, dbias = F.linear_backward(dlogits, c_decoder)  # (4')
    dh, dgamma, dbeta = F.layernorm_backward(du, c_layernorm)  # (3')
    dx, grads = linear.gelu_backward(f"{TRANSFORM}.dense", dh, c_gelu)
    grads |= {
        f"{TRANSFORM}.LayerNorm.weight": dgamma,
        f"{TRANSFORM}.LayerNorm.bias": dbeta,
        WORDS: dwords,
        DECODER_BIAS: dbias,
    }
    return dx, grads


def loss_forward(logits, labels, config, head):
    """The supervised loss of a head.

    Parameters
    ----------
    logits : ndarray (B,C), or (..., V) for "mlm"
    labels : ndarray
        Class or word ids; real numbers (B,) for regression, which is C = 1. Words labelled -100
        do not count.
    config : BertConfig
    head : {"classification", "mlm"}

    Returns
    -------
    loss : scalar
    dlogits : ndarray, as logits
    """
    labels = np.asarray(labels)
    if head == "classification" and config.classes == 1:
        target = labels.reshape(logits.shape).astype(logits.dtype)
        loss, cache = F.mse_forward(logits, target)
        return loss, F.mse_backward(1.0, cache)[0]
    loss, cache = F.softmax_cross_entropy_forward(logits, labels)
    return loss, F.softmax_cross_entropy_backward(1.0, cache)
