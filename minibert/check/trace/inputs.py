"""What the models are run on: texts, ids of one's own, the ids in a file, or made-up ones."""

from typing import NamedTuple

import numpy as np

from minibert.check.trace.names import IDS, MASK, SEGMENTS
from minibert.pretrained.inputs import as_batch

ROWS, LENGTH = 3, 11


class Inputs(NamedTuple):
    """A batch, and where it is from."""

    ids: np.ndarray  # (B,L)
    segments: np.ndarray  # (B,L)
    keep: np.ndarray  # of bool (B,L)
    about: str


def made_up(configs, seed=0):
    """Random ids that every model has words for, with padding and both segments.

    Parameters
    ----------
    configs : sequence of BertConfig
    seed : int

    Returns
    -------
    Inputs
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; it is a whole number of at least 0")
    rng = np.random.default_rng(seed)
    vocab, positions = min(c.vocab for c in configs), min(c.positions for c in configs)
    pad = configs[0].pad_id if configs[0].pad_id < vocab else 0
    length = min(LENGTH, positions)
    lengths = np.array([length, max(1, length - 4), max(1, length // 2)])[:ROWS, None]  # (B,1)
    places = np.arange(length)
    keep = places < lengths  # (B,L)
    ids = np.where(keep, rng.integers(0, vocab, keep.shape), pad)
    second = (places >= (lengths + 1) // 2) & keep & (min(c.segments for c in configs) > 1)
    about = f"{ROWS} rows of {length} made-up ids (seed {seed}), with padding"
    about += " and both segments" if second.any() else ""
    return Inputs(ids, second.astype(np.int64), keep, about)


def from_texts(texts, pairs, model):
    """What a model's tokenizer makes of texts."""
    if model.tokenizer is None:
        raise ValueError(f"{model.name} has no tokenizer to read --text with; give ids")
    if isinstance(texts, str):
        texts, pairs = [texts], pairs and [pairs]
    batch = model.tokenizer(
        list(texts), pairs and list(pairs), truncation=True, max_length=model.config.positions
    )
    count, it = (f"{len(texts)} texts", "them") if len(texts) > 1 else ("1 text", "it")
    return from_arrays(batch, f"{count}, as {model.name} reads {it}")


def from_arrays(arrays, about):
    """Inputs of ids, and of the mask and the segments where there are any.

    Raises
    ------
    ValueError
        They are no ids, or do not fit together.
    """
    missing = [name for name in (MASK, SEGMENTS) if arrays.get(name) is None]
    ids, segments, keep = as_batch(arrays[IDS], arrays.get(MASK), arrays.get(SEGMENTS))
    for name, array in ((IDS, ids), (SEGMENTS, segments)):
        if array is not None and array.dtype.kind not in "iu":
            raise ValueError(f"{name} is {array.dtype}; wanted whole numbers")
    segments = np.zeros(ids.shape, np.int64) if segments is None else segments.astype(np.int64)
    keep = np.ones(ids.shape, bool) if keep is None else keep
    taken = {MASK: "attention_mask as all 1", SEGMENTS: "token_type_ids as all 0"}
    if missing:
        about += f"; not given, so taken: {', '.join(taken[name] for name in missing)}"
    return Inputs(ids.astype(np.int64), segments, keep, about)
