/* What the users of AMX share: the tiles in use, and pairs of bf16. */
#ifndef MINIBERT_AMX_H
#define MINIBERT_AMX_H
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <stdint.h>

/* Whether a bit of CPUID's leaf 7 is set: of EDX in part 0, of EAX in part 1. Kept in *known, 0 at
 * first: a virtual machine takes microseconds to answer. */
static inline int cpu_has(unsigned part, unsigned bit, atomic_int *known)
{
    int answer = atomic_load_explicit(known, memory_order_relaxed);
    if (!answer) {
        unsigned a = 0, b, c, d = 0;
        __get_cpuid_count(7, part, &a, &b, &c, &d);
        answer = (part ? a : d) >> bit & 1 ? 1 : -1;
        atomic_store_explicit(known, answer, memory_order_relaxed);
    }
    return answer > 0;
}

/* Five of the eight tiles: two hold sums, two and one the operands. All eight load less: they are a
 * tenth faster as long as the core has tiles to spare, to load the next numbers into while the last
 * are still read. Where it has none (its other thread is busy, it seems) five are 1.7 times as fast. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} five_tiles = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16}};

#define PAIRS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"), always_inline)) static inline

/* A pair from the top halves of each two: lo's first. */
PAIRS __m512i pairs(__m512 lo, __m512 hi)
{
    __m512i low = _mm512_srli_epi32(_mm512_castps_si512(lo), 16);
    return _mm512_mask_blend_epi16(0xAAAAAAAA, low, _mm512_castps_si512(hi));
}

/* The top halves alone: bf16, cut. */
PAIRS __m512 cut(__m512 x)
{
    return _mm512_and_ps(x, _mm512_castsi512_ps(_mm512_set1_epi32((int)0xFFFF0000)));
}

/* bf16, rounded, ties away from zero. (A NaN with every bit set becomes 0.) */
PAIRS __m512 rounded(__m512 x)
{
    __m512i half = _mm512_set1_epi32(0x8000);
    return cut(_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), half)));
}
#endif
