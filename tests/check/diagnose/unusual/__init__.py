"""Right functions that are written in an unusual way: nobody may find a mistake in them.

`UNUSUAL` lists them. A row with a forward and a gradient is a pair as the library's own are:
``out, cache = forward(...)`` and ``backward(dout, cache)``. Any other gradient takes the inputs of
the forward and, last, the gradient from above. Where `about` says float32 the arithmetic is in
that; where it says differences the gradient is good to 1e-7.
"""

from collections.abc import Callable
from typing import NamedTuple

from . import (
    activations,
    attention,
    distillation,
    layers,
    losses,
    metrics,
    pruning,
    quantization,
    text,
    training,
)


class Unusual(NamedTuple):
    """A right implementation of an op: a forward, a gradient, or a pair of both.

    Attributes
    ----------
    op : str
    forward, gradient : callable or None
    about : str
        What is unusual, in a few words.
    """

    op: str
    forward: Callable | None
    gradient: Callable | None
    about: str


UNUSUAL = (
    Unusual(
        "linear", layers.linear_of_outer_products, None, "inputs added one by one, from the last"
    ),
    Unusual("linear", layers.linear_in_loops, None, "plain loops with exact sums, nested lists"),
    Unusual(
        "linear",
        None,
        layers.linear_gradient_of_one_more_input,
        "the bias as the weight of an input of 1, a list",
    ),
    Unusual(
        "linear",
        layers.linear_with_cache,
        layers.linear_from_cache,
        "a pair with a cache, in float32",
    ),
    Unusual(
        "layernorm", layers.layernorm_of_welford, None, "Welford's mean and variance in one pass"
    ),
    Unusual(
        "layernorm",
        layers.layernorm_of_two_moments,
        None,
        "E[x^2] - E[x]^2, one factor and one term",
    ),
    Unusual(
        "layernorm",
        layers.layernorm_of_a_projection,
        None,
        "a projection made sqrt(D) long, yields steps under its own names",
    ),
    Unusual("layernorm", layers.layernorm_in_single_precision, None, "in float32 throughout"),
    Unusual(
        "layernorm",
        None,
        layers.layernorm_gradient_of_jacobians,
        "the matrix of derivatives of each row",
    ),
    Unusual(
        "layernorm",
        layers.layernorm_with_cache,
        layers.layernorm_from_cache,
        "a pair with a cache, a dict",
    ),
    Unusual("gelu", activations.gelu_of_erfc, None, "math.erfc number by number"),
    Unusual(
        "gelu", activations.gelu_of_the_positive_part, None, "max(x, 0) less a tail, in float32"
    ),
    Unusual(
        "gelu", None, activations.gelu_gradient_by_complex_step, "a complex step through a series"
    ),
    Unusual(
        "gelu", None, activations.gelu_gradient_in_decimals, "differences in numbers of 40 digits"
    ),
    Unusual(
        "gelu_tanh",
        activations.gelu_tanh_of_the_logistic,
        None,
        "by the logistic function, something array-like",
    ),
    Unusual("gelu_tanh", None, activations.gelu_tanh_gradient_by_complex_step, "a complex step"),
    Unusual("tanh", activations.tanh_of_expm1, None, "by expm1 of -2|x|"),
    Unusual("tanh", None, activations.tanh_gradient_of_cosh, "1 / cosh^2, nested lists"),
    Unusual("relu", activations.relu_as_half_of_a_sum, None, "(x + |x|) / 2, a tensor"),
    Unusual(
        "relu", None, activations.relu_gradient_by_selection, "zeros written into a copy, a tensor"
    ),
    Unusual("softmax", activations.softmax_in_base_2, None, "powers of 2"),
    Unusual("softmax", activations.softmax_in_logarithms, None, "exp(x - logaddexp)"),
    Unusual("softmax", activations.softmax_of_differences, None, "1 / sum of exp of differences"),
    Unusual(
        "softmax",
        activations.softmax_with_sorted_sums,
        None,
        "sums of sorted numerators, nested lists",
    ),
    Unusual(
        "softmax",
        activations.softmax_in_single_precision,
        None,
        "in float32, given back as float64",
    ),
    Unusual(
        "softmax",
        None,
        activations.softmax_gradient_of_jacobians,
        "the matrix of derivatives of each row",
    ),
    Unusual(
        "softmax",
        None,
        activations.softmax_gradient_as_a_covariance,
        "dp less its mean, in float32",
    ),
    Unusual(
        "log_softmax", activations.log_softmax_of_fsum, None, "log1p of the others, exact sums"
    ),
    Unusual(
        "log_softmax", None, activations.log_softmax_gradient_by_complex_step, "a complex step"
    ),
    Unusual(
        "attention", attention.streaming_attention, None, "online softmax over blocks of two keys"
    ),
    Unusual(
        "attention",
        attention.attention_divided_last,
        None,
        "numerators times V, then the denominator; sqrt(scale) on Q and K",
    ),
    Unusual(
        "attention",
        attention.attention_steps_in_single_precision,
        None,
        "in float32, yields s and p",
    ),
    Unusual(
        "attention",
        attention.attention_without_padding,
        None,
        "loops over the keys that are there, nested lists",
    ),
    Unusual(
        "attention",
        attention.attention_with_infinities,
        None,
        "-inf for padded keys, heads in the batch, a tensor",
    ),
    Unusual(
        "attention",
        None,
        attention.attention_gradient_of_jacobians,
        "the softmax's matrix of derivatives of each query",
    ),
    Unusual(
        "attention",
        None,
        attention.attention_gradient_by_differences,
        "central differences, a list",
    ),
    Unusual(
        "attention",
        attention.attention_with_cache,
        attention.attention_from_cache,
        "a pair with a cache, probabilities made again",
    ),
    Unusual(
        "packed_attention",
        attention.packed_attention_in_a_rectangle,
        None,
        "padded to the longest again, a tensor",
    ),
    Unusual(
        "packed_attention",
        attention.packed_attention_token_by_token,
        None,
        "loops with exact sums, nested lists",
    ),
    Unusual(
        "packed_attention",
        attention.packed_attention_without_dropout,
        None,
        "no dropout; sequences of one length at once, in float32",
    ),
    Unusual(
        "packed_attention",
        None,
        attention.packed_attention_gradient_of_jacobians,
        "the softmax's matrix of derivatives of each query",
    ),
    Unusual(
        "padded_softmax",
        attention.padded_softmax_renormalised,
        None,
        "numerators times keep, then the sum",
    ),
    Unusual(
        "padded_softmax",
        attention.padded_softmax_of_the_lowest,
        None,
        "the lowest float32, in float32",
    ),
    Unusual(
        "padded_softmax",
        attention.padded_softmax_of_the_kept,
        None,
        "padded keys left out and put back as zeros, nested lists",
    ),
    Unusual(
        "causal_softmax",
        attention.causal_softmax_accumulated,
        None,
        "the diagonal of running log-sum-exps",
    ),
    Unusual(
        "causal_softmax",
        attention.causal_softmax_of_prefixes,
        None,
        "a softmax of each prefix, a tensor",
    ),
    Unusual(
        "causal_softmax",
        attention.causal_softmax_of_a_large_number,
        None,
        "-1e9 instead of the later scores",
    ),
    Unusual(
        "pooler", layers.pooler_in_loops, None, "plain loops over the first token, nested lists"
    ),
    Unusual(
        "pooler", layers.pooler_of_all_places, None, "all tokens first, then the first, a tensor"
    ),
    Unusual(
        "pooler",
        None,
        layers.pooler_gradient_of_a_selection,
        "the first token as a product with (1, 0, ...)",
    ),
    Unusual("dropout", layers.dropout_by_choice, None, "kept entries written into zeros"),
    Unusual("dropout", layers.dropout_of_lists, None, "nested lists"),
    Unusual(
        "dropout", None, layers.dropout_gradient_by_division, "division at the kept places only"
    ),
    Unusual("embedding", layers.embedding_of_one_hots, None, "products with one-hot matrices"),
    Unusual("embedding", layers.embedding_of_lists, None, "token by token, something array-like"),
    Unusual(
        "embedding",
        None,
        layers.embedding_gradient_of_one_hots,
        "transposed products with one-hot matrices",
    ),
    Unusual("embedding", None, layers.embedding_gradient_of_fsum, "each row's parts added exactly"),
    Unusual(
        "sinusoidal_positions", layers.sinusoids_of_complex_numbers, None, "complex exponentials"
    ),
    Unusual(
        "sinusoidal_positions",
        layers.sinusoids_by_rotation,
        None,
        "each place turned from the one before, nested lists",
    ),
    Unusual("linear_gelu", layers.linear_gelu_of_rows, None, "one output after the other, erfc"),
    Unusual(
        "linear_gelu", None, layers.linear_gelu_gradient_of_one_place, "place by place in reverse"
    ),
    Unusual(
        "linear_add_layernorm",
        layers.linear_add_layernorm_in_blocks,
        None,
        "residual and bias as more inputs of one product",
    ),
    Unusual(
        "linear_add_layernorm",
        layers.linear_add_layernorm_steps,
        None,
        "in float32, yields h and sum",
    ),
    Unusual(
        "linear_add_layernorm",
        None,
        layers.linear_add_layernorm_gradient_by_differences,
        "central differences of all six, a list",
    ),
    Unusual(
        "cross_entropy",
        losses.cross_entropy_of_margins,
        None,
        "log of 1 + the exps of margins, a Python float",
    ),
    Unusual("cross_entropy", losses.cross_entropy_of_one_hots, None, "one-hot labels, in float32"),
    Unusual("cross_entropy", None, losses.cross_entropy_gradient_by_complex_step, "a complex step"),
    Unusual(
        "cross_entropy",
        losses.cross_entropy_with_cache,
        losses.cross_entropy_from_cache,
        "a pair with a cache, the gradient itself",
    ),
    Unusual(
        "masked_cross_entropy",
        losses.masked_cross_entropy_of_weights,
        None,
        "a mean weighted by 0 and 1, a tensor",
    ),
    Unusual(
        "masked_cross_entropy",
        losses.masked_cross_entropy_of_running_means,
        None,
        "a running mean over the counted tokens",
    ),
    Unusual(
        "masked_cross_entropy",
        None,
        losses.masked_cross_entropy_gradient_of_rows,
        "only the counted rows",
    ),
    Unusual(
        "smoothed_cross_entropy",
        losses.smoothed_cross_entropy_of_two_losses,
        None,
        "two losses, weighted, a Python float",
    ),
    Unusual(
        "smoothed_cross_entropy",
        None,
        losses.smoothed_cross_entropy_gradient_by_differences,
        "central differences",
    ),
    Unusual(
        "soft_cross_entropy",
        losses.soft_cross_entropy_of_kl_and_entropy,
        None,
        "entropy + divergence, yields steps",
    ),
    Unusual(
        "soft_cross_entropy",
        losses.soft_cross_entropy_of_linear_parts,
        None,
        "log-sum-exp less the mean logit, a Python float",
    ),
    Unusual(
        "soft_cross_entropy",
        None,
        losses.soft_cross_entropy_gradient_of_jacobians,
        "the matrix of derivatives of each row",
    ),
    Unusual(
        "soft_cross_entropy_repo",
        losses.soft_cross_entropy_repo_of_the_whole_mean,
        None,
        ".mean() of all, in float32, something array-like",
    ),
    Unusual(
        "soft_cross_entropy_repo",
        None,
        losses.soft_cross_entropy_repo_gradient_of_lists,
        "plain loops, nested lists",
    ),
    Unusual(
        "kl", losses.kl_of_probabilities, None, "logarithm of the ratio, classes from the last"
    ),
    Unusual(
        "kl",
        None,
        losses.kl_gradient_by_complex_step,
        "a complex step, without the teacher's entropy",
    ),
    Unusual("mse", losses.mse_of_products, None, "aa - 2 ab + bb"),
    Unusual("mse", losses.mse_of_fsum, None, "sorted squares added exactly, a Python float"),
    Unusual("mse", None, losses.mse_gradient_in_single_precision, "in float32, a list"),
    Unusual("cosine", losses.cosine_of_chords, None, "half the squared distance of the directions"),
    Unusual("cosine", losses.cosine_of_loops, None, "hypot, one minus the mean, a Python float"),
    Unusual(
        "cosine", None, losses.cosine_gradient_of_projections, "a projection matrix for each row"
    ),
    Unusual(
        "info_nce", losses.info_nce_of_pairs, None, "margins added pair by pair with logaddexp"
    ),
    Unusual("info_nce", None, losses.info_nce_gradient_by_complex_step, "a complex step"),
    Unusual("info_nce", None, losses.info_nce_gradient_of_pairs, "what each pair pulls"),
    Unusual(
        "attention_loss",
        distillation.attention_loss_of_heads,
        None,
        "the mean of the heads' means, a Python float",
    ),
    Unusual(
        "attention_loss",
        None,
        distillation.attention_loss_gradient_in_place,
        "in place in one array, a tensor",
    ),
    Unusual(
        "attention_loss_exact",
        distillation.attention_loss_exact_of_submatrices,
        None,
        "each sentence's own submatrix",
    ),
    Unusual(
        "attention_loss_exact",
        distillation.attention_loss_exact_as_a_form,
        None,
        "a quadratic form of the mask, in float32",
    ),
    Unusual(
        "attention_loss_exact",
        None,
        distillation.attention_loss_exact_gradient_by_differences,
        "central differences",
    ),
    Unusual(
        "attention_loss_repo",
        distillation.attention_loss_repo_of_lists,
        None,
        "score by score, a Python float",
    ),
    Unusual(
        "attention_loss_repo",
        distillation.attention_loss_repo_of_products,
        None,
        "scores times False",
    ),
    Unusual(
        "attention_loss_repo",
        None,
        distillation.attention_loss_repo_gradient_by_choice,
        "np.select of two reasons for zero",
    ),
    Unusual("hidden_loss", distillation.hidden_loss_of_traces, None, "traces of products"),
    Unusual(
        "hidden_loss",
        distillation.hidden_loss_with_cache,
        distillation.hidden_loss_from_cache,
        "a pair with a cache, a list",
    ),
    Unusual(
        "hidden_loss",
        None,
        distillation.hidden_loss_gradient_of_products,
        "products that do not know W",
    ),
    Unusual(
        "uniform_map", distillation.uniform_map_of_fractions, None, "exact fractions, an array"
    ),
    Unusual(
        "uniform_map", distillation.uniform_map_by_carrying, None, "carrying a rest along, a list"
    ),
    Unusual(
        "adamw", training.adamw_in_loops, None, "entry by entry, more parameters, nested lists"
    ),
    Unusual(
        "adamw",
        training.adamw_with_the_larger_eps,
        None,
        "both corrections in the rate, eps times a root",
    ),
    Unusual("adamw", training.adamw_in_single_precision, None, "in float32, in place on copies"),
    Unusual(
        "bert_adam", training.bert_adam_in_loops, None, "entry by entry, moments moved by a share"
    ),
    Unusual(
        "bert_adam", training.bert_adam_of_a_product, None, "weighted averages, decay as a factor"
    ),
    Unusual("clip_global", training.clip_global_of_one_vector, None, "all gradients end to end"),
    Unusual(
        "clip_global",
        training.clip_global_of_norms,
        None,
        "the norm of norms, names in the other order",
    ),
    Unusual(
        "linear_schedule",
        training.linear_schedule_as_the_middle,
        None,
        "the middle of 0 and two lines",
    ),
    Unusual(
        "linear_schedule",
        training.linear_schedule_of_interpolation,
        None,
        "np.interp between the corners",
    ),
    Unusual(
        "cosine_schedule",
        training.cosine_schedule_of_a_square,
        None,
        "cos^2 of half the angle, times the warm-up",
    ),
    Unusual(
        "bert_schedule",
        training.bert_schedule_of_fractions,
        None,
        "the smaller of two lines, in fractions",
    ),
    Unusual(
        "quantize_symmetric",
        quantization.quantize_symmetric_with_round,
        None,
        "Python's round, lists",
    ),
    Unusual(
        "quantize_symmetric",
        quantization.quantize_symmetric_of_signs,
        None,
        "sizes and signs apart, ties by hand",
    ),
    Unusual(
        "quantize_affine",
        quantization.quantize_affine_of_tokens,
        None,
        "Python's round, codes from 0, shifted last",
    ),
    Unusual(
        "int8_linear", quantization.int8_linear_of_fractions, None, "exact fractions, nested lists"
    ),
    Unusual(
        "int8_linear", quantization.int8_linear_of_real_numbers, None, "real numbers made first"
    ),
    Unusual("int8_linear", quantization.int8_linear_of_bits, None, "the weights bit by bit"),
    Unusual(
        "magnitude_mask",
        pruning.magnitude_mask_of_a_heap,
        None,
        "heapq.nsmallest, lists of Python's booleans",
    ),
    Unusual("magnitude_mask", pruning.magnitude_mask_of_ranks, None, "ranks of the squares"),
    Unusual(
        "soft_threshold",
        pruning.soft_threshold_of_a_clip,
        None,
        "w less its clipped part, a tensor",
    ),
    Unusual(
        "soft_threshold", pruning.soft_threshold_of_two_sides, None, "two one-sided parts added"
    ),
    Unusual("head_importance", pruning.head_importance_of_norms, None, "norms of order 1"),
    Unusual(
        "head_importance", pruning.head_importance_of_fsum, None, "exact sums, something array-like"
    ),
    Unusual(
        "neuron_importance",
        pruning.neuron_importance_of_a_diagonal,
        None,
        "diagonals of whole products",
    ),
    Unusual("neuron_importance", pruning.neuron_importance_of_lists, None, "exact sums, a list"),
    Unusual("wordpiece", text.wordpiece_by_recursion, None, "recursion, one more parameter"),
    Unusual("wordpiece", text.wordpiece_by_expressions, None, "two regular expressions"),
    Unusual("wordpiece", text.wordpiece_by_a_tree, None, "a tree of letters"),
    Unusual(
        "basic_tokenize",
        text.basic_tokenize_by_kinds,
        None,
        "a regular expression over kinds of characters",
    ),
    Unusual("basic_tokenize", text.basic_tokenize_by_groups, None, "runs of a kind"),
    Unusual("encode_pair", text.encode_pair_by_recursion, None, "recursion, one token at a time"),
    Unusual(
        "encode_pair",
        text.encode_pair_of_triples,
        None,
        "lengths by arithmetic, triples turned on their side",
    ),
    Unusual("matthews", metrics.matthews_as_a_correlation, None, "np.corrcoef"),
    Unusual(
        "matthews", metrics.matthews_of_rates, None, "a geometric mean of two rates, fractions"
    ),
    Unusual("f1_macro", metrics.f1_macro_of_sets, None, "sets of places, fractions"),
    Unusual("f1_macro", metrics.f1_macro_of_a_table, None, "harmonic means from a table of counts"),
)
