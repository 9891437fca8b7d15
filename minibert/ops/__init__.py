"""The formulas: one a file, each a forward/backward pair of pure functions, in NumPy.

``out, cache = f_forward(x, ...)`` and ``dx, ... = f_backward(dout, cache)``. The cache is whatever
the backward needs; inputs are never changed (but by the updates in adam.py); the dtype that goes
in comes out.
"""

from minibert.ops.activations import relu_backward, relu_forward, tanh_backward, tanh_forward
from minibert.ops.adam import adamw_update, bert_adam_update, sum_of_squares
from minibert.ops.attention import (
    Attended,
    attention_backward,
    attention_forward,
    causal_bias,
    padding_bias,
)
from minibert.ops.cross_entropy import (
    soft_cross_entropy_backward,
    soft_cross_entropy_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)
from minibert.ops.distance import cosine_backward, cosine_forward, mse_backward, mse_forward
from minibert.ops.dropout import Drop, dropout_backward, dropout_forward, keep_mask
from minibert.ops.embedding import embedding_backward, embedding_forward, sinusoidal_positions
from minibert.ops.erf import erf
from minibert.ops.fused import (
    linear_add_layernorm_backward,
    linear_add_layernorm_forward,
    linear_gelu_backward,
    linear_gelu_forward,
    qkv_backward,
    qkv_forward,
)
from minibert.ops.gelu import (
    gelu_backward,
    gelu_forward,
    gelu_tanh_backward,
    gelu_tanh_forward,
)
from minibert.ops.info_nce import info_nce_backward, info_nce_forward
from minibert.ops.int8 import (
    int8_linear_forward,
    int8_matmul,
    quantize_affine,
    quantize_symmetric,
)
from minibert.ops.kl import kl_backward, kl_forward
from minibert.ops.layer import transformer_layer, transformer_layers
from minibert.ops.layernorm import layernorm_backward, layernorm_forward
from minibert.ops.linear import linear_backward, linear_forward
from minibert.ops.packed import QRows, QTensor
from minibert.ops.packed_attention import packed_attention_backward, packed_attention_forward
from minibert.ops.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
