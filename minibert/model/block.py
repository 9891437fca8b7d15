"""One Transformer layer of BERT, with the LayerNorm after each sum (Devlin et al. 2018).

    (1)  q, k, v = x Wq^T + bq, x Wk^T + bk, x Wv^T + bv, split into H heads of size K
    (2)  context = attention(q, k, v)
    (3)  x1 = LN(x + dropout(join(context) Wo^T + bo))
    (4)  a = gelu(x1 W1^T + b1)
    (5)  x2 = LN(x1 + dropout(a W2^T + b2))

Each value is used by what follows it and, for x and x1, again as the residual, so that its
gradient is the sum of two.
"""

from functools import cache

from minibert import kernels as F
from minibert.model.params import layer_prefix
from minibert.ops import Attended

PROJECTIONS = ("attention.self.query", "attention.self.key", "attention.self.value")
PARTS = (
    *PROJECTIONS, "attention.output.dense", "attention.output.LayerNorm",
    "intermediate.dense", "output.dense", "output.LayerNorm",
)  # fmt: skip


def block_forward(
    x, p, size, config, bias, *, offsets=None, name, drop, site, want_scores, linear
):
    """One layer.

    Parameters
    ----------
    x : ndarray (B,L,D), or (P,D) with `offsets`
    p : dict
        The layer's parameters under short names, see `layer_view`. An optional
        ``attention.head_mask`` (H,) multiplies each head's context.
    size : LayerSize
    config : BertConfig
    bias : ndarray (B,1,1,L) or None
        Added to the scores; None with `offsets`.
    offsets : ndarray of int (B+1,), optional
        The rows of each sequence, see `packed_attention_forward`. It returns no scores.
    name : str
        The prefix of the layer's full parameter names.
    drop : Drop or None
    site : int
        The first of the three dropout sites of this layer.
    want_scores : bool
    linear : FloatLinear or another of its kind

    Returns
    -------
    x2 : ndarray, as x
    scores : ndarray (B,H,L,L) or None
        Before the bias is added.
    cache
    """
    attention_drop = drop and drop.at(site, config.attention_dropout)
    qkv, c_qkv = linear.qkv_forward(_full(name, PROJECTIONS), x, [_wb(p, n) for n in PROJECTIONS])
    q, k, v = (split_heads(y, size.heads) for y in qkv)  # 3 x (B,H,L,K)  (1)
    head_mask = p.get("attention.head_mask")
    if offsets is None:
        (context, scores), c_attention = F.attention_forward(
            q, k, v, bias, drop=attention_drop, head_mask=head_mask, want_scores=want_scores
        )  # (B,H,L,K)  (2)
    else:
        scores = None
        context, c_attention = F.packed_attention_forward(
            q, k, v, offsets, drop=attention_drop, head_mask=head_mask
        )  # (H,P,K)  (2)
    x1, c_x1 = linear.add_layernorm_forward(
        f"{name}attention.output.dense", join_heads(context), *_wb(p, "attention.output.dense"),
        x, *_wb(p, "attention.output.LayerNorm"), config.eps, drop and drop.at(site + 1),
    )  # (B,L,D)  (3)
    a, c_a = linear.gelu_forward(
        f"{name}intermediate.dense", x1, *_wb(p, "intermediate.dense")
    )  # (B,L,F)  (4)
    x2, c_x2 = linear.add_layernorm_forward(
        f"{name}output.dense", a, *_wb(p, "output.dense"),
        x1, *_wb(p, "output.LayerNorm"), config.eps, drop and drop.at(site + 2),
    )  # (B,L,D)  (5)
    return x2, scores, (c_qkv, c_attention, c_x1, c_a, c_x2)


def block_backward(dx2, dscores, cache, size, *, offsets=None, name, linear):
    """Gradients of `block_forward`.

    Parameters
    ----------
    dx2 : ndarray, as x
    dscores : ndarray (B,H,L,L) or None
    cache
    size : LayerSize
    offsets : ndarray of int (B+1,), optional
        As given to the forward.
    name : str
    linear : FloatLinear or another of its kind

    Returns
    -------
    dx : ndarray, as x
    grads : dict of str to ndarray
        Under full parameter names.
    """
    c_qkv, c_attention, c_x1, c_a, c_x2 = cache
    grads = {}
    da, dx1, dnorm, g = linear.add_layernorm_backward(f"{name}output.dense", dx2, c_x2)  # (5')
    grads |= g | _norm_grads(f"{name}output.LayerNorm", dnorm)
    dx1_ffn, g = linear.gelu_backward(f"{name}intermediate.dense", da, c_a)  # (4')
    grads |= g
    djoined, dx, dnorm, g = linear.add_layernorm_backward(
        f"{name}attention.output.dense", dx1 + dx1_ffn, c_x1
    )  # (3')
    grads |= g | _norm_grads(f"{name}attention.output.LayerNorm", dnorm)
    dcontext = split_heads(djoined, size.heads)  # (B,H,L,K)
    if offsets is None:
        *dqkv, dhead_mask = F.attention_backward(Attended(dcontext, dscores), c_attention)  # (2')
    else:
        *dqkv, dhead_mask = F.packed_attention_backward(dcontext, c_attention)  # (2')
    if dhead_mask is not None:
        grads[f"{name}attention.head_mask"] = dhead_mask
    dx_qkv, g = linear.qkv_backward(
        _full(name, PROJECTIONS), tuple(join_heads(d) for d in dqkv), c_qkv
    )  # (1')
    return dx + dx_qkv, grads | g


@cache
def weight_names(i):
    """The full names of layer i's sixteen arrays, in the order of `ops.transformer_layer`."""
    kinds = "weight", "bias"
    return tuple(f"{layer_prefix(i)}{part}.{kind}" for part in PARTS for kind in kinds)


def split_heads(x, heads):
    """(B,L,H*K) -> (B,H,L,K); packed, (P,H*K) -> (H,P,K)."""
    return x.reshape(*x.shape[:-1], heads, -1).swapaxes(-3, -2)


def join_heads(x):
    """(B,H,L,K) -> (B,L,H*K); packed, (H,P,K) -> (P,H*K)."""
    x = x.swapaxes(-3, -2)
    return x.reshape(*x.shape[:-2], -1)


def _wb(p, name):
    return p[f"{name}.weight"], p[f"{name}.bias"]


def _full(prefix, names):
    return [prefix + name for name in names]


def _norm_grads(name, dnorm):
    return dict(zip((f"{name}.weight", f"{name}.bias"), dnorm, strict=True))
