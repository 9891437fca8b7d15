"""The whole model: the encoder with a head on it.

`Output` holds the encoder's output and the logits; the backward takes cotangents at both, since
distillation has losses inside the network and at its end.
"""

from typing import NamedTuple

import numpy as np

from minibert.model.encoder import (
    SITES_PER_LAYER,
    Encoded,
    check_batch,
    check_want,
    encoder_backward,
    encoder_forward,
)
from minibert.model.heads import HEADS
from minibert.model.linear import FLOAT
from minibert.model.params import DECODER_BIAS, OUTPUT_LAYERS, add_grads, check_head


class Output(NamedTuple):
    """What the model returns; as a cotangent, either may be None."""

    encoded: Encoded | None
    logits: np.ndarray | None  # shapes as in `heads`; for "mlm" with `at` (P,V)


def bert_forward(
    params, config, ids, segments=None, keep=None, *,
    head=None, at=None, want=frozenset(), drop=None, linear=FLOAT,
):
    """Run the encoder and a head.

    Parameters
    ----------
    params, config, ids, segments, keep, want, drop, linear
        See `encoder_forward`. Without a head, and with one that reads the hidden states, those at
        padded places are always wanted.
    head : {None, "classification", "mlm", "next_sentence", "tokens", "span"}
    at : ndarray of bool (B,L), optional
        For "mlm": the P places whose logits are wanted; computing those of the masked places
        alone saves most of the decoder's work.

    Returns
    -------
    Output
    cache : list
    """
    _check_params(params, head)
    ids, segments, keep = check_batch(ids, segments, keep)
    if at is not None and (head != "mlm" or at.dtype != bool or at.shape != ids.shape):
        raise ValueError(f'at is {at.dtype} {at.shape}; wanted bool {ids.shape}, for head "mlm"')
    reads = "hidden" if head is None else HEADS[head].reads
    needs = {"padding"} if reads == "hidden" else set()
    encoded, cache = encoder_forward(
        params, config, ids, segments, keep, want=check_want(want) | needs, drop=drop, linear=linear
    )
    logits = c_head = None
    if head is not None:
        x = encoded.pooled if reads == "pooled" else encoded.hidden[-1]
        logits, c_head = HEADS[head].forward(
            params, config, x if at is None else x[at],  # (B,D), (B,L,D) or (P,D)
            drop=drop and drop.at(1 + SITES_PER_LAYER * config.n_layers, config.head_dropout),
            linear=linear,
        )
    cache.append((head, at, c_head))
    return Output(encoded, logits), cache


def bert_backward(d, params, config, cache, *, linear=FLOAT):
    """Gradients of every parameter of `bert_forward`.

    Parameters
    ----------
    d : Output
        Cotangents.
    params, config
        As given to the forward.
    cache : list
        Is consumed.
    linear : FloatLinear or another of its kind

    Returns
    -------
    dict of str to ndarray
    """
    if not cache:
        raise RuntimeError("this cache was consumed by an earlier backward: run forward again")
    head, at, c_head = cache.pop()
    d_encoded = d.encoded or Encoded((), (), None)
    grads = {}
    if d.logits is not None:
        if head is None:
            raise ValueError("d.logits was given, but the forward ran with head=None")
        dx, grads = HEADS[head].backward(d.logits, config, c_head, linear=linear)
        if at is not None:
            scattered = np.zeros(cache[0][0], dx.dtype)  # (B,L,D)
            scattered[at] = dx
            dx = scattered
        d_encoded = _plus(d_encoded, HEADS[head].reads, dx)
    return add_grads(encoder_backward(d_encoded, params, config, cache, linear=linear), grads)


def _plus(d, reads, dx):
    """The encoder's cotangents with the head's added to the output that the head reads."""
    if reads == "pooled":
        return d._replace(pooled=dx if d.pooled is None else dx + d.pooled)
    *others, last = d.hidden or (None,)
    return d._replace(hidden=(*others, dx if last is None else dx + last))


def _check_params(params, head):
    """A ValueError if there is no such head, or the parameters have not got it."""
    check_head(head)
    needed = DECODER_BIAS if head == "mlm" else head and f"{OUTPUT_LAYERS[head]}.weight"
    if needed and needed not in params:
        raise ValueError(
            f"params has no {needed!r}, which head={head!r} needs: make it with "
            f"init_params(config, head={head!r})"
        )
