"""Task heads: what turns the encoder's output into logits.

With x_N the last hidden states (B,L,D) and pooled (B,D), as `encoder` gives them:

    (1)  classification   logits = dropout(pooled) W^T + b         pooler "hf"         (B,C)
    (2)                   logits = relu(pooled) W^T + b            pooler "tinybert"
    (3)  next sentence    logits = pooled W^T + b                                      (B,2)
    (4)  tokens           logits = dropout(x_N) W^T + b                                (B,L,C)
    (5)  span             logits = x_N W^T + b                     start and end       (B,L,2)
    (6)  mlm              u = LN(gelu(x_N W^T + b))
    (7)                   logits = u E^T + b_decoder               E the word table    (B,L,V)

Sources: Devlin et al. 2018, sections 3.1 (3, 6, 7), 4.1 (1), 4.2 (5) and 5.3 (4), and where the
paper is silent, in what is dropped out, Hugging Face's BERT; (2) is the code that TinyBERT's
authors released. Regression is (1) or (2) with C = 1. Class 0 of (3) means that the second text
follows the first.

`HEADS` says of each which of the encoder's outputs it reads. A head is a pair of functions,

    logits, cache = f_forward(params, config, x, drop=..., linear=...)
    dx, grads     = f_backward(dlogits, config, cache, linear=...)
"""

from typing import Any, NamedTuple

from minibert import kernels as F
from minibert.model.linear import FLOAT
from minibert.model.params import DECODER_BIAS, EMBEDDINGS, OUTPUT_LAYERS, TRANSFORM

WORDS = f"{EMBEDDINGS}word_embeddings.weight"


class Head(NamedTuple):
    """A head: what it reads, and its two functions."""

    reads: str  # "pooled" (B,D) or "hidden" (B,L,D)
    forward: Any
    backward: Any


def classification_forward(params, config, pooled, *, drop=None, linear=FLOAT):
    """Logits (B,C) of the pooled vectors (B,D)."""
    if config.pooler == "tinybert":
        h, c_h = F.relu_forward(pooled)  # (B,D)  (2)
    else:
        h, c_h = F.dropout_forward(pooled, drop)  # (B,D)  (1)
    logits, c_linear = _linear("classification", params, h, linear)  # (B,C)
    return logits, (c_h, c_linear)


def classification_backward(dlogits, config, cache, *, linear=FLOAT):
    """dpooled (B,D) and the gradients of `classification_forward`."""
    c_h, c_linear = cache
    dh, grads = linear.backward(OUTPUT_LAYERS["classification"], dlogits, c_linear)
    if config.pooler == "tinybert":
        return F.relu_backward(dh, c_h), grads  # (2')
    return F.dropout_backward(dh, c_h), grads  # (1')


def next_sentence_forward(params, config, pooled, *, drop=None, linear=FLOAT):
    """Logits (B,2) of the pooled vectors (B,D); nothing is dropped out."""
    return _linear("next_sentence", params, pooled, linear)  # (B,2)  (3)


def next_sentence_backward(dlogits, config, cache, *, linear=FLOAT):
    """dpooled (B,D) and the gradients of `next_sentence_forward`."""
    return linear.backward(OUTPUT_LAYERS["next_sentence"], dlogits, cache)  # (3')


def tokens_forward(params, config, x, *, drop=None, linear=FLOAT):
    """Logits (B,L,C) of the token states x (B,L,D)."""
    h, c_dropout = F.dropout_forward(x, drop)  # (B,L,D)
    logits, c_linear = _linear("tokens", params, h, linear)  # (B,L,C)  (4)
    return logits, (c_dropout, c_linear)


def tokens_backward(dlogits, config, cache, *, linear=FLOAT):
    """dx (B,L,D) and the gradients of `tokens_forward`."""
    c_dropout, c_linear = cache
    dh, grads = linear.backward(OUTPUT_LAYERS["tokens"], dlogits, c_linear)  # (4')
    return F.dropout_backward(dh, c_dropout), grads


def span_forward(params, config, x, *, drop=None, linear=FLOAT):
    """Logits (B,L,2) of the token states x (B,L,D): being the start, being the end of the span."""
    return _linear("span", params, x, linear)  # (B,L,2)  (5)


def span_backward(dlogits, config, cache, *, linear=FLOAT):
    """dx (B,L,D) and the gradients of `span_forward`."""
    return linear.backward(OUTPUT_LAYERS["span"], dlogits, cache)  # (5')


def mlm_forward(params, config, x, *, drop=None, linear=FLOAT):
    """Logits (..., V) of the token states x (..., D); nothing is dropped out."""
    h, c_gelu = linear.gelu_forward(
        f"{TRANSFORM}.dense", x, params[f"{TRANSFORM}.dense.weight"],
        params[f"{TRANSFORM}.dense.bias"],
    )
    u, c_layernorm = F.layernorm_forward(
        h,
        params[f"{TRANSFORM}.LayerNorm.weight"],
        params[f"{TRANSFORM}.LayerNorm.bias"],
        config.eps,
    )  # (...,D)  (6)
    # The decoder is no layer of its own: its weight is the word table, whatever type that has.
    logits, c_decoder = F.linear_forward(u, params[WORDS], params[DECODER_BIAS])  # (...,V)  (7)
    return logits, (c_gelu, c_layernorm, c_decoder)


def mlm_backward(dlogits, config, cache, *, linear=FLOAT):
    """dx (..., D) and the gradients of `mlm_forward`; the word table gets the decoder's."""
    c_gelu, c_layernorm, c_decoder = cache
    du, dwords, dbias = F.linear_backward(dlogits, c_decoder)  # (7')
    dh, dgamma, dbeta = F.layernorm_backward(du, c_layernorm)  # (6')
    dx, grads = linear.gelu_backward(f"{TRANSFORM}.dense", dh, c_gelu)
    grads |= {
        f"{TRANSFORM}.LayerNorm.weight": dgamma,
        f"{TRANSFORM}.LayerNorm.bias": dbeta,
        WORDS: dwords,
        DECODER_BIAS: dbias,
    }
    return dx, grads


def _linear(head, params, x, linear):
    """The head's last layer."""
    name = OUTPUT_LAYERS[head]
    return linear.forward(name, x, params[f"{name}.weight"], params[f"{name}.bias"])


HEADS = {
    "classification": Head("pooled", classification_forward, classification_backward),
    "mlm": Head("hidden", mlm_forward, mlm_backward),
    "next_sentence": Head("pooled", next_sentence_forward, next_sentence_backward),
    "tokens": Head("hidden", tokens_forward, tokens_backward),
    "span": Head("hidden", span_forward, span_backward),
}
