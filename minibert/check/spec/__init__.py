"""The loop form of every op: what one would compute by hand, one number at a time.

Nothing here is fast and nothing is clever; each function is its formula read aloud. The library's
ops are tested against these, and so is every accelerated kernel, of which this is version 0.
Differences to the ops: token-wise functions take rows (M, D), a backward takes the inputs instead
of a cache, and a bias on attention scores is given in full, (B,H,L,S). `linear`, `layernorm`,
`softmax`, `gelu` and `attention`, forward and backward, compile as they stand under ``numba.njit``.

A file here holds a family of ops. Letters: B batch, L queries, S keys, D hidden, H heads, K head
size, C classes, M rows, V vocabulary, I inputs, O outputs.
"""

from minibert.check.spec.activations import (
    gelu_backward,
    gelu_forward,
    gelu_tanh_forward,
    relu_forward,
    tanh_forward,
)
from minibert.check.spec.attention import attention_backward, attention_forward
from minibert.check.spec.dropout import dropout_forward, keep_mask
from minibert.check.spec.embedding import (
    embedding_backward,
    embedding_forward,
    sinusoidal_positions,
)
from minibert.check.spec.heads import (
    best_span,
    span_loss_backward,
    span_loss_forward,
    tokens_backward,
    tokens_forward,
    tokens_loss_backward,
    tokens_loss_forward,
)
from minibert.check.spec.int8 import (
    int8_linear_forward,
    int8_matmul,
    quantize_affine,
    quantize_symmetric,
)
from minibert.check.spec.layernorm import layernorm_backward, layernorm_forward
from minibert.check.spec.linear import linear_backward, linear_forward
from minibert.check.spec.losses import (
    cosine_backward,
    cosine_forward,
    kl_backward,
    kl_forward,
    mse_backward,
    mse_forward,
    soft_cross_entropy_backward,
    soft_cross_entropy_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)
from minibert.check.spec.softmax import log_softmax_forward, softmax_backward, softmax_forward
