"""The model without a head: one layer, and the encoder."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minibert import kernels as F
from minibert import ops
from minibert.check import spec
from minibert.check.cases.case import Case, Formula
from minibert.check.cases.inputs import packed_offsets
from minibert.config import BertConfig, LayerSize
from minibert.model import FLOAT, Encoded, encoder_backward, encoder_forward, init_params
from minibert.model.block import block_backward, block_forward, weight_names
from minibert.model.encoder import SITES_PER_LAYER
from minibert.model.linear import ComposedLinear
from minibert.model.params import layer_prefix, layer_view
from minibert.ops import Drop

WANT = frozenset({"hidden", "scores"})
LEVELS = ("numba", "scalar", "avx2", "avx512", "amx")
# Each array along a few random directions: a model has thousands of entries, and an array that is
# wrong in one of them is wrong along every direction.
DIRECTIONS = {"limit": 8, "directions": 3}
PAD_WORD = "by definition the look-up gives the row of [PAD] no gradient"


class LayerOutput(NamedTuple):
    """What a layer returns."""

    x: np.ndarray  # (B,L,D)
    scores: np.ndarray  # (B,H,L,L)


# ------------------------------------------------------------------------------------------ inputs


def small_config(z, n_layers=2, **changes):
    """A small BERT with nothing special in it, as Hugging Face can hold it."""
    fields = {"positions": z.L + 2, "classes": 3, "dropout": 0.3, "attention_dropout": 0.2}
    return BertConfig.uniform(
        vocab=23, hidden=z.D, n_layers=n_layers, heads=z.H, ffn=z.F, **fields | changes
    )


def random_params(rng, config, head=None, head_masks=False):
    """Parameters far from their initial values: no gamma is 1, no bias 0, [PAD] not zero."""
    params = {}
    for name, p in init_params(config, head=head).items():
        values = rng.standard_normal(p.shape) * 0.4
        params[name] = values + 1.0 if name.endswith("LayerNorm.weight") else values
    if head_masks:
        for i, size in enumerate(config.layers):
            params[f"{layer_prefix(i)}attention.head_mask"] = rng.uniform(0.5, 1.5, size.heads)
    return params


def random_batch(rng, config, z, pad_word=False):
    """ids, segments, keep: rows of different lengths, a word twice in each, both segments.

    Padded places hold an ordinary word, so that every gradient is the derivative, or else [PAD].
    """
    lengths = rng.integers(2, z.L, z.B)
    lengths[0] = z.L
    keep = np.arange(z.L) < lengths[:, None]
    ids = 1 + rng.integers(0, config.vocab - 1, (z.B, z.L))
    ids[:, 1] = ids[:, 0]
    segments = ((np.arange(z.L) >= lengths[:, None] // 2) & keep).astype(np.int64)
    return np.where(keep, ids, config.pad_id) if pad_word else ids, segments, keep


def drop_masks(drop, config, shape, head_shape=None):
    """The mask of every site at which something is dropped, from the hash in loops."""
    if drop is None:
        return {}
    (B, L), sites = shape, {0: ((*shape, config.hidden), config.dropout)}
    for i, size in enumerate(config.layers):
        site = 1 + SITES_PER_LAYER * i
        sites[site] = (B, size.heads, L, L), config.attention_dropout
        sites[site + 1] = sites[site + 2] = sites[0]
    if head_shape is not None:
        sites[1 + SITES_PER_LAYER * config.n_layers] = head_shape, config.head_dropout
    masks = {}
    for site, (shape, rate) in sites.items():
        if rate > 0:
            keys = drop.at(site).hash_keys()
            masks[site] = spec.keep_mask(int(np.prod(shape)), rate, *keys).reshape(shape)
    return masks


def _block(padding=False, head_mask=False, dropout=False):
    def make(rng, z, dtype):
        config = small_config(z, n_layers=1)
        params = dict(layer_view(random_params(rng, config, head_masks=head_mask), 0))
        keep = random_batch(rng, config, z)[2]
        keep = keep if padding else np.ones_like(keep)
        x = 0.3 + 1.3 * rng.standard_normal((z.B, z.L, z.D))
        kwargs = {"drop": Drop(config.dropout, seed=5, step=3)} if dropout else {}
        return (x, params, keep, config), kwargs

    return make


def _stack(padding=False, packed=False, **options):
    def make(rng, z, dtype):
        config = small_config(z)
        # Matrices of the usual size: a second layer would multiply the rounding of the first.
        params = {n: p * 0.3 if p.ndim == 2 else p for n, p in random_params(rng, config).items()}
        keep = random_batch(rng, config, z)[2]
        layers = tuple(tuple(params[n] for n in weight_names(i)) for i in range(config.n_layers))
        kwargs = {"heads": (z.H, z.H), "eps": config.eps} | options
        if packed:
            kwargs["offsets"] = packed_offsets(z)
        if padding:
            kwargs["bias"] = F.padding_bias(keep, dtype)
        shape = (kwargs["offsets"][-1], z.D) if packed else (z.B, z.L, z.D)
        return (0.3 + 1.3 * rng.standard_normal(shape), layers), kwargs

    return make


def layer_of_weights(weights, heads, eps):
    """The parameters of a layer by name, and the configuration that they are of."""
    names = (name.removeprefix(layer_prefix(0)) for name in weight_names(0))
    params = dict(zip(names, weights, strict=True))
    ffn, hidden = params["intermediate.dense.weight"].shape
    config = BertConfig.uniform(
        vocab=23, hidden=hidden, n_layers=1, heads=heads, ffn=ffn, eps=eps, positions=64
    )
    return params, config


def _encoder(pad_word=False, dropout=False, widths=False, **changes):
    def make(rng, z, dtype):
        config = small_config(z, **changes)
        if widths:
            layers = LayerSize(z.H, z.K, z.F), LayerSize(2, 3, 13)
            config = replace(config, layers=layers)
        params = random_params(rng, config, head_masks=widths)
        kwargs = {"drop": Drop(config.dropout, seed=7, step=2)} if dropout else {}
        return (params, config, *random_batch(rng, config, z, pad_word)), kwargs

    return make


# ----------------------------------------------------------------------------------------- library


def _layer_forward(x, params, keep, config, *, drop=None, linear=FLOAT):
    bias = None if keep.all() else F.padding_bias(keep, x.dtype)
    x2, scores, cache = block_forward(
        x, params, config.layers[0], config, bias, name="", site=1, want_scores=True,
        drop=drop and drop.at(0, config.dropout), linear=linear,
    )
    return LayerOutput(x2, scores), (cache, config, linear)


def _layer_backward(d, cache):
    cache, config, linear = cache
    return block_backward(d.x, d.scores, cache, config.layers[0], name="", linear=linear)


def _composed_forward(x, params, keep, config, *, drop=None):
    return _layer_forward(x, params, keep, config, drop=drop, linear=ComposedLinear())


def _encode(params, config, ids, segments, keep, *, drop=None):
    out, cache = encoder_forward(params, config, ids, segments, keep, want=WANT, drop=drop)
    return out, (params, config, cache)


def _encode_backward(d, cache):
    return encoder_backward(d, *cache)


# -------------------------------------------------------------------------------------- loop forms


def _layer_inputs(x, params, keep, config, drop):
    bias = spec.padding_bias(keep, config.layers[0].heads, x.dtype)
    masks = drop_masks(drop, config, keep.shape)
    return x.reshape(-1, x.shape[-1]), params, bias, config, masks, 1


def _loops_layer(x, params, keep, config, *, drop=None):
    layer = spec.block_forward(*_layer_inputs(x, params, keep, config, drop))
    return LayerOutput(layer.x2.reshape(x.shape), layer.scores)


def _loops_layer_backward(d, x, params, keep, config, *, drop=None):
    dx2 = d.x.reshape(-1, x.shape[-1])
    inputs = _layer_inputs(x, params, keep, config, drop)
    dx, grads = spec.block_backward(dx2, d.scores, *inputs)
    return dx.reshape(x.shape), grads


def _loops_stack(x, layers, *, heads, eps, bias=None, offsets=None, want_scores=False):
    hidden, scores = [], []
    sequences = [x] if offsets is None else [s[None] for s in np.split(x, offsets[1:-1])]
    for weights, H in zip(layers, heads, strict=True):
        params, config = layer_of_weights(weights, H, eps)
        found = [_loops_of_stack(s, params, config, bias) for s in sequences]
        sequences = [layer.x2.reshape(s.shape) for s, layer in zip(sequences, found, strict=True)]
        x = sequences[0] if offsets is None else np.concatenate([s[0] for s in sequences])
        hidden.append(x)
        scores.append(found[0].scores if want_scores else None)
    return tuple(hidden), tuple(scores)


def _loops_of_stack(x, params, config, bias):
    B, L, D = x.shape
    full = np.zeros((B, config.layers[0].heads, L, L), x.dtype) + (0 if bias is None else bias)
    return spec.block_forward(x.reshape(-1, D), params, full, config, {}, 1)


def _loops_encoder(params, config, ids, segments, keep, *, drop=None):
    masks = drop_masks(drop, config, ids.shape)
    hidden, scores, pooled = spec.encoder_forward(params, config, ids, segments, keep, masks)
    return Encoded(tuple(hidden), tuple(scores), pooled)


def _loops_encoder_backward(d, params, config, ids, segments, keep, *, drop=None):
    masks = drop_masks(drop, config, ids.shape)
    return spec.encoder_backward(*d, params, config, ids, segments, keep, masks)


# ------------------------------------------------------------------------------------------- table


def _block_case(mode, forward=_layer_forward, **options):
    return Case(
        "block", mode, _block(**options), (0, 1), _loops_layer, _loops_layer_backward,
        pair=lambda: (forward, _layer_backward), levels=LEVELS, gradcheck=DIRECTIONS,
    )


def _stack_case(mode, **options):
    return Case("transformer_layers", mode, _stack(**options), (), _loops_stack)


def _encoder_case(mode, **options):
    inexact = options.get("pad_word", False)
    return Case(
        "encoder", mode, _encoder(**options), (0,), _loops_encoder, _loops_encoder_backward,
        pair=lambda: (_encode, _encode_backward), levels=LEVELS, gradcheck=DIRECTIONS,
        exact=not inexact, why_inexact=PAD_WORD if inexact else "",
    )


FORMULAS = (
    Formula(
        id="block",
        title="One layer of BERT",
        source="Devlin et al. 2018, section 3; Vaswani et al. 2017, section 3",
        tex=(
            r"c = \mathrm{attention}(x W_q^T + b_q,\; x W_k^T + b_k,\; x W_v^T + b_v)",
            r"x_1 = \mathrm{LN}(x + \mathrm{dropout}(c\, W_o^T + b_o))",
            r"x_2 = \mathrm{LN}(x_1 + \mathrm{dropout}(\mathrm{gelu}(x_1 W_1^T + b_1)\, W_2^T"
            r" + b_2))",
        ),
        code=(block_forward, block_backward),
        loops=(spec.block_forward, spec.block_backward),
        cases=(
            _block_case(""),
            _block_case("padding", padding=True),
            _block_case("head-mask", padding=True, head_mask=True),
            _block_case("dropout", padding=True, dropout=True),
            _block_case("composed", _composed_forward, padding=True, dropout=True),
        ),
    ),
    Formula(
        id="transformer-layers",
        title="BERT's layers without gradients",
        source="Devlin et al. 2018, section 3; Vaswani et al. 2017, section 3",
        tex=(
            r"c = \mathrm{attention}(x W_q^T + b_q,\; x W_k^T + b_k,\; x W_v^T + b_v)",
            r"x_1 = \mathrm{LN}(x + c\, W_o^T + b_o)",
            r"y = \mathrm{LN}(x_1 + \mathrm{gelu}(x_1 W_1^T + b_1)\, W_2^T + b_2)",
        ),
        code=(ops.transformer_layers, ops.transformer_layer),
        loops=(spec.block_forward,),
        cases=(
            _stack_case(""),
            _stack_case("padding", padding=True, want_scores=True),
            _stack_case("packed", packed=True),
            _stack_case("large-eps", eps=0.3),
        ),
    ),
    Formula(
        id="encoder",
        title="BERT's encoder: embeddings, layers, pooler",
        source="Devlin et al. 2018, section 3 and figure 2",
        tex=(
            r"x_0 = \mathrm{dropout}(\mathrm{LN}(E_{word} + E_{position} + E_{segment}))",
            r"x_i = \mathrm{block}_i(x_{i-1}), \quad i = 1, \ldots, N",
            r"\mathrm{pooled} = \tanh(W_p\, x_{N,0} + b_p)",
        ),
        code=(encoder_forward, encoder_backward),
        loops=(spec.encoder_forward, spec.encoder_backward),
        cases=(
            _encoder_case(""),
            _encoder_case("pad-word", pad_word=True),
            _encoder_case("other-pad", pad_word=True, pad_id=3),
            _encoder_case("large-eps", eps=0.1),
            _encoder_case("dropout", dropout=True),
            _encoder_case("widths", widths=True),
        ),
    ),
)
