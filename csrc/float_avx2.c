/* 8 numbers at a time. */
#include "float_level.h"
#ifdef MINIBERT_X86
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#include "vector_avx2.h"

#include "math.inc"

#include "gemm.inc"
const product_functions product_avx2 = {packed_size, pack, product};

#include "rows.inc"
const row_functions rows_avx2 = {gelu, gelu_gradient, layernorm, layernorm_gradient, dropout,
                                 column_sums};

#include "quantize.inc"
const code_functions codes_avx2 = {quantize_row, dequantize_row};

#include "squares.inc"
const square_functions squares_avx2 = {sum_of_squares, difference, difference_gradient};

#include "adam.inc"
const adam_functions adam_avx2 = {adamw, bert_adam};

#include "fused.inc"
const fused_functions fused_avx2 = {linear, linear_gelu, linear_add_layernorm,
                                     add_layernorm};

#include "attention.inc"
const attention_functions attention_avx2 = {attention_forward, attention_backward};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
