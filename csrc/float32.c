/* Which float32 level runs, and the functions of float32.h, each handed on to its level. */
#include "float_level.h"

typedef struct {
    const char *name, *missing; /* why it cannot run here; NULL: it can */
    float_functions f;
} Level;

#ifdef MINIBERT_AMX
const char *minibert_amx_missing(void); /* float_amx.c; NULL once the system has allowed the tiles */
#endif

static Level level_at(int i)
{
    if (i == 0)
        return (Level){"scalar", NULL, {&product_scalar, &fused_scalar, &rows_scalar, &attention_scalar,
                        &adam_scalar, &squares_scalar, &codes_scalar}};
#ifdef MINIBERT_X86
    __builtin_cpu_init(); /* the checks below also ask whether the system saves the wide registers */
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    const char *missing = avx512 ? NULL : "this CPU has no AVX-512 F, BW, VL and DQ";
    if (i == 1)
        return (Level){"avx2", avx2 ? NULL : "this CPU has no AVX2 and FMA",
                       {&product_avx2, &fused_avx2, &rows_avx2, &attention_avx2,
                        &adam_avx2, &squares_avx2, &codes_avx2}};
    if (i == 2)
        return (Level){"avx512", missing, {&product_avx512, &fused_avx512, &rows_avx512, &attention_avx512,
                        &adam_avx512, &squares_avx512, &codes_avx512}};
#ifdef MINIBERT_AMX
    return (Level){"amx", missing ? missing : minibert_amx_missing(),
                   {&product_amx, &fused_avx512, &rows_avx512, &attention_avx512,
                        &adam_avx512, &squares_avx512, &codes_avx512}};
#else
    return (Level){"amx", "compiled only for Linux", {0}};
#endif
#else
    const char *name = i == 1 ? "avx2" : i == 2 ? "avx512" : "amx";
    return (Level){name, "compiled only for x86-64, by gcc or clang", {0}};
#endif
}

int minibert_float_level_count(void) { return 4; }
const char *minibert_float_level_name(int level) { return level_at(level).name; }
const char *minibert_float_level_missing(int level) { return level_at(level).missing; }

float_functions minibert_float_functions(int level)
{
    float_functions none = {0};
    if (level < 0 || level >= minibert_float_level_count())
        return none;
    Level l = level_at(level);
    return l.missing ? none : l.f;
}

size_t minibert_packed_size(int level, size_t N, size_t K)
{
    float_functions f = minibert_float_functions(level);
    return f.product ? f.product->packed_size(N, K) : 0;
}

int minibert_pack(int level, const float *w, ptrdiff_t row, ptrdiff_t col, void *packed, size_t N,
                  size_t K)
{
    float_functions f = minibert_float_functions(level);
    if (!f.product)
        return -1;
    f.product->pack(w, row, col, packed, N, K);
    return 0;
}

int minibert_linear(int level, const float *x, ptrdiff_t row, ptrdiff_t col, const void *packed,
                    const float *b, float *y, size_t y_row, size_t M, size_t N, size_t K)
{
    float_functions f = minibert_float_functions(level);
    return f.product ? f.fused->linear(f.product->product, x, row, col, packed, b, y, y_row, M, N, K) : -1;
}

int minibert_linear_gelu(int level, const float *x, const void *packed, const float *b, float *h,
                         float *y, size_t y_row, size_t M, size_t N, size_t K)
{
    float_functions f = minibert_float_functions(level);
    return f.product ? f.fused->linear_gelu(f.product->product, x, packed, b, h, y, y_row, M, N, K) : -1;
}

int minibert_add_layernorm(int level, float *z, const float *b, const float *residual,
                           const float *gamma, const float *beta, float eps,
                           const minibert_drop *drop, float *xhat, float *inv_sigma, float *y,
                           size_t M, size_t N)
{
    float_functions f = minibert_float_functions(level);
    if (!f.fused)
        return -1;
    f.fused->add_layernorm(z, b, residual, gamma, beta, eps, drop, xhat, inv_sigma, y, M, N);
    return 0;
}

int minibert_linear_add_layernorm(int level, const float *x, const void *packed, const float *b,
                                  const float *residual, const float *gamma, const float *beta,
                                  float eps, const minibert_drop *drop, float *xhat,
                                  float *inv_sigma, float *y, size_t M, size_t N, size_t K)
{
    float_functions f = minibert_float_functions(level);
    if (!f.product)
        return -1;
    return f.fused->linear_add_layernorm(f.product->product, x, packed, b, residual, gamma, beta, eps,
                                         drop, xhat, inv_sigma, y, M, N, K);
}

int minibert_gelu(int level, const float *x, float *y, size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.rows)
        return -1;
    f.rows->gelu(x, y, n);
    return 0;
}

int minibert_gelu_gradient(int level, const float *dy, const float *x, float *dx, size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.rows)
        return -1;
    f.rows->gelu_gradient(dy, x, dx, n);
    return 0;
}

int minibert_layernorm(int level, const float *x, const float *gamma, const float *beta, float eps,
                       float *xhat, float *inv_sigma, float *y, size_t M, size_t D)
{
    float_functions f = minibert_float_functions(level);
    if (!f.rows)
        return -1;
    f.rows->layernorm(x, gamma, beta, eps, xhat, inv_sigma, y, M, D);
    return 0;
}

int minibert_layernorm_gradient(int level, const float *dy, const float *xhat,
                                const float *inv_sigma, const float *gamma,
                                const minibert_drop *drop, float *dz, float *dh, float *dgamma,
                                float *dbeta, size_t M, size_t D)
{
    float_functions f = minibert_float_functions(level);
    if (!f.rows)
        return -1;
    f.rows->layernorm_gradient(dy, xhat, inv_sigma, gamma, drop, dz, dh, dgamma, dbeta, M, D);
    return 0;
}

int minibert_column_sums(int level, const float *x, float *sums, size_t M, size_t D)
{
    float_functions f = minibert_float_functions(level);
    if (!f.rows)
        return -1;
    f.rows->column_sums(x, sums, M, D);
    return 0;
}

int minibert_dropout(int level, const float *x, float *y, const minibert_drop *drop, size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.rows)
        return -1;
    f.rows->dropout(x, y, drop, n);
    return 0;
}

int minibert_adamw(int level, const minibert_moments *common, float shrink, float rate,
                   float root_of, float eps, float *p, const float *g, float *m, float *v, size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.adam)
        return -1;
    f.adam->adamw(common, shrink, rate, root_of, eps, p, g, m, v, n);
    return 0;
}

int minibert_bert_adam(int level, const minibert_moments *common, float lr, float decay, float eps,
                       float *p, const float *g, float *m, float *v, size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.adam)
        return -1;
    f.adam->bert_adam(common, lr, decay, eps, p, g, m, v, n);
    return 0;
}

int minibert_sum_of_squares(int level, const float *x, double *sum, size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.squares)
        return -1;
    *sum = f.squares->sum_of_squares(x, n);
    return 0;
}

int minibert_difference(int level, const float *a, const float *b, float *d, double *sum, size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.squares)
        return -1;
    *sum = f.squares->difference(a, b, d, n);
    return 0;
}

int minibert_difference_gradient(int level, const float *d, float factor, float *da, float *db,
                                 size_t n)
{
    float_functions f = minibert_float_functions(level);
    if (!f.squares)
        return -1;
    f.squares->difference_gradient(d, factor, da, db, n);
    return 0;
}
