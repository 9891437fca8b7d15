"""Small models with nothing special in them, and batches with real padding."""

import numpy as np

from minibert.check.cases.model import random_params as draw_params
from minibert.config import BertConfig, LayerSize
from minibert.model import Encoded, Output

B, L = 2, 5


def widths(**changes):
    """Layers of different widths, as pruning leaves them; distinct primes but for B and L."""
    fields = {"positions": 7, "classes": 3, "dropout": 0.3, "attention_dropout": 0.2} | changes
    layers = (LayerSize(3, 7, 11), LayerSize(2, 5, 19))
    return BertConfig(vocab=23, hidden=13, layers=layers, **fields)


def tiny(**changes):
    """So few parameters that each can be moved on its own."""
    fields = {"positions": 7, "classes": 3, "dropout": 0.3, "attention_dropout": 0.2} | changes
    layers = (LayerSize(3, 2, 7), LayerSize(2, 3, 4))
    return BertConfig(vocab=11, hidden=5, layers=layers, **fields)


def uniform(**changes):
    """A BERT that Hugging Face can hold."""
    sizes = dict(vocab=23, hidden=15, n_layers=2, heads=3, ffn=11, positions=7, classes=3)
    return BertConfig.uniform(**sizes | changes)


def random_params(config, head=None, *, seed=0, dtype=np.float64, head_masks=False):
    """Parameters far from their initial values: no gamma is 1, no bias 0, [PAD] not zero."""
    params = draw_params(np.random.default_rng(seed), config, head, head_masks)
    return {name: p.astype(dtype) for name, p in params.items()}


def batch(config, *, seed=1, rows=B, length=L):
    """ids, segments, keep: rows of different lengths, repeated ids, both segments."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, length, rows)
    lengths[0] = length
    keep = np.arange(length) < lengths[:, None]
    ids = rng.integers(1, config.vocab, (rows, length))
    ids[:, 1] = ids[:, 0]
    ids = np.where(keep, ids, config.pad_id)
    segments = ((np.arange(length) >= lengths[:, None] // 2) & keep).astype(np.int64)
    return ids, segments, keep


def dropout_masks(config, head=None, length=L, rows=B, seed=3):
    """An explicit mask for every site of the model; the head's is of what the head reads."""
    rng = np.random.default_rng(seed)
    states = (rows, length, config.hidden)
    shapes = [states]
    for size in config.layers:
        shapes += [(rows, size.heads, length, length), states, states]
    shapes.append(states if head in ("mlm", "tokens", "span") else (rows, config.hidden))
    return {site: rng.random(shape) < 0.7 for site, shape in enumerate(shapes)}


def labels_for(head, config, keep, seed=8):
    """Labels of every kind that the head's loss tells apart, for a batch with this mask."""
    rng = np.random.default_rng(seed)
    if head == "span":  # the second text's end was cut off, its start counts as 0
        return np.array([[1, 3], [-1, keep.shape[1] + 2]])
    if head in ("mlm", "tokens"):
        words = rng.integers(0, config.vocab if head == "mlm" else config.classes, keep.shape)
        return np.where(keep & (rng.random(keep.shape) < 0.7), words, -100)
    if head == "classification" and config.classes == 1:
        return rng.standard_normal(len(keep))
    return rng.integers(0, config.classes if head == "classification" else 2, len(keep))


def cotangents(out, seed=5):
    """A random cotangent for every output, with its dtype."""
    rng = np.random.default_rng(seed)

    def draw(y):
        return None if y is None else rng.standard_normal(y.shape).astype(y.dtype)

    hidden, scores, pooled = out.encoded
    d_encoded = Encoded(tuple(map(draw, hidden)), tuple(map(draw, scores)), draw(pooled))
    return Output(d_encoded, draw(out.logits))


def arrays(out):
    """All arrays of an `Output`, in order."""
    encoded = out.encoded or Encoded((), (), None)
    return [a for a in (*encoded.hidden, *encoded.scores, encoded.pooled, out.logits)
            if a is not None]
