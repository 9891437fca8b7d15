"""Variations of the weights: rounded to fewer bits."""

import numpy as np

from minibert.check.activations import EMBEDDINGS, Variation
from minibert.check.trace.comparing import MODELS, precision
from minibert.check.trace.model import exact
from minibert.quant import quantize_params


def rounded(scene):
    """The weights were saved in less precision."""
    if EMBEDDINGS not in scene.places():  # then those, at least, are as exact as here
        return
    forms = {
        "float16": lambda p: {n: a.astype(np.float16) for n, a in p.items()},
        "bfloat16": lambda p: {n: _bfloat16(a) for n, a in p.items()},
        "int8": quantize_params,
    }
    if scene.rtol > MODELS:  # a file: its numbers may be rounded, not the weights
        forms.pop(precision(scene.theirs), None)
    for kind, form in forms.items():
        yield Variation("rounded", f"the weights are rounded to {kind}", params=_rounding(form))


def _rounding(form):
    def change(params):
        return exact(_as_floats(form(_as_floats(params))))

    return change


def _as_floats(params):
    return {n: p.astype(np.float32) if isinstance(p, np.ndarray) else p for n, p in params.items()}


def _bfloat16(a):
    """float32 rounded to its upper 16 bits, to the nearest and of two to the even one."""
    bits = a.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
