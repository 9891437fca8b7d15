"""Variations of the formulas: a layer that was written in another way."""

from dataclasses import replace

import numpy as np

from minibert import kernels as F
from minibert.check.activations import EMBEDDINGS, HEAD, Recorder, Variation
from minibert.check.trace.model import ERF, OPS, TANH
from minibert.model.params import layer_prefix

EPSILONS = (1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)


def gelus(scene):
    """Another activation in the feed-forward part."""
    others = {TANH: OPS[TANH], ERF: OPS[ERF]}
    others.pop(scene.model.gelu)
    forms = {f"GELU is {called}, not {scene.model.gelu}": op for called, op in others.items()} | {
        "the activation is x sigmoid(1.702 x), not GELU": _quick_gelu,
        "the activation is relu, not GELU": F.OPS["relu_forward"],
    }
    for says, op in forms.items():
        yield from _everywhere_or_here(scene, "other-gelu", says, "gelu", lambda _, op=op: op)


def _quick_gelu(x):
    return x / (1.0 + np.exp(-1.702 * x)), None


def epsilons(scene):
    """Another number beside the variance: the usual ones, and the one that fits best."""
    own = scene.model.config.eps
    solved = _solve_eps(scene)
    for eps in [*(e for e in EPSILONS if e != own), *([solved] if solved else [])]:
        says = f"LayerNorm's eps is {eps:.4g}, not {own:g}"
        yield Variation("other-eps", says, config=lambda c, e=eps: replace(c, eps=e))
        for place in scene.places():
            yield Variation(
                "other-eps", f"{says}, in {_called(place)} alone", places=frozenset({place}),
                ops={"layernorm": lambda f, e=eps: lambda x, g, b, _: f(x, g, b, e)},
            )  # fmt: skip


def _solve_eps(scene):
    """The eps with which a LayerNorm gives the other's tensor, or None.

    gamma (x - mu) / sqrt(var + eps) is a number r times what it is with eps = 0, where r^2 =
    var / (var + eps), so that eps = var (1 / r^2 - 1), for every token.
    """
    if scene.theirs.shape != scene.ours.shape or scene.ours.ndim != 3:
        return None
    seen = []

    def watch(forward):
        def call(x, gamma, beta, eps):
            seen.append((x, beta, forward(x, gamma, beta, 0.0)[0]))
            return forward(x, gamma, beta, eps)

        return call

    with np.errstate(all="ignore"):
        scene.run(Variation("", "", ops={"layernorm": watch}), scene.name)
        x, beta, y = seen[-1] if seen else (np.zeros(0),) * 3
        if y.shape != scene.theirs.shape:
            return None
        var, y = x.var(-1), y - beta
        r = ((scene.theirs - beta) * y).sum(-1) / (y * y).sum(-1)
        eps = float(np.median((var * (1.0 / r**2 - 1.0))[scene.inputs.keep]))
    return eps if 1e-14 < eps < 1e3 else None


def masks(scene):
    """The attention mask has no effect, or another one."""
    keep = scene.inputs.keep
    if keep.all() or not scene.layers():
        return
    ignored = {"attention": lambda f: lambda q, k, v, bias=None, **others: f(q, k, v, **others)}
    yield from _everywhere_or_here(
        scene, "mask-ignored", "the attention mask is ignored: padding is attended to",
        "attention", ignored["attention"],
    )  # fmt: skip
    forms = {
        "the attention mask is the other way round: only padding is attended to":
            lambda bias: np.where(keep, bias.min(), 0.0)[:, None, None],
        "the attention mask is added to the scores as the numbers 1 and 0":
            lambda bias: keep[:, None, None] * 1.0,
        "the attention mask hides queries, not keys":
            lambda bias: bias.swapaxes(-1, -2),
    }  # fmt: skip
    for says, other in forms.items():
        yield from _everywhere_or_here(
            scene, "other-mask", says, "attention",
            lambda f, o=other: lambda q, k, v, bias=None, **others: f(q, k, v, o(bias), **others),
        )  # fmt: skip


def segments(scene):
    """The segment ids have no effect, or another one."""
    if EMBEDDINGS not in scene.places():
        return
    table = "bert.embeddings.token_type_embeddings.weight"
    if scene.inputs.segments.any():
        yield Variation(
            "segments-ignored", "the segment ids are ignored: every token is in segment 0",
            inputs=lambda ids, segments, keep: (ids, np.zeros_like(ids), keep),
        )  # fmt: skip
    if scene.model.config.segments > 1 and scene.inputs.segments.max() < 2:
        yield Variation(
            "other-segments", "the segment ids are the other way round: 1 and 0",
            inputs=lambda ids, segments, keep: (ids, 1 - segments, keep),
        )  # fmt: skip
    yield Variation(
        "segments-ignored", "the segment ids are ignored: the segment embeddings are left out",
        params=lambda p: p | {table: np.zeros(p[table].shape)},
    )  # fmt: skip


def poolers(scene):
    """The classifier reads the pooled vector in the other way."""
    if scene.model.head != "classification" or scene.name != "classifier":
        return
    other = {"hf": "tinybert", "tinybert": "hf"}[scene.model.config.pooler]
    says = {"tinybert": "relu is applied to", "hf": "no relu is applied to"}[other]
    yield Variation(
        "other-pooler", f"{says} the pooled vector before the classifier (pooler={other!r})",
        config=lambda c: replace(c, pooler=other),
    )  # fmt: skip


def norms(scene):
    """The layers normalize at another place."""
    if not scene.layers():
        return
    yield Variation(
        "pre-ln", "the layers are pre-LN, x + f(LN(x)), where BERT is post-LN, LN(x + f(x))",
        linear=PreNorm,
    )  # fmt: skip
    yield Variation(
        "other-ln", "the layers are x + LN(f(x)), where BERT is post-LN, LN(x + f(x))",
        linear=InnerNorm,
    )  # fmt: skip


class PreNorm(Recorder):
    """The same layers in the order x + f(LN(x)), each part with its own LayerNorm."""

    def _normed(self, x, part):
        """LN(x), with the LayerNorm of a part of this layer."""
        name = f"{layer_prefix(self.place)}{part}.LayerNorm"
        weight, bias = self.params[f"{name}.weight"], self.params[f"{name}.bias"]
        y, _ = F.layernorm_forward(x, weight, bias, self.config.eps)
        self.note(name, y)
        return y

    def qkv_forward(self, names, x, weights):
        self.place = int(names[0].split(".")[3])
        return super().qkv_forward(names, self._normed(x, "attention.output"), weights)

    def gelu_forward(self, name, x, w, b):
        x = x if self.place == HEAD else self._normed(x, "output")
        return super().gelu_forward(name, x, w, b)

    def add_layernorm_forward(self, name, x, w, b, residual, gamma, beta, eps, drop):
        h, cache = self.forward(name, x, w, b)
        y = residual + h
        self.note(name.removesuffix(".dense"), y)
        return y, cache


class InnerNorm(Recorder):
    """The same layers in the order x + LN(f(x))."""

    def add_layernorm_forward(self, name, x, w, b, residual, gamma, beta, eps, drop):
        h, cache = self.forward(name, x, w, b)
        h, _ = F.layernorm_forward(h, gamma, beta, eps)
        block = name.removesuffix(".dense")
        self.note(f"{block}.LayerNorm", h)
        self.note(block, residual + h)
        return residual + h, cache


def _everywhere_or_here(scene, cause, says, op, otherwise):
    """An op that is otherwise: everywhere, or in one place alone."""
    yield Variation(cause, says, ops={op: otherwise})
    for place in scene.places():
        yield Variation(
            cause, f"{says}, in {_called(place)} alone",
            ops={op: otherwise}, places=frozenset({place}),
        )  # fmt: skip


def _called(place):
    return f"layer {place}" if isinstance(place, int) else f"the {place}"
