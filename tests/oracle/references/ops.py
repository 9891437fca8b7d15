"""The ops by PyTorch's own functions; where the library's step is none of its, by their parts."""

import math

import torch

from minibert.ops import Attended, QTensor

from ..harness import reference, step
from .int8 import product, quantize_affine

nn = torch.nn.functional


@reference("linear", source="torch.nn.functional.linear")
def linear(x, w, b):
    return nn.linear(x, w, b)


@reference("layernorm", source="torch.nn.functional.layer_norm")
def layernorm(x, gamma, beta, eps=1e-12):
    mu = step("mu", x.mean(-1, keepdim=True))
    var = step("var", x.var(-1, correction=0, keepdim=True))
    step("xhat", (x - mu) / torch.sqrt(var + eps))
    return nn.layer_norm(x, x.shape[-1:], gamma, beta, eps)


@reference("erf", source="torch.erf")
def erf(x):
    return torch.erf(x)


@reference("gelu", source='torch.nn.functional.gelu(approximate="none")')
def gelu(x):
    return nn.gelu(x, approximate="none")


@reference("gelu_tanh", source='torch.nn.functional.gelu(approximate="tanh")')
def gelu_tanh(x):
    return nn.gelu(x, approximate="tanh")


@reference("tanh", source="torch.tanh")
def tanh(x):
    return torch.tanh(x)


@reference("relu", source="torch.relu")
def relu(x):
    return torch.relu(x)


@reference("softmax", source="torch.softmax")
def softmax(s):
    return torch.softmax(s, -1)


@reference("log_softmax", source="torch.log_softmax")
def log_softmax(s):
    return torch.log_softmax(s, -1)


@reference("dropout", source="torch.where, with the library's mask")
def dropout(x, drop):
    return drop(x)


@reference("keep_mask", source="Python's integers, from the published constants")
def keep_mask(shape, drop):
    """SplitMix64 gives the keys; a multiply-xorshift hash of the index gives the mask."""
    drop, state = drop.drop, 0
    for word in (drop.seed, drop.step, drop.site):
        state = (state ^ word) + 0x9E3779B97F4A7C15
        state = (state ^ state % 2**64 >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
        state ^= state >> 31
    k0, k1 = divmod(state, 2**32)
    kept = []
    for n in range(math.prod(shape)):
        h = n ^ k0
        h = (h ^ h // 2**16) * 0x7FEB352D % 2**32
        h = (h ^ h // 2**15 ^ k1) * 0x846CA68B % 2**32
        kept.append((h ^ h // 2**16) >= drop.rate * 2**32)
    return torch.tensor(kept).reshape(shape)


@reference("embedding", source="torch.nn.functional.embedding, with padding_idx")
def embedding(word, position, segment, ids, segments=None, pad_id=0):
    word, position, segment = map(_table, (word, position, segment))
    segments = torch.zeros_like(ids) if segments is None else segments
    words = step("word", nn.embedding(ids, word, padding_idx=pad_id))
    places = nn.embedding(torch.arange(ids.shape[1]), position)
    return words + places + nn.embedding(segments, segment)


def _table(table):
    """A table of floats, of int8 too."""
    if not isinstance(table, QTensor):
        return table
    return torch.tensor(table.q).double() * torch.tensor(table.scale).double()[:, None]


@reference("sinusoidal_positions", source="torch.polar, transcribed from the paper")
def sinusoidal_positions(length, hidden):
    i = torch.arange(0, hidden, 2, dtype=torch.float64)
    angle = torch.outer(torch.arange(length, dtype=torch.float64), 10000.0 ** (-i / hidden))
    turned = torch.polar(torch.ones_like(angle), angle)  # cos + i sin
    return torch.stack((turned.imag, turned.real), -1).flatten(1)


def _attention_source(mode):
    if mode in ("", "padding", "causal", "bias-by-head", "cross"):
        return "torch.nn.functional.scaled_dot_product_attention"
    return "PyTorch: softmax and matrix products, since scaled_dot_product_attention hides scores"


@reference("attention", source=_attention_source)
def attention(q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
    s = step("s", q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]))
    p = step("p", torch.softmax(s if bias is None else s + bias, -1))
    d = p if drop is None else step("d", drop(p))
    u = step("u", d @ v)
    if drop is None and head_mask is None and not want_scores:
        context = nn.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    else:
        context = u if head_mask is None else u * head_mask[:, None, None]
    return Attended(context, s if want_scores else None)


def _packed_source(mode):
    if mode in ("", "square"):
        return "torch.nn.functional.scaled_dot_product_attention, with a mask of equal sequences"
    return "PyTorch: softmax and matrix products, sequence by sequence"


@reference("packed_attention", source=_packed_source)
def packed_attention(q, k, v, offsets, *, drop=None, head_mask=None):
    lengths = offsets.diff()
    if drop is None and head_mask is None:
        sequence = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        same = sequence[:, None] == sequence
        return nn.scaled_dot_product_attention(q, k, v, attn_mask=same)
    parts = list(zip(*(x.split(lengths.tolist(), 1) for x in (q, k, v)), strict=True))
    p = [torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1) for q, k, _ in parts]
    d = torch.cat([x.flatten() for x in p])  # every sequence's (H,l,l), in one row
    d = d if drop is None else step("d", drop(d))
    d = [x.view_as(like) for x, like in zip(d.split([x.numel() for x in p]), p, strict=True)]
    u = torch.cat([d @ v for d, (_, _, v) in zip(d, parts, strict=True)], 1)
    return u if head_mask is None else u * head_mask[:, None, None]


def _cross_entropy_source(mode):
    if mode == "nothing-counts":
        return "transcribed: torch.nn.functional.cross_entropy's sum; its mean over nothing is NaN"
    return "torch.nn.functional.cross_entropy"


@reference("softmax_cross_entropy", source=_cross_entropy_source)
def softmax_cross_entropy(logits, labels, *, ignore_index=-100, smoothing=0.0):
    step("logp", torch.log_softmax(logits, -1))
    rows, flat = logits.flatten(0, -2), labels.flatten()
    mean = "mean" if (labels != ignore_index).any() else "sum"
    return nn.cross_entropy(
        rows, flat, ignore_index=ignore_index, label_smoothing=smoothing, reduction=mean
    )


def _soft_source(mode):
    if mode.endswith("all"):
        return "TinyBERT's released code, transcribed: torch.mean of -p_t log p_s"
    return "torch.nn.functional.cross_entropy with probabilities"


@reference("soft_cross_entropy", source=_soft_source)
def soft_cross_entropy(student, teacher, *, tau=1.0, mean="batch"):
    p_t = step("p_t", torch.softmax(teacher / tau, -1))
    logp_s = step("logp_s", torch.log_softmax(student / tau, -1))
    if mean == "all":
        return (-p_t * logp_s).mean()
    return nn.cross_entropy((student / tau).flatten(0, -2), p_t.flatten(0, -2))


@reference("kl", source="torch.nn.functional.kl_div, times tau^2")
def kl(student, teacher, *, tau=1.0):
    logp_s = step("logp_s", torch.log_softmax(student / tau, -1))
    logp_t = step("logp_t", torch.log_softmax(teacher / tau, -1))
    rows = logp_s.flatten(0, -2), logp_t.flatten(0, -2)
    return tau**2 * nn.kl_div(*rows, reduction="batchmean", log_target=True)


@reference("mse", source="torch.nn.functional.mse_loss")
def mse(a, b, keep=None):
    return nn.mse_loss(a, b) if keep is None else nn.mse_loss(a[keep], b[keep])


@reference("cosine", source="torch.nn.functional.cosine_similarity")
def cosine(a, b, keep=None):
    cos = step("cos", nn.cosine_similarity(a, b, dim=-1))
    return (1 - cos if keep is None else 1 - cos[keep]).mean()


def _qkv_source(mode):
    if mode == "int8":
        return "torch._int_mm of torch.fake_quantize_per_channel_affine's codes"
    return "torch.nn.functional.linear"


@reference("qkv", source=_qkv_source)
def qkv(x, wq, bq, wk, bk, wv, bv):
    if isinstance(wq, QTensor):
        pairs = (wq, bq), (wk, bk), (wv, bv)
        codes = quantize_affine(x)
        return tuple(product(codes, *map(torch.tensor, (w.q, w.scale)), b) for w, b in pairs)
    return nn.linear(x, wq, bq), nn.linear(x, wk, bk), nn.linear(x, wv, bv)


@reference("linear_gelu", source="torch.nn.functional.linear and gelu")
def linear_gelu(x, w, b):
    return nn.gelu(step("h", nn.linear(x, w, b)))


@reference("linear_add_layernorm", source="torch.nn.functional.linear and layer_norm")
def linear_add_layernorm(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    h = step("h", nn.linear(x, w, b))
    total = step("sum", residual + (h if drop is None else drop(h)))
    return nn.layer_norm(total, total.shape[-1:], gamma, beta, eps)
