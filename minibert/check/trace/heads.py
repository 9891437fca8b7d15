"""Variations of the attention heads: the D features are split into H heads in another way.

BERT's feature h K + k is entry k of head h. Other orders run just as well and mean something else.
"""

from dataclasses import replace

import numpy as np

from minibert.check.activations import Variation
from minibert.check.trace.permutations import permutation
from minibert.config import LayerSize
from minibert.model.block import join_heads, split_heads
from minibert.model.params import layer_prefix

QKV = ("query", "key", "value")
CAUSE = "head-order"


def splits(scene):
    """The layer reshapes to heads, or back, in another way."""
    heads_last = "(B,L,K,H): feature k H + h is entry k of head h"
    unmoved = "(B,L,H*K) is reshaped to (B,H,L,K) without a transpose, which mixes tokens"
    forms = {
        f"the heads are split in another order, {heads_last}": (_split_last, _join_last),
        f"the heads are split in another order, {heads_last}; they are joined as (H,K)":
            (_split_last, join_heads),
        f"the heads are joined in another order, {heads_last}": (split_heads, _join_last),
        f"the heads are split in another way: {unmoved}, and joined so too":
            (_split_unmoved, _join_unmoved),
        f"the heads are split in another way: {unmoved}": (_split_unmoved, join_heads),
        "the heads are joined without a transpose: (B,H,L,K) is reshaped to (B,L,H*K)":
            (split_heads, _join_unmoved),
    }  # fmt: skip
    for i in scene.layers():
        for says, (split, join) in forms.items():
            ops = {"attention": _resplitting(split, join)}
            everywhere = Variation(CAUSE, f"{says}, in every layer", ops=ops)
            yield Variation(
                CAUSE, f"{says}, in layer {i}", ops=ops, places=frozenset({i}), wider=(everywhere,)
            )


def _resplitting(split, join):
    """Attention whose inputs are split, and whose result is joined, in another way."""

    def other(forward):
        def call(q, *others, **options):
            H = q.shape[1]
            k, v, *others = others
            attended, cache = forward(
                *(split(join_heads(x), H) for x in (q, k, v)), *others, **options
            )
            return attended._replace(context=split_heads(join(attended.context), H)), cache

        return call

    return other


def _split_last(x, heads):
    B, L, D = x.shape
    return x.reshape(B, L, D // heads, heads).transpose(0, 3, 1, 2)


def _join_last(x):
    B, H, L, K = x.shape
    return x.transpose(0, 2, 3, 1).reshape(B, L, H * K)


def _split_unmoved(x, heads):
    B, L, D = x.shape
    return x.reshape(B, heads, L, D // heads)


def _join_unmoved(x):
    B, H, L, K = x.shape
    return x.reshape(B, L, H * K)


def rows(scene):
    """The rows of query, key and value stand in another order, the output's columns too or not."""
    for i in scene.layers():
        for says, order in _orders(scene, i).items():
            for called, projections, output in _parts(scene, i):
                yield _rows_reordered(scene, i, says, order, called, projections, output)


def _orders(scene, i):
    """What an order does -> the order of the features, of those that layer i may have."""
    size = scene.model.config.layers[i]
    H, K = size.heads, size.head_size
    features = np.arange(H * K)
    orders = {
        "entry by entry, (K,H) for (H,K)": features.reshape(H, K).T.ravel(),
        "entry by entry, (H,K) for (K,H)": features.reshape(K, H).T.ravel(),
    }
    if _projection(scene, i) is None:
        return orders
    found = permutation(scene.theirs, scene.ours, scene.rtol)
    if found is None or any(np.array_equal(found, order) for order in orders.values()):
        return orders
    return {_described(found, H, K): found}


def _parts(scene, i):
    """Words, the projections whose rows are in another order, whether the output's columns are."""
    yield "query, key and value, and the columns of the output", QKV, True
    yield "query, key and value, but not the columns of the output", QKV, False
    yield "query and key", ("query", "key"), False
    own = _projection(scene, i)
    if own:
        yield own, (own,), False
    yield "the output, in its columns,", (), True


def _projection(scene, i):
    """Which of query, key and value of layer i the tensor is that differs, if one."""
    own = scene.name.removeprefix(f"encoder.layer.{i}.attention.self.")
    return own if own in QKV else None


def _rows_reordered(scene, i, says, order, called, projections, output):
    """The same in layer i, and wider in all."""
    text = f"the heads of {called} stand in another order ({says})"
    everywhere = range(scene.model.config.n_layers)
    return Variation(
        CAUSE, f"{text}, in layer {i}", params=_reordering(order, projections, output, [i]),
        wider=(
            Variation(
                CAUSE, f"{text}, in every layer",
                params=_reordering(order, projections, output, everywhere),
            ),
        ),
    )  # fmt: skip


def _described(order, H, K):
    """What an order of the H * K features does."""
    blocks = order.reshape(H, K)
    if (np.diff(blocks, axis=1) == 1).all() and (blocks[:, 0] % K == 0).all():
        return f"whole heads: {', '.join(str(h) for h in blocks[:, 0] // K)}"
    if (blocks // K == np.arange(H)[:, None]).all():
        return "within each head"
    return "entry by entry, in an order of their own"


def _reordering(order, projections, output, layers):
    def change(params):
        new = dict(params)
        for i in layers:
            names = [f"{layer_prefix(i)}attention.self.{p}" for p in projections]
            for name in (f"{name}.{kind}" for name in names for kind in ("weight", "bias")):
                if len(params[name]) == len(order):  # layers may differ in width
                    new[name] = params[name][order]
            name = f"{layer_prefix(i)}attention.output.dense.weight"
            if output and params[name].shape[1] == len(order):
                new[name] = params[name][:, order]
        return new

    return change


def counts(scene):
    """Another number of heads, or scores that are scaled in another way."""
    if not scene.layers():
        return
    size = scene.model.config.layers[scene.layers()[0]]
    width = size.heads * size.head_size
    for H in (n for n in range(1, width + 1) if width % n == 0 and n != size.heads):
        says = f"there are {H} heads of size {width // H}, not {size.heads} of {size.head_size}"
        yield Variation("head-count", says, config=_with_heads(H))
    K, D = size.head_size, scene.model.config.hidden
    for says, factor in {
        f"the scores are not divided by sqrt(K) = sqrt({K})": K**0.5,
        f"the scores are divided by sqrt(D) = sqrt({D}), not by sqrt(K) = sqrt({K})":
            (K / D) ** 0.5,
        f"the scores are divided by K = {K}, not by its square root": K**-0.5,
    }.items():  # fmt: skip
        if factor != 1:
            yield Variation("other-scale", says, ops={"attention": _scaling(factor)})


def _with_heads(H):
    def change(config):
        widths = [(s.heads * s.head_size, s.ffn) for s in config.layers]
        return replace(config, layers=[
            LayerSize(H, width // H, ffn) if width % H == 0 else s
            for (width, ffn), s in zip(widths, config.layers, strict=True)
        ])  # fmt: skip

    return change


def _scaling(factor):
    return lambda forward: lambda q, *others, **options: forward(q * factor, *others, **options)
