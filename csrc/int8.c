/* Which level runs, and the three functions of int8.h, each a loop over panels (panel.h). */
#include "int8.h"
#include "panel.h"
#include <float.h>

#if FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2
#error "float expressions are rounded to more than float32 here: results would differ from NumPy's"
#endif

enum { BLOCK = 64 }; /* rows of x a panel call sees: they stay in the first-level cache */

typedef struct {
    const char *name;
    panel_fn *panel; /* NULL: not compiled for this processor family or by this compiler */
    const char *missing;
} Level;

#define NOT_BUILT "compiled only for x86-64, by gcc or clang"

static Level level_at(int i)
{
    if (i == 0)
        return (Level){"scalar", panel_scalar, NULL};
#ifdef MINIBERT_X86
    __builtin_cpu_init(); /* the checks below also ask whether the system saves the wide registers */
    if (i == 1)
        return (Level){"avx2", panel_avx2,
                       __builtin_cpu_supports("avx2") ? NULL : "this CPU has no AVX2"};
    int vnni = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vnni");
    return (Level){"avx512vnni", panel_avx512vnni,
                   vnni ? NULL : "this CPU has no AVX-512 F, BW and VNNI"};
#else
    return (Level){i == 1 ? "avx2" : "avx512vnni", NULL, NOT_BUILT};
#endif
}

int minibert_level_count(void) { return 3; }
const char *minibert_level_name(int level) { return level_at(level).name; }
const char *minibert_level_missing(int level) { return level_at(level).missing; }

static panel_fn *panel_of(int level)
{
    if (level < 0 || level >= minibert_level_count())
        return NULL;
    Level l = level_at(level);
    return l.missing ? NULL : l.panel;
}

static size_t min(size_t a, size_t b) { return a < b ? a : b; }

/* Four rows of w from row n on; past the last one it again, whose results nobody reads. */
static void four_rows(const int8_t *row[4], const int8_t *qw, size_t n, size_t N, size_t K)
{
    for (size_t j = 0; j < 4; j++)
        row[j] = qw + min(n + j, N - 1) * K;
}

int minibert_int8_matmul(int level, const int8_t *qx, const int8_t *qw, int32_t *acc,
                         size_t M, size_t N, size_t K)
{
    panel_fn *panel = panel_of(level);
    if (!panel)
        return -1;
    const int8_t *w[4];
    int32_t part[BLOCK][4];
    for (size_t m = 0; m < M; m += BLOCK) {
        size_t rows = min(BLOCK, M - m);
        for (size_t n = 0; n < N; n += 4) {
            size_t cols = min(4, N - n);
            four_rows(w, qw, n, N, K);
            panel(qx + m * K, w, part, rows, K);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++)
                    acc[(m + i) * N + n + j] = part[i][j];
        }
    }
    return 0;
}

int minibert_int8_linear(int level, const int8_t *qx, const float *sx, const int32_t *zx,
                         const int8_t *qw, const float *sw, const int32_t *row_sum, const float *b,
                         float *y, size_t M, size_t N, size_t K)
{
    panel_fn *panel = panel_of(level);
    if (!panel)
        return -1;
    const int8_t *w[4];
    int32_t part[BLOCK][4];
    for (size_t m = 0; m < M; m += BLOCK) {
        size_t rows = min(BLOCK, M - m);
        for (size_t n = 0; n < N; n += 4) {
            size_t cols = min(4, N - n);
            four_rows(w, qw, n, N, K);
            panel(qx + m * K, w, part, rows, K);
            for (size_t i = 0; i < rows; i++) {
                for (size_t j = 0; j < cols; j++) {
                    int32_t sum = part[i][j] - zx[m + i] * row_sum[n + j];
                    y[(m + i) * N + n + j] = (float)sum * sx[m + i] * sw[n + j] + b[n + j];
                }
            }
        }
    }
    return 0;
}

/* Ties to even, for |v| < 2^22: up there floats are the integers, so adding 1.5 * 2^23 rounds.
 * (rintf is a library call unless SSE4.1 is assumed.) */
static float rint_small(float v)
{
    const float shift = 12582912.0f;
    return (v + shift) - shift;
}

size_t minibert_quantize_affine(const float *x, int8_t *q, float *scale, int32_t *zero,
                                size_t M, size_t K)
{
    for (size_t m = 0; m < M; m++, x += K, q += K) {
        float lo = 0.0f, hi = 0.0f; /* zero is always in the range: padding stays exact */
        int finite = 1;
        for (size_t k = 0; k < K; k++) {
            lo = x[k] < lo ? x[k] : lo;
            hi = x[k] > hi ? x[k] : hi;
            finite &= x[k] - x[k] == 0.0f; /* inf - inf and NaN - NaN are NaN */
        }
        float range = hi - lo;
        if (!finite || range > FLT_MAX)
            return m;
        float s = range / 255.0f;
        s = s > 1.2e-38f ? s : 1.2e-38f; /* the smallest normal number, so that no quotient is 0/0 */
        float z = rint_small(-128.0f - lo / s);
        for (size_t k = 0; k < K; k++) {
            float v = rint_small(x[k] / s) + z; /* a division: times 1/s moves some ties */
            q[k] = (int8_t)(v < -128.0f ? -128.0f : v > 127.0f ? 127.0f : v);
        }
        scale[m] = s;
        zero[m] = (int32_t)z;
    }
    return M;
}
