/* AVX2: widen to int16, then pmaddwd multiplies 16 pairs and adds neighbours into 8 int32.
 * Exact: |a*b + c*d| <= 2 * 128 * 128, far inside int32. (pmaddubsw would skip the widening, but it
 * adds its pairs in int16, and 2 * 255 * 127 does not fit there.) */
#include "panel.h"
#ifdef MINIBERT_X86
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2"), always_inline)) static inline
enum { STEP = 16, ROWS = 2 }; /* 2 x 4 accumulators leave registers for the operands */

/* 16 inputs, widened. Where fewer are left in the array: those, and zeros. */
AVX2 __m256i load(const int8_t *p, size_t left)
{
    int8_t tail[STEP] = {0};
    if (left < STEP)
        p = memcpy(tail, p, left);
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}

AVX2 void multiply_add(__m256i sum[4], __m256i a, const __m256i b[4])
{
#pragma GCC unroll 4
    for (int n = 0; n < 4; n++)
        sum[n] = _mm256_add_epi32(sum[n], _mm256_madd_epi16(a, b[n]));
}

/* The sums over the lanes of four vectors: hadd adds neighbours, within each 128-bit half. */
AVX2 __m128i four_sums(const __m256i v[4])
{
    __m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}

__attribute__((target("avx2")))
void panel_avx2(const int8_t *x, const int8_t *const w[4], int32_t (*acc)[4], size_t M, size_t K)
{
    const int8_t *const w0 = w[0], *const w1 = w[1], *const w2 = w[2], *const w3 = w[3];
    const size_t whole = K - K % STEP, rest = K - whole;
    /* The end of the four rows, with zeros after it: what x holds there is multiplied by zero, so that
     * only the end of the array, not of each row, needs care. */
    const __m256i end[4] = {load(w0 + whole, rest), load(w1 + whole, rest),
                            load(w2 + whole, rest), load(w3 + whole, rest)};
    for (size_t m = 0; m < M; m += ROWS) {
        size_t last = m + 1 < M ? m + 1 : m; /* an odd last row is done twice */
        const int8_t *x0 = x + m * K, *x1 = x + last * K;
        __m256i sum0[4] = {_mm256_setzero_si256()}, sum1[4] = {_mm256_setzero_si256()};
        for (size_t k = 0; k < whole; k += STEP) {
            const __m256i b[4] = {load(w0 + k, STEP), load(w1 + k, STEP),
                                  load(w2 + k, STEP), load(w3 + k, STEP)};
            multiply_add(sum0, load(x0 + k, STEP), b);
            multiply_add(sum1, load(x1 + k, STEP), b);
        }
        if (rest) {
            multiply_add(sum0, load(x0 + whole, (M - m) * K - whole), end);
            multiply_add(sum1, load(x1 + whole, (M - last) * K - whole), end);
        }
        _mm_storeu_si128((__m128i *)acc[m], four_sums(sum0));
        _mm_storeu_si128((__m128i *)acc[last], four_sums(sum1));
    }
}
#endif
