"""The model: transformers' BertModel, and the papers' formulas where it has no such output."""

import torch

from minibert.check.cases.model import LayerOutput, layer_of_weights
from minibert.model import Encoded

from .. import hugging_face
from .. import transcription as T
from ..harness import reference, step

OURS = "the papers' formulas in PyTorch, tests/oracle/transcription.py"


def dropper(drop):
    """The harness's dropout as the transcription calls it; None stays None."""
    return drop and (lambda x, site, rate: drop.at(site, rate)(x))


def same(a, b):
    """The first of two, written separately, that agree."""
    assert torch.allclose(a, b, rtol=1e-12, atol=1e-12), (a - b).abs().max()
    return a


def encoded(params, config, ids, segments, keep, drop=None, head=None, steps=True):
    """`Encoded`, and the output of transformers' class with this head where it can have it.

    Hidden states and the pooled vector are transformers', the scores the transcription's: there
    they never leave the attention. Both must agree in all that both have.
    """
    hidden, scores, pooled = T.encode(
        params, config, ids, segments, keep, dropper(drop),
        record=step if steps else T.as_it_is,
    )
    if drop or not config.is_uniform or any(name.endswith("head_mask") for name in params):
        return Encoded(tuple(hidden), tuple(scores), pooled), None
    batch = ids, segments, keep
    theirs = hugging_face.run(params, config, *batch)
    of_head = theirs if head is None else hugging_face.run(params, config, *batch, head)
    for s, p in zip(scores, theirs.attentions, strict=True):
        same(torch.softmax(s.masked_fill(~keep[:, None, None], -torch.inf), -1), p)
    hidden = tuple(same(x, h) for x, h in zip(theirs.hidden_states, hidden, strict=True))
    return Encoded(hidden, tuple(scores), same(theirs.pooler_output, pooled)), of_head


def of_encoder(mode):
    """Who computed an encoder case."""
    if mode in ("dropout", "widths"):
        return OURS
    return f"transformers BertModel; scores and steps by {OURS}"


@reference("encoder", source=of_encoder)
def encoder(params, config, ids, segments, keep, drop=None):
    return encoded(params, config, ids, segments, keep, drop)[0]


def of_block(mode):
    """Who computed a case of one layer."""
    if mode in ("dropout", "composed", "head-mask"):
        return OURS
    return f"transformers BertLayer; scores and steps by {OURS}"


@reference("block", source=of_block)
def block(x, params, keep, config, drop=None):
    x2, scores = T.layer(
        x, params, "", config.layers[0], config, keep, dropper(drop), 1, record=step
    )
    if drop is None and "attention.head_mask" not in params:
        x2 = same(bert_layer(x, params, keep, config), x2)
    return LayerOutput(x2, scores)


def bert_layer(x, params, keep, config):
    """What transformers' layer returns."""
    layer = hugging_face.bert(config, None)[0].encoder.layer[0]
    bias = torch.zeros(keep.shape, dtype=x.dtype).masked_fill(~keep, torch.finfo(x.dtype).min)
    return torch.func.functional_call(layer, params, (x, bias[:, None, None]))


@reference("transformer_layers", source=f"transformers BertLayer; scores by {OURS}")
def transformer_layers(x, layers, *, heads, eps, bias=None, offsets=None, want_scores=False):
    if offsets is None:
        keep = torch.ones(x.shape[:2]) > 0 if bias is None else bias[:, 0, 0] == 0
        return stack(x, keep, layers, heads, eps, want_scores)
    lengths = torch.as_tensor(offsets).diff().tolist()
    alone = [
        stack(s[None], torch.ones(1, len(s)) > 0, layers, heads, eps, False)[0]
        for s in x.split(lengths)
    ]
    hidden = [torch.cat([s[0] for s in states]) for states in zip(*alone, strict=True)]
    return tuple(hidden), (None,) * len(layers)


def stack(x, keep, layers, heads, eps, want_scores):
    hidden, scores = [], []
    for weights, H in zip(layers, heads, strict=True):
        params, config = layer_of_weights(weights, H, eps)
        y, s = T.layer(x, params, "", config.layers[0], config, keep, None, 1)
        x = same(bert_layer(x, params, keep, config), y)
        hidden.append(x)
        scores.append(s if want_scores else None)
    return tuple(hidden), tuple(scores)
