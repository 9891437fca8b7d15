"""Wrong functions, written as students write them, and what is wrong with each.

They were written without a look at the catalogue of mistakes. `WRONG` holds functions that run and
give wrong numbers, `EARLY` those that fail before their numbers can be compared.
"""

from collections.abc import Callable
from typing import NamedTuple

from . import (
    activations,
    attention,
    distillation,
    early,
    layers,
    losses,
    pruning,
    quantization,
    text,
    training,
)


class Wrong(NamedTuple):
    """A wrong function."""

    op: str
    function: Callable
    part: str  # "forward" or "gradient"
    truth: tuple[str, ...]  # what is wrong, one sentence for each mistake
    ids: tuple[str, ...] = ()  # the same in the catalogue


WRONG = (
    # Forwards
    Wrong(
        "attention",
        attention.multi_head,
        "forward",
        ("the scores are divided by sqrt(H K), the root of the hidden size, not by sqrt(K)",),
        ("attention-scaled-by-hidden",),
    ),
    Wrong(
        "attention",
        attention.scaled_dot_product,
        "forward",
        ("the softmax goes over the queries instead of the keys",),
        ("attention-softmax-over-queries",),
    ),
    Wrong(
        "attention",
        attention.attend_visible,
        "forward",
        ("padded keys are put to 0 after the softmax, and the rest is not normalised again",),
        ("attention-mask-after-softmax",),
    ),
    Wrong(
        "causal_softmax",
        attention.causal_weights,
        "forward",
        ("the scores of later tokens are put to 0, not to minus infinity, before the softmax",),
        ("causal-softmax-mask-multiplied",),
    ),
    Wrong(
        "padded_softmax",
        attention.padding_weights,
        "forward",
        ("the mask hides the rows of padded queries instead of the columns of padded keys",),
        ("padded-softmax-mask-over-queries",),
    ),
    Wrong(
        "linear",
        layers.dense,
        "forward",
        ("the weight is reshaped to (in, out) instead of transposed",),
        ("linear-weight-reshaped",),
    ),
    Wrong(
        "layernorm",
        layers.layer_norm_tokens,
        "forward",
        ("the variance is the unbiased one, divided by D - 1",),
        ("layernorm-unbiased-variance",),
    ),
    Wrong(
        "layernorm",
        layers.normalize_hidden,
        "forward",
        ("mean and variance are taken over all of a sentence, L and D, not over each token",),
        ("layernorm-over-tokens-and-features",),
    ),
    Wrong(
        "embedding",
        layers.embed,
        "forward",
        ("the word embedding is multiplied by sqrt(D)",),
        ("embedding-scaled-by-root",),
    ),
    Wrong(
        "gelu",
        activations.gelu_with_erf,
        "forward",
        ("erf is taken of x instead of x / sqrt(2)",),
        ("gelu-root-forgotten",),
    ),
    Wrong(
        "gelu",
        activations.gelu_single,
        "forward",
        ("it is the approximation x sigmoid(1.702 x), not the erf form",),
        ("gelu-sigmoid-form",),
    ),
    Wrong(
        "gelu_tanh",
        activations.gelu_approximate,
        "forward",
        ("the constant is sqrt(2) / pi instead of sqrt(2 / pi)",),
        ("gelu-tanh-factor-half-rooted",),
    ),
    Wrong(
        "softmax",
        activations.softmax_sentences,
        "forward",
        ("the probabilities sum to 1 over all of a sentence, L and D, not over the last axis",),
        ("softmax-over-sequence",),
    ),
    Wrong(
        "cross_entropy",
        losses.classification_loss,
        "forward",
        ("the softmax is taken twice: the loss gets probabilities where it wants logits",),
        ("cross-entropy-softmax-twice",),
    ),
    Wrong(
        "cross_entropy",
        losses.cross_entropy_one_hot,
        "forward",
        ("the mean is over rows and classes, B C, instead of rows",),
        ("cross-entropy-mean-over-classes",),
    ),
    Wrong(
        "soft_cross_entropy",
        distillation.soft_target_loss,
        "forward",
        ("the teacher's logits are not divided by tau",),
        ("soft-cross-entropy-temperature-on-student-alone",),
    ),
    Wrong(
        "kl",
        distillation.kl_divergence,
        "forward",
        ("the divergence is the other way round, KL(student || teacher)",),
        ("kl-reversed",),
    ),
    Wrong(
        "adamw",
        training.adamw_step,
        "forward",
        ("the decay is added to the gradient, and so goes through the moments (L2)",),
        ("adamw-decay-in-gradient",),
    ),
    Wrong(
        "linear_schedule",
        training.warmup_then_linear,
        "forward",
        ("after the warm-up it is (T - step) / T instead of (T - step) / (T - W)",),
        ("linear-schedule-falls-from-the-start",),
    ),
    Wrong(
        "quantize_symmetric",
        quantization.quantize_weights,
        "forward",
        ("there is one scale for the whole matrix instead of one for each row",),
        ("quantize-symmetric-per-tensor",),
    ),
    Wrong(
        "quantize_affine",
        quantization.quantize_activations,
        "forward",
        ("the zero point is that of codes from 0 to 255: the -128 is missing",),
        ("quantize-affine-zero-point-of-uint8",),
    ),
    Wrong(
        "head_importance",
        pruning.head_scores,
        "forward",
        ("the absolute value is taken after the sum over batches, so signs cancel",),
        ("head-importance-size-of-sum",),
    ),
    Wrong(
        "wordpiece",
        text.split_word,
        "forward",
        ("where no piece fits, only the rest becomes [UNK] and the pieces before it are kept",),
        ("wordpiece-rest-unknown",),
    ),
    Wrong(
        "wordpiece",
        text.greedy_wordpiece,
        "forward",
        ('continuations are looked up in the vocabulary without "##"',),
        ("wordpiece-mark-added-after",),
    ),
    Wrong(
        "encode_pair",
        text.make_pair,
        "forward",
        ("the [SEP] between the two texts gets segment 1",),
        ("encode-pair-segments-from-sep",),
    ),
    # Gradients
    Wrong(
        "attention",
        attention.attention_gradient,
        "gradient",
        ("the softmax's gradient is p dp: the sum of p dp over the keys is not subtracted",),
        ("attention-gradient-softmax-sum-forgotten",),
    ),
    Wrong(
        "attention",
        attention.attention_backward_einsum,
        "gradient",
        ("dq and dk lack the factor 1 / sqrt(K)",),
        ("attention-gradient-not-scaled",),
    ),
    Wrong(
        "attention",
        attention.self_attention_gradient,
        "gradient",
        ("dk is ds q: the gradient of the scores is not transposed",),
        ("attention-gradient-dk-not-transposed",),
    ),
    Wrong(
        "linear",
        layers.dense_gradient,
        "gradient",
        ("db is the mean over the tokens instead of the sum",),
        ("linear-gradient-db-averaged",),
    ),
    Wrong(
        "layernorm",
        layers.layernorm_gradient,
        "gradient",
        ("dx takes mean and variance for constants: the terms through them are missing",),
        ("layernorm-gradient-statistics-constant",),
    ),
    Wrong(
        "layernorm",
        layers.layernorm_backward_pass,
        "gradient",
        ("gamma multiplies dx at the end instead of dy before the two means",),
        ("layernorm-gradient-gamma-outside",),
    ),
    Wrong(
        "layernorm",
        layers.layernorm_staged_gradient,
        "gradient",
        ("dgamma is the sum of dy x instead of dy times the normalised x",),
        ("layernorm-gradient-dgamma-of-x",),
    ),
    Wrong(
        "embedding",
        layers.embedding_gradient,
        "gradient",
        ("dword[ids] += de keeps only one of several places with the same word",),
        ("embedding-gradient-last-wins",),
    ),
    Wrong(
        "embedding",
        layers.embedding_gradient_one_hot,
        "gradient",
        ("the row of [PAD] gets a gradient",),
        ("embedding-gradient-pad-trained",),
    ),
    Wrong(
        "gelu",
        activations.gelu_gradient,
        "gradient",
        ("the derivative of erf(x / sqrt(2)) lacks the inner factor 1 / sqrt(2)",),
        ("gelu-gradient-inner-forgotten",),
    ),
    Wrong(
        "gelu_tanh",
        activations.gelu_tanh_gradient,
        "gradient",
        ("the derivative of x^3 lacks its factor 3",),
        ("gelu-tanh-gradient-three-forgotten",),
    ),
    Wrong(
        "tanh",
        activations.tanh_gradient,
        "gradient",
        ("the derivative is 1 - x^2, of the input, instead of 1 - tanh(x)^2",),
        ("tanh-gradient-of-input",),
    ),
    Wrong(
        "softmax",
        activations.softmax_gradient,
        "gradient",
        ("it has only the diagonal of the Jacobian, p (1 - p)",),
        ("softmax-gradient-diagonal",),
    ),
    Wrong(
        "log_softmax",
        activations.log_softmax_gradient,
        "gradient",
        ("p is not multiplied by the sum of dy over the row: dy - p",),
        ("log-softmax-gradient-sum-forgotten",),
    ),
    Wrong(
        "cross_entropy",
        losses.cross_entropy_gradient,
        "gradient",
        ("it is not divided by the number of rows",),
        ("cross-entropy-summed",),
    ),
    Wrong(
        "masked_cross_entropy",
        losses.masked_lm_gradient,
        "gradient",
        ("tokens with the label -100 get a gradient, their softmax, instead of 0",),
        ("masked-cross-entropy-gradient-of-ignored-tokens",),
    ),
    Wrong(
        "cosine",
        losses.cosine_gradient,
        "gradient",
        ("the norm is taken for a constant: the term cos a / |a|^2 is missing",),
        ("cosine-gradient-lengths-constant",),
    ),
    Wrong(
        "soft_cross_entropy",
        distillation.soft_target_gradient,
        "gradient",
        ("the factor 1 / tau of the logits' division by tau is missing",),
        ("soft-cross-entropy-gradient-temperature-forgotten",),
    ),
    Wrong(
        "kl",
        distillation.kl_gradient,
        "gradient",
        ("the sign is wrong: teacher minus student",),
        ("kl-sign-exchanged",),
    ),
    # Two mistakes
    Wrong(
        "attention",
        attention.attend_one_query_at_a_time,
        "forward",
        ("the scores are not divided by sqrt(K)", "the bias is not added: padding is attended to"),
        ("attention-not-scaled", "attention-mask-forgotten"),
    ),
    Wrong(
        "layernorm",
        layers.layer_norm_np,
        "forward",
        (
            "it divides by the variance instead of its square root",
            "the variance is the unbiased one, divided by D - 1",
        ),
        ("layernorm-unbiased-variance", "layernorm-variance-for-sigma"),
    ),
    Wrong(
        "adamw",
        training.adamw_update,
        "forward",
        ("there is no bias correction of the moments", "the decay is not multiplied by lr"),
        ("adamw-not-corrected", "adamw-decay-without-rate"),
    ),
    Wrong(
        "kl",
        distillation.kd_loss,
        "forward",
        (
            "the factor tau^2 is missing",
            "the mean is over rows and classes, B C, instead of rows",
        ),
        ("kl-no-tau-squared", "kl-mean-over-classes"),
    ),
    Wrong(
        "quantize_symmetric",
        quantization.to_int8,
        "forward",
        (
            "the scale is max|w| / 128 instead of max|w| / 127",
            "the codes are cut off towards 0 instead of rounded",
        ),
        ("quantize-symmetric-by-128", "quantize-symmetric-truncated"),
    ),
    Wrong(
        "attention",
        attention.attention_gradient_by_softmax_jacobian,
        "gradient",
        (
            "dq and dk lack the factor 1 / sqrt(K)",
            "dv is p dy: the probabilities are not transposed",
        ),
        ("attention-gradient-not-scaled", "attention-gradient-dv-not-transposed"),
    ),
)

EARLY = (
    Wrong(
        "linear",
        early.linear_layer,
        "forward",
        ("the weight is not transposed: it raises where F and D differ",),
        ("linear-not-transposed",),
    ),
    Wrong(
        "layernorm",
        early.layer_norm,
        "forward",
        ("the mean is taken without keepdims: it raises where L and D differ",),
    ),
    Wrong(
        "attention",
        early.attention_all_heads,
        "forward",
        ("the shape is (B,L,H K), with the heads merged, instead of (B,H,L,K)",),
        ("merged-axes",),
    ),
    Wrong(
        "cross_entropy",
        early.cross_entropy_rows,
        "forward",
        ("the shape is (B): one loss for each row, not their mean",),
        ("not-reduced",),
    ),
    Wrong("relu", early.relu, "forward", ("it overwrites its input",)),
    Wrong(
        "causal_softmax",
        early.causal_attention_weights,
        "forward",
        ("the diagonal is hidden too: the first row has no token left and is NaN",),
        ("causal-softmax-not-itself",),
    ),
)
