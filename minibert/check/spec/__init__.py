"""The loop form of every formula: what one would compute by hand, one number at a time.

Nothing here is fast and nothing is clever; each function is its formula read aloud. The library's
ops are tested against these, and so is every accelerated kernel, of which this is version 0.
Differences to the ops: token-wise functions take rows (M, D), a backward takes the inputs instead
of a cache, and a bias on attention scores is given in full, (B,H,L,S). `linear`, `layernorm`,
`softmax`, `gelu` and `attention`, forward and backward, compile as they stand under ``numba.njit``.
The model, in `block` and `model`, is these one after the other.

A file here holds a family of ops. Letters: B batch, L queries, S keys, D hidden, H heads, K head
size, C classes, M rows, V vocabulary, I inputs, O outputs.
"""

from minibert.check.spec.activations import (
    erf,
    gelu_backward,
    gelu_forward,
    gelu_tanh_backward,
    gelu_tanh_forward,
    relu_backward,
    relu_forward,
    tanh_backward,
    tanh_forward,
)
from minibert.check.spec.answers import answer_f1, answer_words, common_words, exact_match
from minibert.check.spec.attention import (
    attention_backward,
    attention_forward,
    packed_attention_backward,
    packed_attention_forward,
)
from minibert.check.spec.block import (
    Layer,
    block_backward,
    block_forward,
    join_heads,
    padding_bias,
    split_heads,
)
from minibert.check.spec.cost import (
    count_parameters,
    encoder_flops,
    linear_size,
    product_flops,
)
from minibert.check.spec.distill import (
    attention_loss_backward,
    attention_loss_forward,
    bottom_map,
    cleaned_scores,
    cleaned_scores_backward,
    hidden_loss_backward,
    hidden_loss_forward,
    tinybert_loss_backward,
    tinybert_loss_forward,
    top_map,
    uniform_map,
)
from minibert.check.spec.dropout import dropout_forward, keep_mask
from minibert.check.spec.embedding import (
    embedding_backward,
    embedding_forward,
    sinusoidal_positions,
)
from minibert.check.spec.heads import (
    best_span,
    classification_backward,
    classification_forward,
    mlm_backward,
    mlm_forward,
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
    info_nce_backward,
    info_nce_forward,
    kl_backward,
    kl_forward,
    mse_backward,
    mse_forward,
    soft_cross_entropy_backward,
    soft_cross_entropy_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)
from minibert.check.spec.masks import causal_softmax, padded_softmax, softmax_of_visible
from minibert.check.spec.metrics import (
    accuracy,
    f1,
    f1_of_class,
    matthews,
    mean_squared_error,
    pearson,
    ranks,
    spearman,
)
from minibert.check.spec.model import (
    bert_backward,
    bert_forward,
    encoder_backward,
    encoder_forward,
)
from minibert.check.spec.optimizers import (
    adamw_run,
    adamw_update,
    bert_adam_run,
    bert_adam_update,
    clip_each,
    clip_factor,
    clip_global,
)
from minibert.check.spec.printed import (
    s1_attention,
    s2_model_distillation,
    s3_prune,
    s5_quantize,
    s6_attention_weights,
    s7_self_attention,
)
from minibert.check.spec.pruning import (
    head_importance,
    magnitude_masks,
    masked,
    most_important,
    neuron_importance,
    soft_threshold,
)
from minibert.check.spec.schedules import (
    bert_schedule,
    constant_schedule,
    cosine_schedule,
    linear_schedule,
)
from minibert.check.spec.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
from minibert.check.spec.wordpiece import (
    encode_texts,
    longest_match_first,
    pieces_of,
    split_words,
    truncate,
)
