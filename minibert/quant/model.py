"""A model in int8: every weight matrix becomes a `QTensor`, all else stays float32.

Linear weights have one scale an output channel, embedding tables one a row (a word). Activations
are quantized at run time, one scale and zero point a token: see `ops.int8`. Biases, LayerNorm and
softmax stay in float32; together they are a small share of the bytes and of the time.
"""

from minibert import kernels as F
from minibert.ops import QTensor


def quantized_names(params):
    """The names of the matrices that `quantize_params` takes."""
    return [name for name, p in params.items() if name.endswith(".weight") and len(p.shape) == 2]


def quantize_params(params):
    """The parameters with every matrix in int8.

    Parameters
    ----------
    params : dict of str to ndarray

    Returns
    -------
    dict of str to ndarray or QTensor

    Raises
    ------
    ValueError
        A matrix has a NaN or an infinity; the message names it.
    """
    quantized = dict(params)
    for name in quantized_names(params):
        if isinstance(params[name], QTensor):
            continue
        try:
            quantized[name] = F.quantize_symmetric(params[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return quantized


def parameter_bytes(params):
    """Bytes of all parameters in memory, scales included."""
    return sum(p.nbytes for p in params.values())
