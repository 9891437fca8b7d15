/* 16 numbers at a time. */
#include "float_level.h"
#ifdef MINIBERT_X86
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")
#endif
#include "vector_avx512.h"

#include "math.inc"

#include "gemm.inc"
const product_functions product_avx512 = {packed_size, pack, product};

#include "rows.inc"
const row_functions rows_avx512 = {gelu, gelu_gradient, layernorm, layernorm_gradient, dropout,
                                 column_sums};

#include "quantize.inc"
const code_functions codes_avx512 = {quantize_row, dequantize_row};

#include "squares.inc"
const square_functions squares_avx512 = {sum_of_squares, difference, difference_gradient};

#include "adam.inc"
const adam_functions adam_avx512 = {adamw, bert_adam};

#include "fused.inc"
const fused_functions fused_avx512 = {linear, linear_gelu, linear_add_layernorm,
                                     add_layernorm};

#include "attention.inc"
const attention_functions attention_avx512 = {attention_forward, attention_backward};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
