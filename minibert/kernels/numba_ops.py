"""The table of Numba kernels; `suited` says when they step aside."""

from minibert.kernels import (
    numba_adam,
    numba_attention,
    numba_dropout,
    numba_embedding,
    numba_gelu,
    numba_int8,
    numba_layernorm,
    numba_linear,
    numba_packed_attention,
    numba_softmax,
    suited,
)
from minibert.kernels.arrays import keep_freed_memory

_PAIRS = {
    "attention": numba_attention,
    "dropout": numba_dropout,
    "embedding": numba_embedding,
    "gelu": numba_gelu,
    "layernorm": numba_layernorm,
    "linear": numba_linear,
    "linear_add_layernorm": numba_layernorm,
    "linear_gelu": numba_gelu,
    "packed_attention": numba_packed_attention,
    "qkv": numba_linear,
    "softmax": numba_softmax,
    "softmax_cross_entropy": numba_softmax,
}


KERNELS = {
    "adamw_update": numba_adam.adamw_update,
    "bert_adam_update": numba_adam.bert_adam_update,
    "sum_of_squares": numba_adam.sum_of_squares,
    "int8_linear_forward": numba_int8.int8_linear_forward,
    "int8_matmul": numba_int8.int8_matmul,
    "quantize_affine": numba_int8.quantize_affine,
}
for _name, _module in _PAIRS.items():
    KERNELS |= suited.pair(_name, _module)
keep_freed_memory()
