"""BERT's encoder: embeddings, N layers, pooler (Devlin et al. 2018).

    (1)  x_0 = dropout(LN(word + position + segment))
    (2)  x_i = block_i(x_{i-1}),  i = 1..N
    (3)  pooled = tanh(Wp x_N[:, 0] + bp)

Padded tokens change no other, and are left out where nobody asks for them: from x_0 on the tokens
are then rows (P,D), see `packing`. The pooled vectors and all gradients are the same; with dropout
the masks are others, since elements are numbered by their rows.

`Encoded` holds what a loss may touch, and the backward takes cotangents of that same structure:
distillation puts gradients in at every hidden state and every attention score.
"""

from typing import NamedTuple

import numpy as np

from minibert import kernels as F
from minibert.model.block import block_backward, block_forward, weight_names
from minibert.model.linear import FLOAT
from minibert.model.packing import choose_layout
from minibert.model.params import EMBEDDINGS, POOLER, add_grads, layer_prefix, layer_view

TABLES = ("word_embeddings", "position_embeddings", "token_type_embeddings")
SITES_PER_LAYER = 3  # dropout on attention, on its output, on the feed-forward output
WANTED = frozenset({"hidden", "scores", "padding"})


class Encoded(NamedTuple):
    """What the encoder returns; as a cotangent, any entry may be None."""

    hidden: tuple  # N + 1 of (B,L,D), the embedding output first; only the last if not wanted
    scores: tuple  # N of (B,H,L,L), before the mask; empty if not wanted
    pooled: np.ndarray | None  # (B,D)


def encoder_forward(
    params, config, ids, segments=None, keep=None, *, want=frozenset(), drop=None, linear=FLOAT
):
    """Run the encoder.

    Parameters
    ----------
    params : dict of str to ndarray or QTensor
    config : BertConfig
    ids : ndarray of int (B,L)
    segments : ndarray of int (B,L), optional
    keep : ndarray of bool (B,L), optional
        True where there is a token; all where not given.
    want : set of {"hidden", "scores", "padding"}
        What to return beside the last hidden state and the pooled vector: all hidden states, the
        scores, the hidden states at padded places as well. With none of them padded tokens are
        left out of the computation where that is possible, and the last hidden state is zero
        there.
    drop : Drop, optional
        Training: seed and step of the masks. The rates are the config's.
    linear : FloatLinear or another of its kind

    Returns
    -------
    Encoded
    cache : list
        `encoder_backward` consumes it.
    """
    ids, segments, keep = check_batch(ids, segments, keep)
    want = check_want(want)
    drop = drop and drop.at(0, config.dropout)
    tables = [params[f"{EMBEDDINGS}{table}.weight"] for table in TABLES]
    e, c_embedding = F.embedding_forward(*tables, ids, segments, config.pad_id)  # (B,L,D)
    layout = choose_layout(keep, want, drop)
    x, c_layernorm = F.layernorm_forward(
        layout.packed(e),
        params[f"{EMBEDDINGS}LayerNorm.weight"],
        params[f"{EMBEDDINGS}LayerNorm.bias"],
        config.eps,
    )
    x, c_dropout = F.dropout_forward(x, drop)  # (B,L,D) or (P,D)  (1)
    bias = layout.bias(x.dtype)  # (B,1,1,L) or None

    cache = [(x.shape, x.dtype, layout), (c_embedding, c_layernorm, c_dropout)]
    options = {"bias": bias, "offsets": layout.offsets, "want_scores": "scores" in want}
    want_hidden = "hidden" in want
    found = _without_gradients(x, params, config, drop, linear, options, want_hidden)
    if found is None:
        found = _layer_by_layer(x, params, config, drop, linear, options, want_hidden, cache)
    hidden, scores = found  # (2)

    h, c_linear = linear.forward(
        POOLER, np.ascontiguousarray(hidden[-1][layout.first]),
        params[f"{POOLER}.weight"], params[f"{POOLER}.bias"],
    )
    pooled, c_tanh = F.tanh_forward(h)  # (B,D)  (3)
    cache.append((c_linear, c_tanh))
    encoded = Encoded(
        (x, *hidden) if want_hidden else (layout.padded(hidden[-1]),),
        tuple(scores) if "scores" in want else (),
        pooled,
    )
    return encoded, cache


def _layer_by_layer(x, params, config, drop, linear, options, want_hidden, cache):
    """(2): the hidden states after the layers, or the last alone, and the scores."""
    hidden, scores = [], []
    for i, size in enumerate(config.layers):
        x, s, c = block_forward(
            x, layer_view(params, i), size, config, name=layer_prefix(i),
            drop=drop, site=1 + SITES_PER_LAYER * i, linear=linear, **options,
        )  # (B,L,D) or (P,D)
        hidden = [*hidden, x] if want_hidden else [x]
        scores.append(s)
        cache.append(c)
    return hidden, scores


def _without_gradients(x, params, config, drop, linear, options, want_hidden):
    """The same in one op; None where something is in the way."""
    if not F.without_gradients() or drop is not None:
        return None
    N, heads = config.n_layers, [size.heads for size in config.layers]
    weights = F.once(("layers", N), params.values(), lambda: _weights_of_layers(params, N))
    if weights is None:
        return None
    return linear.layers(
        x, weights, heads=heads, eps=config.eps, want_hidden=want_hidden, **options
    )


def _weights_of_layers(params, N):
    """What `ops.transformer_layers` takes; None where a layer's heads are masked."""
    if any(f"{layer_prefix(i)}attention.head_mask" in params for i in range(N)):
        return None
    return F.Kept(tuple(params[name] for name in weight_names(i)) for i in range(N))


def encoder_backward(d, params, config, cache, *, linear=FLOAT):
    """Gradients of every parameter of `encoder_forward`.

    Parameters
    ----------
    d : Encoded
        Cotangents. ``hidden`` has N + 1 entries, or one (of the last hidden state), or none;
        ``scores`` has N entries or none; any of them may be None. Where the forward left padded
        tokens out, what a cotangent has at padded places is ignored.
    params, config
        As given to the forward.
    cache : list
        Is consumed from its end, so that each layer's activations are freed as soon as the
        backward has passed it.
    linear : FloatLinear or another of its kind

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    RuntimeError
        The cache was consumed by an earlier backward.
    """
    if not cache:
        raise RuntimeError("this cache was consumed by an earlier backward: run forward again")
    N = config.n_layers
    # Where hidden states were not wanted there is one, the last.
    alone = len(d.hidden) == 1
    dhidden = (None,) * N + tuple(d.hidden) if alone else _entries("hidden", d.hidden, N + 1)
    dscores = _entries("scores", d.scores, N)
    grads = {}

    c_linear, c_tanh = cache.pop()
    shape, dtype, layout = cache[0]
    dhidden = [None if dh is None else layout.packed(dh) for dh in dhidden]
    dx = np.zeros(shape, dtype) if dhidden[N] is None else dhidden[N].copy()
    if d.pooled is not None:
        dh = F.tanh_backward(d.pooled, c_tanh)
        dx_first, g = linear.backward(POOLER, dh, c_linear)  # (3')
        dx[layout.first] += dx_first
        add_grads(grads, g)
    for i in reversed(range(N)):
        dx, g = block_backward(
            dx, dscores[i], cache.pop(), config.layers[i],
            offsets=layout.offsets, name=layer_prefix(i), linear=linear,
        )  # (2')
        if dhidden[i] is not None:
            dx = dx + dhidden[i]
        add_grads(grads, g)

    c_embedding, c_layernorm, c_dropout = cache.pop()
    cache.clear()
    dx = F.dropout_backward(dx, c_dropout)
    de, dgamma, dbeta = F.layernorm_backward(dx, c_layernorm)  # (1')
    dtables = F.embedding_backward(layout.padded(de), c_embedding)
    add_grads(grads, {f"{EMBEDDINGS}{n}.weight": d for n, d in zip(TABLES, dtables, strict=True)})
    add_grads(
        grads, {f"{EMBEDDINGS}LayerNorm.weight": dgamma, f"{EMBEDDINGS}LayerNorm.bias": dbeta}
    )
    return grads


def check_batch(ids, segments, keep):
    """The three as arrays (B,L), keep as bool; a ValueError names the one that is not."""
    ids = np.asarray(ids)
    if ids.ndim != 2 or 0 in ids.shape:
        raise ValueError(f"ids has shape {ids.shape}; wanted (B,L), at least one token of one text")
    segments = None if segments is None else np.asarray(segments)
    if keep is not None:
        keep = np.asarray(keep)
        if keep.shape != ids.shape:
            raise ValueError(f"keep has shape {keep.shape}, ids {ids.shape}; make them equal")
        if keep.dtype != bool:
            if not np.isin(keep, (0, 1)).all():
                raise ValueError(
                    "keep holds other numbers than 0 and 1; it is True where there is a token, "
                    "and is not added to the scores"
                )
            keep = keep.astype(bool)
    return ids, segments, keep


def check_want(want):
    """`want` as a frozenset; a ValueError if it is none, or names what there is not."""
    if isinstance(want, str) or set(want) - WANTED:
        raise ValueError(f"want is {want!r}; it is a set of {sorted(WANTED)}")
    return frozenset(want)


def _entries(name, cotangents, n):
    """A tuple of n cotangents, which may be None."""
    if not cotangents:
        return (None,) * n
    if len(cotangents) != n:
        raise ValueError(f"d.{name} has {len(cotangents)} entries; the model has {n}")
    return cotangents
