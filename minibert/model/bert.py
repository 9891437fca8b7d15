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
    encoder_backward,
    encoder_forward,
)
from minibert.model.heads import (
    CLASSIFIER,
    DECODER_BIAS,
    classification_backward,
    classification_forward,
    mlm_backward,
    mlm_forward,
)
from minibert.model.linear import FLOAT
from minibert.model.params import add_grads

HEAD_NAMES = {"classification": f"{CLASSIFIER}.weight", "mlm": DECODER_BIAS}


class Output(NamedTuple):
    """What the model returns; as a cotangent, either may be None."""

    encoded: Encoded | None
    logits: np.ndarray | None  # (B,C); for "mlm" (B,L,V), or (P,V) with `at`


def bert_forward(
    params, config, ids, segments=None, keep=None, *,
    head=None, at=None, want=frozenset(), drop=None, linear=FLOAT,
):
    """Run the encoder and a head.

    Parameters
    ----------
    params, config, ids, segments, keep, want, drop, linear
        See `encoder_forward`.
    head : {None, "classification", "mlm"}
    at : ndarray of bool (B,L), optional
        For "mlm": the P places whose logits are wanted; computing those of the masked places
        alone saves most of the decoder's work.

    Returns
    -------
    Output
    cache : list
    """
    if head in HEAD_NAMES and HEAD_NAMES[head] not in params:
        raise ValueError(
            f"params has no {HEAD_NAMES[head]!r}, which head={head!r} needs: make it with "
            f"init_params(config, head={head!r})"
        )
    ids, segments, keep = check_batch(ids, segments, keep)
    encoded, cache = encoder_forward(
        params, config, ids, segments, keep, want=want, drop=drop, linear=linear
    )
    if head is None:
        logits, c_head = None, None
    elif head == "classification":
        site = 1 + SITES_PER_LAYER * config.n_layers
        logits, c_head = classification_forward(
            params, config, encoded.pooled,
            drop=drop and drop.at(site, config.dropout), linear=linear,
        )  # (B,C)
    elif head == "mlm":
        if at is not None and (at.dtype != bool or at.shape != ids.shape):
            raise ValueError(f"at is {at.dtype} {at.shape}; wanted bool {ids.shape}")
        x = encoded.hidden[-1] if at is None else encoded.hidden[-1][at]  # (B,L,D) or (P,D)
        logits, c_head = mlm_forward(params, config, x, linear=linear)  # (...,V)
    else:
        raise ValueError(f'head is {head!r}; it is None, "classification" or "mlm"')
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
    if d.logits is not None and head == "classification":
        dpooled, grads = classification_backward(d.logits, config, c_head, linear=linear)
        if d_encoded.pooled is not None:
            dpooled = dpooled + d_encoded.pooled
        d_encoded = d_encoded._replace(pooled=dpooled)
    elif d.logits is not None and head == "mlm":
        dx, grads = mlm_backward(d.logits, c_head, linear=linear)
        if at is not None:
            scattered = np.zeros(cache[0][0], dx.dtype)  # (B,L,D)
            scattered[at] = dx
            dx = scattered
        others, last = tuple(d_encoded.hidden[:-1]), d_encoded.hidden[-1:]
        if last and last[0] is not None:
            dx = dx + last[0]
        d_encoded = d_encoded._replace(hidden=(*others, dx))
    elif d.logits is not None:
        raise ValueError("d.logits was given, but the forward ran with head=None")
    return add_grads(encoder_backward(d_encoded, params, config, cache, linear=linear), grads)
