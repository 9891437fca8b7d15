/* What an instruction-set level has to provide for int8: one product. The rest is int8.c,
 * int8_layer.c and, between float32 and codes, quantize.inc.
 *
 * Packed weights, the same for every level: 16 outputs are a strip, 64 inputs a step, and a strip
 * holds its steps one after the other, each of 16 quads of inputs:
 *
 *   w[n][k]  at  [n / 16][k / 64][k % 64 / 4][n % 16][k % 4]                        zeros past N, K
 *
 * An instruction multiplies quads: four inputs of x with four of w, for each of 4 or 16 outputs side
 * by side (AMX: and 16 rows), and adds the four products up. A step of a strip, 16 rows of 64 bytes, is an AMX
 * tile. Before all strips stands row_sum[n] = sum over k of w[n][k], for as many n. */
#ifndef MINIBERT_INT8_LEVEL_H
#define MINIBERT_INT8_LEVEL_H
#include "float_level.h"
#include "int8.h"

enum {
    STRIP = 16,  /* outputs */
    QUAD = 4,    /* inputs */
    STEP = 64,   /* inputs */
    ROOM = 32,   /* x and acc have room for rows up to a multiple of it, whatever these hold */
    BLOCK = 64   /* rows whose codes and sums are kept at once */
};

/* acc[m][n] = sum over k of x[m][k] w[n][k] for M rows and all outputs of so many strips. x[m][k] is
 * a code plus the level's shift, x's rows are steps * STEP bytes long; acc's strips * STRIP numbers. */
typedef void int8_product_fn(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M,
                             size_t strips, size_t steps);

int8_product_fn int8_product_scalar;
#ifdef MINIBERT_NEON
int8_product_fn int8_product_neon;
const char *minibert_neon_missing(void);
#endif
#ifdef MINIBERT_X86
int8_product_fn int8_product_avx2, int8_product_avx512vnni;
#ifdef MINIBERT_AMX
int8_product_fn int8_product_amx;
int attention_amx(const minibert_attention *a, size_t first_head, size_t end_head);
int attention_amx_runs(void); /* whether the CPU has what else it takes */
const char *minibert_amx_int8_missing(void); /* NULL once the system has allowed the tiles */
#endif
#endif

typedef struct {
    int8_product_fn *product;
    const code_functions *codes;
    float shift; /* 128 where the unit takes x unsigned, 0 where signed */
    int (*attention)(const minibert_attention *a, size_t first_head, size_t end_head);
    /* one sequence's, where it may be rounded to bf16; NULL: there is none but float32's */
} int8_functions;

/* All NULL where the level cannot run here. */
int8_functions minibert_int8_functions(int level);

static inline const int32_t *row_sums(const void *packed) { return packed; }
static inline const int8_t *strips_of(const void *packed, size_t N)
{
    return (const int8_t *)packed + divided(N, STRIP) * STRIP * sizeof(int32_t);
}
#endif
