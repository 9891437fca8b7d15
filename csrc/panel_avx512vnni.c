/* AVX512-VNNI: vpdpbusd multiplies 64 pairs and adds each four into an int32, but wants its first
 * operand unsigned. So x is moved up by 128, which is a flip of its top bit, and taken back at the end:
 *     sum x w = sum (x + 128) w - 128 sum w.
 * vpdpbusd adds modulo 2^32, so the result is exact whenever it fits in int32 itself. */
#include "panel.h"
#ifdef MINIBERT_X86
#include <immintrin.h>

#define TARGET target("avx2,avx512f,avx512bw,avx512vnni")
#define VNNI __attribute__((TARGET, always_inline)) static inline
enum { STEP = 64, ROWS = 4 }; /* 4 x 4 accumulators: 8 loads for 16 multiply-adds */

/* The next STEP inputs; past the end of the row (left < STEP) zeros, and nothing is read. */
VNNI __m512i load(const int8_t *p, size_t left)
{
    return left < STEP ? _mm512_maskz_loadu_epi8(((__mmask64)1 << left) - 1, p)
                       : _mm512_loadu_si512(p);
}

VNNI void step(__m512i sum[ROWS][4], const int8_t *const row[ROWS], const int8_t *const w[4],
               size_t k, size_t left)
{
    __m512i b[4];
#pragma GCC unroll 4
    for (int n = 0; n < 4; n++)
        b[n] = load(w[n] + k, left);
#pragma GCC unroll 4
    for (int i = 0; i < ROWS; i++) {
        __m512i a = _mm512_xor_si512(load(row[i] + k, left), _mm512_set1_epi8(-128));
#pragma GCC unroll 4
        for (int n = 0; n < 4; n++)
            sum[i][n] = _mm512_dpbusd_epi32(sum[i][n], a, b[n]);
    }
}

VNNI __m256i fold(__m512i v)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

/* The sums over the lanes of four vectors: hadd adds neighbours, within each 128-bit half. */
VNNI __m128i four_sums(const __m512i v[4])
{
    __m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(fold(v[0]), fold(v[1])),
                                  _mm256_hadd_epi32(fold(v[2]), fold(v[3])));
    return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}

/* 128 sum w for the four rows of w */
VNNI __m128i surplus(const int8_t *const w[4], size_t K)
{
    __m512i sum[4] = {_mm512_setzero_si512()};
    for (int n = 0; n < 4; n++)
        for (size_t k = 0; k < K; k += STEP)
            sum[n] = _mm512_dpbusd_epi32(sum[n], _mm512_set1_epi8(1), load(w[n] + k, K - k));
    return _mm_slli_epi32(four_sums(sum), 7);
}

__attribute__((TARGET))
void panel_avx512vnni(const int8_t *x, const int8_t *const w[4], int32_t (*acc)[4], size_t M, size_t K)
{
    const int8_t *const b[4] = {w[0], w[1], w[2], w[3]};
    const __m128i extra = surplus(b, K);
    for (size_t m = 0; m < M; m += ROWS) {
        size_t at[ROWS];
        for (size_t i = 0; i < ROWS; i++)
            at[i] = m + i < M ? m + i : M - 1; /* past the last row, it again */
        const int8_t *const row[ROWS] = {x + at[0] * K, x + at[1] * K, x + at[2] * K, x + at[3] * K};
        __m512i sum[ROWS][4] = {{_mm512_setzero_si512()}};
        size_t k = 0;
        for (; k + STEP <= K; k += STEP)
            step(sum, row, b, k, STEP);
        if (k < K)
            step(sum, row, b, k, K - k);
#pragma GCC unroll 4
        for (int i = 0; i < ROWS; i++)
            _mm_storeu_si128((__m128i *)acc[at[i]], _mm_sub_epi32(four_sums(sum[i]), extra));
    }
}
#endif
