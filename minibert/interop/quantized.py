"""int8 in files: a matrix NAME is ``NAME`` (int8) and ``NAME_scale`` (float32, one a row)."""

import numpy as np

from minibert.ops import QTensor

SCALE = "_scale"


def split_quantized(params):
    """The arrays that parameters are kept as; the inverse of `join_quantized`."""
    tensors = {}
    for name, p in params.items():
        if isinstance(p, QTensor):
            tensors[name], tensors[name + SCALE] = p.q, p.scale
        else:
            tensors[name] = p
    return tensors


def quantized_among(path, stored, names=None):
    """The names in int8, each with its scales.

    Parameters
    ----------
    path : path
        For the message.
    stored : dict of str to Stored
    names : collection of str, optional
        Those to look at; all where not given.

    Returns
    -------
    set of str

    Raises
    ------
    ValueError
        A matrix in int8 has no scales that fit it, or something else has some.
    """
    quantized = set()
    for name in stored if names is None else names:
        tensor = stored.get(name)
        scale = stored.get(name + SCALE)
        if tensor is None or (tensor.kind != "I8" and scale is None):
            continue
        fits = scale is not None and (scale.kind, scale.shape) == ("F32", tensor.shape[:1])
        if tensor.kind != "I8" or len(tensor.shape) != 2 or not fits:
            raise ValueError(
                f"{path}: {name} is {tensor.kind} {tensor.shape}, its scales do not fit"
            )
        quantized.add(name)
    return quantized


def join_quantized(tensors, quantized):
    """The parameters that arrays stand for, `quantized` naming those in int8."""
    scales = {name + SCALE for name in quantized}
    return {
        name: QTensor(a, tensors[name + SCALE]) if name in quantized else a
        for name, a in tensors.items()
        if name not in scales
    }


def as_float32(p):
    """An array in float32; int8 stays what it is."""
    return p if isinstance(p, QTensor) else np.asarray(p, np.float32)
