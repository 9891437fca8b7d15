/* AVX2: vpmaddwd multiplies 16 pairs of int16 and adds each two up, so both operands are widened
 * first. (vpmaddubsw takes bytes, but its int16 sums of two overflow.) A register then holds four
 * outputs, each with two sums, of even and of odd pairs, that are added up in the end.
 * Layout and formula: int8_level.h; times: csrc/README.md. */
#include "int8_level.h"
#ifdef MINIBERT_X86
#include <immintrin.h>
#include <string.h>

#define TARGET target("avx2")
#define AVX2 __attribute__((TARGET, always_inline)) static inline
enum { ROWS = 2, FOURS = STRIP / 4 }; /* 2 x 4 sums in registers, and 4 more for w */

/* A quad of x, widened, four times. */
AVX2 __m256i quad(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(four)));
}

/* acc (ROWS x STRIP) for rows that are x_row and acc_row apart */
AVX2 void tile(const uint8_t *x, size_t x_row, const int8_t *w, int32_t *acc, size_t acc_row,
               size_t K)
{
    __m256i sum[ROWS][FOURS];
#pragma GCC unroll 2
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < FOURS; j++)
            sum[i][j] = _mm256_setzero_si256();
    for (size_t k = 0; k < K; k += QUAD, w += STRIP * QUAD) {
        __m256i b[FOURS];
#pragma GCC unroll 4
        for (int j = 0; j < FOURS; j++)
            b[j] = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)w + j));
#pragma GCC unroll 2
        for (int i = 0; i < ROWS; i++) {
            __m256i a = quad(x + i * x_row + k);
#pragma GCC unroll 4
            for (int j = 0; j < FOURS; j++)
                sum[i][j] = _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(a, b[j]));
        }
    }
#pragma GCC unroll 2
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < FOURS; j += 2) { /* hadd puts the quarters in the order 0, 2, 1, 3 */
            __m256i eight = _mm256_hadd_epi32(sum[i][j], sum[i][j + 1]);
            eight = _mm256_permute4x64_epi64(eight, 0xD8);
            _mm256_storeu_si256((__m256i *)(acc + i * acc_row + 4 * j), eight);
        }
}

__attribute__((TARGET))
void int8_product_avx2(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M, size_t strips,
                       size_t steps)
{
    const size_t K = steps * STEP, N = strips * STRIP;
    for (size_t n = 0; n < N; n += STRIP)
        for (size_t m = 0; m < M; m += ROWS)
            tile(x + m * K, K, w + n * K, acc + m * N + n, N, K);
}
#endif
