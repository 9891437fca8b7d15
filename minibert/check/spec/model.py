"""BERT, in loops: embeddings, layers, pooler, and a head on top.

Parameters go by Hugging Face's names, in a flat dict, and so do gradients. Ids, segments and keep
are (B,L), keep False in the padding; `masks` is as in `block`: site 0 follows the embeddings, sites
1 + 3i to 3 + 3i are layer i's, and the last is the head's.
"""

import numpy as np

from minibert.check.spec.activations import tanh_backward, tanh_forward
from minibert.check.spec.block import block_backward, block_forward, dropped, padding_bias
from minibert.check.spec.embedding import embedding_backward, embedding_forward
from minibert.check.spec.heads import (
    classification_backward,
    classification_forward,
    mlm_backward,
    mlm_forward,
    tokens_backward,
    tokens_forward,
)
from minibert.check.spec.layernorm import layernorm_backward, layernorm_forward
from minibert.check.spec.linear import linear_backward, linear_forward

EMBEDDINGS = (
    "bert.embeddings.word_embeddings.weight",
    "bert.embeddings.position_embeddings.weight",
    "bert.embeddings.token_type_embeddings.weight",
)
NORM = ("bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.bias")
POOLER = ("bert.pooler.dense.weight", "bert.pooler.dense.bias")
LAST = {
    "classification": ("classifier.weight", "classifier.bias"),
    "tokens": ("classifier.weight", "classifier.bias"),
    "next_sentence": ("cls.seq_relationship.weight", "cls.seq_relationship.bias"),
    "span": ("qa_outputs.weight", "qa_outputs.bias"),
}
MLM = (
    "cls.predictions.transform.dense.weight",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.LayerNorm.bias",
    "bert.embeddings.word_embeddings.weight",
    "cls.predictions.bias",
)


def encoder_forward(params, config, ids, segments, keep, masks):
    """hidden, N + 1 of (B,L,D), scores, N of (B,H,L,L), and pooled (B,D).

    x_0 = LN(word + position + segment); x_i = block_i(x_{i-1}); pooled = tanh(Wp x_N[first] + bp).
    """
    B, L = ids.shape
    e = embedding_forward(*_of(params, EMBEDDINGS), ids, segments).reshape(B * L, -1)
    x = layernorm_forward(e, *_of(params, NORM), config.eps)
    x = dropped(x, masks.get(0), config.dropout)
    hidden, scores = [x], []
    for i, size in enumerate(config.layers):
        bias = padding_bias(keep, size.heads, x.dtype)
        layer = block_forward(x, _layer(params, i), bias, config, masks, 1 + 3 * i)
        x = layer.x2
        hidden.append(x)
        scores.append(layer.scores)
    pooled = tanh_forward(linear_forward(x[::L], *_of(params, POOLER)))
    return [x.reshape(B, L, -1) for x in hidden], scores, pooled


def encoder_backward(dhidden, dscores, dpooled, params, config, ids, segments, keep, masks):
    """The gradient of every parameter, from cotangents of all outputs.

    A hidden state gets what the layer after it sends back and, added, its own cotangent.
    """
    B, L = ids.shape
    hidden, _, _ = encoder_forward(params, config, ids, segments, keep, masks)
    hidden, dhidden = ([x.reshape(B * L, -1) for x in xs] for xs in (hidden, dhidden))
    grads = {}
    first = hidden[-1][::L]
    dh = tanh_backward(dpooled, linear_forward(first, *_of(params, POOLER)))
    dfirst, grads[POOLER[0]], grads[POOLER[1]] = linear_backward(dh, first, params[POOLER[0]])
    dx = dhidden[-1].copy()
    dx[::L] += dfirst
    for i in reversed(range(config.n_layers)):
        bias = padding_bias(keep, config.layers[i].heads, dx.dtype)
        dx, g = block_backward(
            dx, dscores[i], hidden[i], _layer(params, i), bias, config, masks, 1 + 3 * i
        )
        dx = dx + dhidden[i]
        grads |= {f"bert.encoder.layer.{i}.{name}": gradient for name, gradient in g.items()}
    e = embedding_forward(*_of(params, EMBEDDINGS), ids, segments).reshape(B * L, -1)
    dx = dropped(dx, masks.get(0), config.dropout)
    de, grads[NORM[0]], grads[NORM[1]] = layernorm_backward(dx, e, params[NORM[0]], config.eps)
    dtables = embedding_backward(
        de.reshape(B, L, -1), *_of(params, EMBEDDINGS), ids, segments, config.pad_id
    )
    return grads | dict(zip(EMBEDDINGS, dtables, strict=True))


def bert_forward(params, config, ids, segments, keep, head, at, masks):
    """hidden, scores, pooled and the head's logits; at (B,L) picks the places of "mlm"."""
    names = _names(head)
    hidden, scores, pooled = encoder_forward(params, config, ids, segments, keep, masks)
    x = hidden[-1]
    keep_head, rate = _head_mask(config, head, x, masks)
    if head == "mlm":
        logits = mlm_forward(x[at], *_of(params, names), config.eps)
    elif head == "classification":
        logits = classification_forward(
            pooled, keep_head, rate, *_of(params, names), config.pooler
        )
    elif head == "tokens":
        logits = tokens_forward(x, keep_head, rate, *_of(params, names))
    elif head == "next_sentence":
        logits = linear_forward(pooled, *_of(params, names))
    elif head == "span":
        logits = linear_forward(x.reshape(-1, x.shape[2]), *_of(params, names))
        logits = logits.reshape(*ids.shape, 2)
    return hidden, scores, pooled, logits


def bert_backward(
    dhidden, dscores, dpooled, dlogits, params, config, ids, segments, keep, head, at, masks
):
    """The gradient of every parameter; the word table gets the look-up's and the decoder's."""
    names = _names(head)
    hidden, _, pooled = encoder_forward(params, config, ids, segments, keep, masks)
    x, w = hidden[-1], params[names[0]]
    keep_head, rate = _head_mask(config, head, x, masks)
    dlast, dpooled = dhidden[-1].copy(), dpooled.copy()
    if head == "mlm":
        dx, *gradients = mlm_backward(dlogits, x[at], *_of(params, names), config.eps)
        dlast[at] += dx
    elif head == "classification":
        dx, *gradients = classification_backward(
            dlogits, pooled, keep_head, rate, w, config.pooler
        )
        dpooled += dx
    elif head == "tokens":
        dx, *gradients = tokens_backward(dlogits, x, keep_head, rate, w)
        dlast += dx
    elif head == "next_sentence":
        dx, *gradients = linear_backward(dlogits, pooled, w)
        dpooled += dx
    elif head == "span":
        dx, *gradients = linear_backward(dlogits.reshape(-1, 2), x.reshape(-1, x.shape[2]), w)
        dlast += dx.reshape(x.shape)
    grads = encoder_backward(
        [*dhidden[:-1], dlast], dscores, dpooled, params, config, ids, segments, keep, masks
    )
    for name, gradient in zip(names, gradients, strict=True):
        grads[name] = grads[name] + gradient if name in grads else gradient
    return grads


def _names(head):
    """A head's parameters, the matrix first."""
    names = LAST | {"mlm": MLM}
    if head not in names:
        raise ValueError(f"head: got {head!r}, wanted one of {', '.join(names)}")
    return names[head]


def _head_mask(config, head, x, masks):
    """What is kept of the head's input, and the rate; all where there is no mask."""
    shape = x.shape if head == "tokens" else x[:, 0].shape
    mask = masks.get(1 + 3 * config.n_layers)
    return (np.ones(shape, bool), 0.0) if mask is None else (mask, config.head_dropout)


def _layer(params, i):
    """Layer i's parameters by their names within it."""
    prefix = f"bert.encoder.layer.{i}."
    return {name.removeprefix(prefix): p for name, p in params.items() if name.startswith(prefix)}


def _of(params, names):
    return [params[name] for name in names]
