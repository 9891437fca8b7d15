/* One number at a time: the level to read, and the one that runs everywhere. */
#include "float_level.h"
#include "vector_scalar.h"

#include "math.inc"

#include "gemm.inc"
const product_functions product_scalar = {packed_size, pack, product};

#include "rows.inc"
const row_functions rows_scalar = {gelu, gelu_gradient, layernorm, layernorm_gradient, dropout,
                                 column_sums};

#include "quantize.inc"
const code_functions codes_scalar = {quantize_row, dequantize_row};

#include "squares.inc"
const square_functions squares_scalar = {sum_of_squares, difference, difference_gradient};

#include "adam.inc"
const adam_functions adam_scalar = {adamw, bert_adam};

#include "fused.inc"
const fused_functions fused_scalar = {linear, linear_gelu, linear_add_layernorm,
                                     add_layernorm};

#include "attention.inc"
const attention_functions attention_scalar = {attention_forward, attention_backward};
