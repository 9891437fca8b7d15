"""Running the transcription, and holding gradients against autograd's."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import assert_close, largest_norm

torch = pytest.importorskip("torch")

from . import transcription as T  # noqa: E402

RTOL = {np.float64: 1e-10, np.float32: 1e-5}  # relative norm; DESIGN asks 1e-6 in float64
LEVELS = ["numpy"] + ["numba"] * (not F.available("numba")[1])


def leaves(params):
    """The parameters as tensors with a gradient, in float64 whatever ours are in."""
    return {k: torch.tensor(p, dtype=torch.float64, requires_grad=True) for k, p in params.items()}


def transcribed(p, config, head, at, ids, segments, keep, masks=None):
    """What `bert_forward` returns, from the transcription: a flat list of tensors."""
    inputs = (torch.tensor(a) for a in (ids, segments, keep))
    masks = masks and {site: torch.tensor(mask) for site, mask in masks.items()}
    hidden, scores, pooled = T.encode(p, config, *inputs, masks)
    outputs = [*hidden, *scores, pooled]
    if head is not None:
        at = None if at is None else torch.tensor(at)
        outputs.append(T.logits(p, config, head, hidden[-1], pooled, at, masks))
    return outputs


def pulled_back(outputs, cotangents, p):
    """Autograd's gradients of <cotangents, outputs>; None where nothing depends on it."""
    value = sum((y * torch.tensor(d)).sum() for y, d in zip(outputs, cotangents, strict=True))
    grads = torch.autograd.grad(value, list(p.values()), allow_unused=True)
    return {k: None if g is None else g.numpy() for k, g in zip(p, grads, strict=True)}


def assert_same_gradients(got, expected, rtol):
    """In every parameter, by the rule that also judges gradients that are zero in truth."""
    assert got.keys() == {k for k, g in expected.items() if g is not None}
    floor = 1e-3 * largest_norm({k: expected[k] for k in got})
    for name in got:
        assert_close(got[name], expected[name], name=name, rtol=rtol, floor=floor)
