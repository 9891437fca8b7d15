"""The model without gradients: parts of a batch side by side, each through all layers.

Sequences do not see one another, so a batch is cut into parts of some hundred tokens, and each
thread takes a part through the whole model: its activations stay in one core's cache, and the
threads wait for one another once a call, not once a product. A single sequence is not cut; there
the threads share every product. How a batch is cut depends on its shape alone, so that the results
are the same bits with any number of threads.
"""

import numpy as np

from minibert import kernels as F
from minibert.kernels import pool
from minibert.model.bert import Output, bert_forward
from minibert.model.encoder import Encoded, check_batch
from minibert.model.linear import FLOAT

PART_TOKENS = 512  # of a part at most, unless a sequence is longer


def bert_infer(
    params, config, ids, segments=None, keep=None, *,
    head=None, want=frozenset(), linear=FLOAT, packs=None,
):
    """What `bert_forward` returns first; nothing is kept for a backward.

    Parameters
    ----------
    params, config, ids, segments, keep, head, want, linear
        See `bert_forward`.
    packs : kernels.Packs, optional
        Weights that were packed in an earlier call; only for arrays whose numbers have not changed
        since then. Without it they are packed anew.

    Returns
    -------
    Output
    """
    ids, segments, keep = check_batch(ids, segments, keep)
    packs = packs or F.Packs()
    parts = _parts(ids if keep is None else keep)
    outputs = [None] * len(parts)

    def run(job):
        i, at = job
        with F.inference(packs):
            outputs[i], _ = bert_forward(
                params, config, ids[at],
                None if segments is None else segments[at], None if keep is None else keep[at],
                head=head, want=want, linear=linear,
            )

    pool.run((run, enumerate(parts)))
    return outputs[0] if len(outputs) == 1 else _joined(outputs)


def _parts(keep):
    """Slices of sequences with about equally many tokens: one, or an even number of them."""
    B, L = keep.shape
    if B == 1:
        return [slice(0, 1)]
    tokens = np.full(B, L) if keep.dtype != bool else np.maximum(keep.sum(1), 1)
    total = int(tokens.sum())
    alone = total <= PART_TOKENS // 16  # nothing to gain from a second thread
    count = 1 if alone else min(2 * -(-total // (2 * PART_TOKENS)), B)
    before = np.cumsum(tokens) - tokens / 2  # where a sequence's middle lies
    part = np.minimum(before * count // total, count - 1).astype(int)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    return [slice(a, z) for a, z in zip(starts, [*starts[1:], B], strict=True)]


def _joined(outputs):
    """The outputs of the parts as those of the whole batch."""
    encoded = [out.encoded for out in outputs]
    hidden, scores = (
        tuple(map(np.concatenate, zip(*(getattr(e, name) for e in encoded), strict=True)))
        for name in ("hidden", "scores")
    )
    pooled = np.concatenate([e.pooled for e in encoded])
    logits = None if outputs[0].logits is None else np.concatenate([o.logits for o in outputs])
    return Output(Encoded(hidden, scores, pooled), logits)
