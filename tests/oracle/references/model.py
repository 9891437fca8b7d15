"""The model: transformers' BertModel, and the papers' formulas where it has no such output."""

import torch

from minibert.check.cases.model import LayerOutput
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
        layer = hugging_face.bert(config, None)[0].encoder.layer[0]
        bias = torch.zeros(keep.shape, dtype=x.dtype).masked_fill(~keep, torch.finfo(x.dtype).min)
        theirs = torch.func.functional_call(layer, params, (x, bias[:, None, None]))
        x2 = same(theirs, x2)
    return LayerOutput(x2, scores)
