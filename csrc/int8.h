/* int8 products for NumPy arrays, and what they are made of. csrc/README.md derives what they
 * compute. This header is also what cffi reads: declarations only, and lines that start with # are
 * skipped; float32.h comes before it.
 *
 * Letters: x is (M, K), one row a token; w is (N, K), one row an output channel. Each function does
 * its work in the caller's thread and returns 0, or -1 where the level cannot run here, or -2 where
 * there is no memory left for its temporaries. */
#ifndef MINIBERT_INT8_H
#define MINIBERT_INT8_H
#include <stddef.h>
#include <stdint.h>

/* The instruction-set levels, slowest first: name, and why it cannot run here (NULL: it can). */
int minibert_level_count(void);
const char *minibert_level_name(int level);
const char *minibert_level_missing(int level);

/* w is packed once, in a layout that serves every level; the place for it is aligned to 64. */
size_t minibert_int8_packed_size(size_t N, size_t K);
void minibert_int8_pack(const int8_t *qw, void *packed, size_t N, size_t K);

/* acc[m][n] = sum over k of qx[m][k] * qw[n][k], exact for K <= 131071. */
int minibert_int8_matmul(int level, const int8_t *qx, const void *packed, int32_t *acc, size_t M,
                         size_t N, size_t K);

/* One scale and zero point a row: q = clip(rint(x/s) + z, -128, 127), x ~ s (q - z). M goes to
 * done, or the first row that is not finite (or whose range overflows float32). */
int minibert_quantize_affine(int level, const float *x, int8_t *q, float *scale, int32_t *zero,
                             size_t M, size_t K, size_t *done);

/* y[m][n] = sx[m] * sw[n] * (acc[m][n] - zx[m] * row_sum[n]) + b[n], row_sum[n] = sum over k of
 * qw[n][k]. Exact in int32 for K <= 65793, then float32 from left to right. */
int minibert_int8_linear(int level, const int8_t *qx, const float *sx, const int32_t *zx,
                         const void *packed, const float *sw, const float *b, float *y, size_t M,
                         size_t N, size_t K);

/* The same of activations in float32, quantized as above; rows from `done` on are not written. */
int minibert_int8_linear_of_floats(int level, const float *x, const void *packed, const float *sw,
                                   const float *b, float *y, size_t M, size_t N, size_t K,
                                   size_t *done);

/* ---- embeddings: minibert_embed from tables in int8 */

typedef struct {
    const int8_t *q;    /* (rows, D) */
    const float *scale; /* (rows) */
    size_t rows;
} minibert_int8_table;

size_t minibert_embed_int8(const minibert_int8_table *word, const minibert_int8_table *position,
                           const minibert_int8_table *segment, const int64_t *ids,
                           const int64_t *kinds, size_t first, size_t L, float *e, size_t M,
                           size_t D);

/* ---- layers without gradients: csrc/int8_layer.c */

enum {
    FEW_SEQUENCES = 4,      /* below it threads share the two steps of a layer */
    INT8_LAYER_COUNTERS = 4 /* two for each */
};

/* Bytes for the codes of M rows of x (M, K), as a product reads them. */
size_t minibert_int8_codes_size(size_t M, size_t K);

typedef struct {
    const void *packed; /* w (N, K) */
    const float *scale; /* (N) */
    const float *b;     /* (N) */
    size_t N, K;
} minibert_int8_weight;

typedef struct {
    minibert_int8_weight qkv, out, up, down; /* qkv: the three one below another, 3 H K outputs */
    minibert_norm norm1, norm2;
    size_t H, K; /* heads, head size */
} minibert_int8_layer;

typedef struct {
    int level, float_level, status;
    size_t count;
    const minibert_int8_layer *layers;
    const float *x;         /* (M, D): the tokens of B sequences, one after another */
    const float *bias;      /* (M), added to the scores of each key; NULL: none */
    const int64_t *offsets; /* (B + 1) of the sequences' rows */
    size_t M, B;
    /* What threads hand one another, below FEW_SEQUENCES only. */
    float *context; /* (M, H K) */
    uint8_t *codes; /* minibert_int8_codes_size(M, D) */
    float *scale;   /* (M) */
    int32_t *zero;  /* (M) */
    float **y;            /* of each layer (M, D), not the one before it */
    float **scores;       /* of each layer (H, L, L) a sequence; NULL: not wanted */
    int64_t *counters;    /* 2, and INT8_LAYER_COUNTERS a layer, 0 at first */
} minibert_int8_layers_call;

/* Every thread that takes part calls it with the same struct. Where one comes back, all is done.
 * Returns -3 where some activation is not finite, which int8 cannot hold. */
int minibert_int8_layers_forward(minibert_int8_layers_call *call);
#endif
