/* int8 matrix products for NumPy arrays. csrc/README.md derives what they compute.
 *
 * Letters: x is (M, K), one row a token; w is (N, K), one row an output channel. Rows are contiguous.
 * This header is also what cffi reads: declarations only, and lines that start with # are skipped. */
#ifndef MINIBERT_INT8_H
#define MINIBERT_INT8_H
#include <stddef.h>
#include <stdint.h>

/* The instruction-set levels, slowest first: name, and why it cannot run here (NULL: it can). */
int minibert_level_count(void);
const char *minibert_level_name(int level);
const char *minibert_level_missing(int level);

/* acc[m][n] = sum over k of qx[m][k] * qw[n][k], exact for K <= 131071.
 * Returns 0, or -1 when the level cannot run here. */
int minibert_int8_matmul(int level, const int8_t *qx, const int8_t *qw, int32_t *acc,
                         size_t M, size_t N, size_t K);

/* One scale and zero point a row: q = clip(rint(x/s) + z, -128, 127), x ~ s (q - z).
 * Returns M, or the first row that is not finite (or whose range overflows float32). */
size_t minibert_quantize_affine(const float *x, int8_t *q, float *scale, int32_t *zero,
                                size_t M, size_t K);

/* y[m][n] = sx[m] * sw[n] * (acc[m][n] - zx[m] * row_sum[n]) + b[n], row_sum[n] = sum over k of qw[n][k].
 * Exact in int32 for K <= 65793, then float32 from left to right. Returns 0, or -1 as above. */
int minibert_int8_linear(int level, const int8_t *qx, const float *sx, const int32_t *zx,
                         const int8_t *qw, const float *sw, const int32_t *row_sum, const float *b,
                         float *y, size_t M, size_t N, size_t K);
#endif
