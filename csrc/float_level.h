/* What an instruction-set level provides for float32.
 *
 * float_scalar.c, float_avx2.c and float_avx512.c are three compilations of the same text (the .inc
 * files), each with another vector_*.h. float_amx.c has another matrix product, and takes the rest
 * from AVX-512. */
#ifndef MINIBERT_FLOAT_LEVEL_H
#define MINIBERT_FLOAT_LEVEL_H
#include "float32.h"

/* gcc and clang let a function have its own target. MINIBERT_SCALAR_ONLY is for tests: it leaves the
 * level that runs everywhere. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(MINIBERT_SCALAR_ONLY)
#define MINIBERT_X86 1
#if defined(__linux__)
#define MINIBERT_AMX 1
#endif
#endif
#if defined(__aarch64__) && defined(__GNUC__) && !defined(MINIBERT_SCALAR_ONLY)
#define MINIBERT_NEON 1
#endif

static inline size_t divided(size_t n, size_t size) { return (n + size - 1) / size; }

/* y[m][n] = sum over k of x[m][k] w[n][k]; see minibert_linear for the strides. */
typedef int product_fn(const float *x, ptrdiff_t row, ptrdiff_t col, const void *packed, float *y,
                       size_t y_row, size_t M, size_t N, size_t K);

typedef struct {
    size_t (*packed_size)(size_t N, size_t K);
    void (*pack)(const float *w, ptrdiff_t row, ptrdiff_t col, void *packed, size_t N, size_t K);
    product_fn *product;
} product_functions; /* gemm.inc, float_amx.c */

typedef struct {
    int (*linear)(product_fn *product, const float *x, ptrdiff_t row, ptrdiff_t col,
                  const void *packed, const float *b, float *y, size_t y_row, size_t M, size_t N,
                  size_t K);
    int (*linear_gelu)(product_fn *product, const float *x, const void *packed, const float *b,
                       float *h, float *y, size_t y_row, size_t M, size_t N, size_t K);
    int (*linear_add_layernorm)(product_fn *product, const float *x, const void *packed,
                                const float *b, const float *residual, const float *gamma,
                                const float *beta, float eps, const minibert_drop *drop,
                                float *xhat, float *inv_sigma, float *y, size_t M, size_t N,
                                size_t K);
    void (*add_layernorm)(float *z, const float *b, const float *residual, const float *gamma,
                          const float *beta, float eps, const minibert_drop *drop, float *xhat,
                          float *inv_sigma, float *y, size_t M, size_t N);
} fused_functions; /* fused.inc */

typedef struct {
    void (*gelu)(const float *x, float *y, size_t n);
    void (*gelu_gradient)(const float *dy, const float *x, float *dx, size_t n);
    void (*layernorm)(const float *x, const float *gamma, const float *beta, float eps, float *xhat,
                      float *inv_sigma, float *y, size_t M, size_t D);
    void (*layernorm_gradient)(const float *dy, const float *xhat, const float *inv_sigma,
                               const float *gamma, const minibert_drop *drop, float *dz, float *dh,
                               float *dgamma, float *dbeta, size_t M, size_t D);
    void (*dropout)(const float *x, float *y, const minibert_drop *drop, size_t n);
    void (*column_sums)(const float *x, float *sums, size_t M, size_t D);
} row_functions; /* rows.inc */

typedef struct {
    void (*adamw)(const minibert_moments *common, float shrink, float rate, float root_of,
                  float eps, float *p, const float *g, float *m, float *v, size_t n);
    void (*bert_adam)(const minibert_moments *common, float lr, float decay, float eps, float *p,
                      const float *g, float *m, float *v, size_t n);
} adam_functions; /* adam.inc */

typedef struct {
    double (*sum_of_squares)(const float *x, size_t n);
    double (*difference)(const float *a, const float *b, float *d, size_t n);
    void (*difference_gradient)(const float *d, float f, float *da, float *db, size_t n);
} square_functions; /* squares.inc */

typedef struct {
    int (*forward)(const minibert_attention *a);
    int (*backward)(const minibert_attention *a, const minibert_attention_gradient *g);
} attention_functions; /* attention.inc */

typedef struct {
    int (*quantize_row)(const float *x, uint8_t *q, float shift, float *scale, int32_t *zero,
                        size_t K);
    void (*dequantize_row)(const int32_t *acc, const int32_t *row_sum, float scale, int32_t zero,
                           const float *w_scale, const float *b, float *y, size_t N);
} code_functions; /* quantize.inc */

/* A level's functions. */
typedef struct {
    const product_functions *product;
    const fused_functions *fused;
    const row_functions *rows;
    const attention_functions *attention;
    const adam_functions *adam;
    const square_functions *squares;
    const code_functions *codes;
} float_functions;

/* All NULL where the level cannot run here. */
float_functions minibert_float_functions(int level); /* float32.c */

extern const product_functions product_scalar, product_avx2, product_avx512, product_amx;
extern const fused_functions fused_scalar, fused_avx2, fused_avx512;
extern const row_functions rows_scalar, rows_avx2, rows_avx512;
extern const adam_functions adam_scalar, adam_avx2, adam_avx512;
extern const square_functions squares_scalar, squares_avx2, squares_avx512;
extern const code_functions codes_scalar, codes_avx2, codes_avx512;
extern const attention_functions attention_scalar, attention_avx2, attention_avx512;
#endif
