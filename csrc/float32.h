/* float32 kernels for NumPy arrays: products with packed weights, attention, and what is done to
 * rows. csrc/README.md says how they work. This header is also what cffi reads: declarations only,
 * and lines that start with # are skipped.
 *
 * Letters: x is (M, K), one row a token; w is (N, K), one row an output. Each function does its work
 * in the caller's thread and returns 0, or -1 where the level cannot run here, or -2 where there is
 * no memory left for its temporaries. */
#ifndef MINIBERT_FLOAT32_H
#define MINIBERT_FLOAT32_H
#include <stddef.h>
#include <stdint.h>

/* The instruction-set levels, slowest first: scalar, avx2, avx512, amx. */
int minibert_float_level_count(void);
const char *minibert_float_level_name(int level);
const char *minibert_float_level_missing(int level); /* why it cannot run here; NULL: it can */

/* Dropout (minibert/ops/dropout.py): which mask, and the number of the first element handed over.
 * A NULL in its place is no dropout. */
typedef struct {
    uint32_t first, k0, k1, threshold;
    float share; /* 1 / (1 - rate) */
} minibert_drop;

/* ---- products: y = x w^T. w is packed once, in the layout that its level wants. */

/* Bytes that the packed w takes; the place for it is aligned to 64. */
size_t minibert_packed_size(int level, size_t N, size_t K);

/* w[n][k] is w[n*row + k*col], so that a transposed matrix is packed by exchanging the strides. */
int minibert_pack(int level, const float *w, ptrdiff_t row, ptrdiff_t col, void *packed,
                  size_t N, size_t K);

/* y[m][n] = sum over k of x[m][k] w[n][k] + b[n]. x[m][k] is x[m*row + k*col]; y's rows are y_row
 * apart; b may be NULL. */
int minibert_linear(int level, const float *x, ptrdiff_t row, ptrdiff_t col, const void *packed,
                    const float *b, float *y, size_t y_row, size_t M, size_t N, size_t K);

/* h = x w^T + b, y = gelu(h); h may be NULL. The rows of both are y_row apart, x has no gaps. */
int minibert_linear_gelu(int level, const float *x, const void *packed, const float *b, float *h,
                         float *y, size_t y_row, size_t M, size_t N, size_t K);

/* y = layernorm(residual + dropout(x w^T + b)). xhat (M, N) and inv_sigma (M) are what the gradient
 * needs; both or none of them are NULL. All without gaps. */
int minibert_linear_add_layernorm(int level, const float *x, const void *packed, const float *b,
                                  const float *residual, const float *gamma, const float *beta,
                                  float eps, const minibert_drop *drop, float *xhat,
                                  float *inv_sigma, float *y, size_t M, size_t N, size_t K);

/* The second half of it, for a product that is there: z holds x w^T, and is overwritten with
 * residual + dropout(z + b); y may be z. */
int minibert_add_layernorm(int level, float *z, const float *b, const float *residual,
                           const float *gamma, const float *beta, float eps,
                           const minibert_drop *drop, float *xhat, float *inv_sigma, float *y,
                           size_t M, size_t N);

/* ---- rows */

/* y = x Phi(x), and dx = dy (Phi(x) + x phi(x)), n elements each. */
int minibert_gelu(int level, const float *x, float *y, size_t n);
int minibert_gelu_gradient(int level, const float *dy, const float *x, float *dx, size_t n);

/* LayerNorm of M rows of D, and its gradient. xhat and inv_sigma may be NULL in the forward; xhat may
 * be x. The gradient adds to dgamma and dbeta; with drop it also writes dh = dropout'(dz), else dh is
 * not touched and may be NULL. */
int minibert_layernorm(int level, const float *x, const float *gamma, const float *beta, float eps,
                       float *xhat, float *inv_sigma, float *y, size_t M, size_t D);
int minibert_layernorm_gradient(int level, const float *dy, const float *xhat,
                                const float *inv_sigma, const float *gamma,
                                const minibert_drop *drop, float *dz, float *dh, float *dgamma,
                                float *dbeta, size_t M, size_t D);

/* sums[d] += sum over m of x[m][d] */
int minibert_column_sums(int level, const float *x, float *sums, size_t M, size_t D);

/* dropout of n elements, drop not NULL */
int minibert_dropout(int level, const float *x, float *y, const minibert_drop *drop, size_t n);

/* e = word[ids] + position + segment[kinds] for M tokens, the first of them number `first`, L a
 * sequence; kinds may be NULL, which is 0 for all. Returns M, or the first token whose id or kind is
 * in no table, where it stops. And the gradients, added to the tables, for ids that are in them. */
typedef struct {
    const float *w; /* (rows, D) */
    size_t rows;
} minibert_table;

size_t minibert_embed(const minibert_table *word, const minibert_table *position,
                      const minibert_table *segment, const int64_t *ids, const int64_t *kinds,
                      size_t first, size_t L, float *e, size_t M, size_t D);
void minibert_embed_gradient(const float *de, const int64_t *ids, const int64_t *kinds, size_t L,
                             float *dword, float *dposition, float *dsegment, size_t M, size_t D);

/* ---- optimizers: csrc/adam.inc has the formulas */

typedef struct {
    float scale, beta1, rest1, beta2, rest2; /* of g; rest1 = 1 - beta1, rest2 = 1 - beta2 */
    float least;                             /* moments below it become 0 */
} minibert_moments;

/* One update of n numbers. shrink is 1 - lr decay, rate lr/(1 - beta1^t), and root_of
 * sqrt(1 - beta2^t). */
int minibert_adamw(int level, const minibert_moments *common, float shrink, float rate,
                   float root_of, float eps, float *p, const float *g, float *m, float *v, size_t n);
int minibert_bert_adam(int level, const minibert_moments *common, float lr, float decay, float eps,
                       float *p, const float *g, float *m, float *v, size_t n);

/* ---- sums of squares: csrc/squares.inc */

int minibert_sum_of_squares(int level, const float *x, double *sum, size_t n);

/* d = a - b, and the sum of its squares; da = factor d and db = -da. */
int minibert_difference(int level, const float *a, const float *b, float *d, double *sum, size_t n);
int minibert_difference_gradient(int level, const float *d, float factor, float *da, float *db,
                                 size_t n);

/* ---- attention */

/* One sequence, or in the functions below all of them, one after another. */
typedef struct {
    const float *q, *k, *v;    /* element (l, h, i) is at l*row + h*head + i */
    ptrdiff_t row, head;       /* of q, k and v alike */
    const float *bias;         /* (S), added to the scores of each key; NULL: none */
    const minibert_drop *drop; /* on the probabilities, number first + (h*L + l)*S + s; or NULL */
    float *context;            /* element (l, h, i) is at l*context_row + h*context_head + i */
    ptrdiff_t context_row, context_head;
    float *lse;    /* (H, L), what the backward needs to find p again; NULL: not wanted */
    float *scores; /* (H, L, S) before the bias; NULL: not wanted */
    size_t L, S, H, K; /* queries, keys, heads, head size */
} minibert_attention;

typedef struct {
    const float *dcontext; /* laid out as context */
    const float *dscores;  /* (H, L, S), or NULL */
    float *dq, *dk, *dv;   /* element (l, h, i) is at l*row + h*head + i */
    ptrdiff_t row, head;
} minibert_attention_gradient;

/* Heads first_head .. end_head - 1 of the sequences first .. end - 1. Sequence b has the queries
 * queries[b] .. queries[b+1] - 1, and likewise the keys. a->L and a->S are not read; a->H are all
 * heads; lse, scores and dropout's numbers follow one another, sequence by sequence. */
int minibert_attention_forward(int level, const minibert_attention *a, const int64_t *queries,
                               const int64_t *keys, size_t first, size_t end, size_t first_head,
                               size_t end_head);
int minibert_attention_backward(int level, const minibert_attention *a,
                                const minibert_attention_gradient *g, const int64_t *queries,
                                const int64_t *keys, size_t first, size_t end, size_t first_head,
                                size_t end_head);

/* ---- layers without gradients: csrc/layer.c */

typedef struct {
    const void *packed; /* w (N, K) */
    const float *b;     /* (N) */
    size_t N, K;
} minibert_weight;

typedef struct {
    const float *gamma, *beta;
    float eps;
} minibert_norm;

typedef struct {
    minibert_weight qkv, out, up, down; /* qkv: the three one below another, 3 H K outputs */
    minibert_norm norm1, norm2;
    size_t H, K; /* heads, head size */
} minibert_layer;

enum { LAYER_COUNTERS = 14 }; /* two for each step that threads share */

typedef struct {
    int level, status;
    size_t count;
    const minibert_layer *layers;
    const float *x;         /* (M, D): the tokens of B sequences, one after another */
    const float *bias;      /* (M), added to the scores of each key; NULL: none */
    const int64_t *offsets; /* (B + 1) of the sequences' rows */
    size_t M, B;
    float *qkv, *context, *x1, *a; /* (M, 3 H K), (M, H K), (M, D), (M, F): what is between */
    float **y;                     /* of each layer (M, D), not the one before it */
    float **scores;                /* of each layer (H, L, L) a sequence; NULL: not wanted */
    int64_t *counters;             /* LAYER_COUNTERS a layer, 0 at first */
} minibert_layers_call;

/* Every thread that takes part calls it with the same struct. Where one comes back, all is done. */
int minibert_layers_forward(minibert_layers_call *call);
#endif
