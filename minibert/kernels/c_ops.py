"""The table of C kernels; `suited` says when they step aside.

Each has an attribute `levels`: the instruction sets that its family knows. At the scalar level,
which is there to be read and tested, "auto" prefers the other kernels, whose products BLAS does.
"""

from minibert.kernels import (
    c_adam,
    c_attention,
    c_distance,
    c_dropout,
    c_embedding,
    c_int8,
    c_layer,
    c_linear,
    c_rows,
    suited,
)
from minibert.kernels.arrays import keep_freed_memory
from minibert.kernels.c_library import FLOAT
from minibert.ops.packed import QTensor

_PAIRS = {
    "attention": c_attention,
    "dropout": c_dropout,
    "embedding": c_embedding,
    "gelu": c_rows,
    "layernorm": c_rows,
    "linear": c_linear,
    "linear_add_layernorm": c_linear,
    "linear_gelu": c_linear,
    "mse": c_distance,
    "packed_attention": c_attention,
    "qkv": c_linear,
}

KERNELS = {}
for _name, _module in _PAIRS.items():
    KERNELS |= suited.pair(_name, _module)
_embedding_of_floats, _linear_of_floats = KERNELS["embedding_forward"], KERNELS["linear_forward"]


def _embedding_forward(word, *args, **kwargs):
    """The form for the kind of table."""
    of_int8 = isinstance(word, QTensor)
    form = c_embedding.int8_embedding_forward if of_int8 else _embedding_of_floats
    return form(word, *args, **kwargs)


def _linear_forward(x, w, b):
    """The form for the kind of weight."""
    form = c_int8.int8_linear_forward if isinstance(w, QTensor) else _linear_of_floats
    return form(x, w, b)


KERNELS |= {"embedding_forward": _embedding_forward, "linear_forward": _linear_forward}
for _name in ("adamw_update", "bert_adam_update", "sum_of_squares"):
    KERNELS[_name] = getattr(c_adam, _name)
KERNELS["transformer_layers"] = c_layer.transformer_layers
for _kernel in KERNELS.values():
    _kernel.levels = FLOAT
for _name in ("int8_linear_forward", "int8_matmul", "quantize_affine"):
    KERNELS[_name] = getattr(c_int8, _name)
    KERNELS[_name].levels = c_int8.LEVELS
keep_freed_memory()
