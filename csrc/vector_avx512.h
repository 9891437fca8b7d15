/* AVX-512: 16 numbers at once. vector_scalar.h says what each function does. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 16 };
typedef __m512 vec;
typedef int32_t ints __attribute__((vector_size(64)));
typedef uint32_t words __attribute__((vector_size(64)));

static inline __mmask16 first_lanes(size_t n) { return (__mmask16)((1u << n) - 1); }
static inline vec load(const float *p) { return _mm512_loadu_ps(p); }
static inline vec load_part(const float *p, size_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
static inline void store(float *p, vec v) { _mm512_storeu_ps(p, v); }
static inline void store_part(float *p, vec v, size_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), v); }

static inline vec spread(float x) { return _mm512_set1_ps(x); }
static inline words spread_word(uint32_t x) { return (words)_mm512_set1_epi32((int)x); }
static inline words lane_numbers(void)
{
    return (words){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}

static inline vec multiply_add(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec larger(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec smaller(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec root(vec a) { return _mm512_sqrt_ps(a); }

static inline vec where_less(vec a, vec b, vec yes, vec no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
static inline vec where_word_at_least(words a, words b, vec yes, vec no)
{
    return _mm512_mask_blend_ps(_mm512_cmpge_epu32_mask((__m512i)a, (__m512i)b), no, yes);
}

static inline ints bits_of(vec v) { return (ints)v; }
static inline vec of_bits(ints i) { return (vec)i; }

static inline ints load_ints(const int32_t *p) { return (ints)_mm512_loadu_si512(p); }
static inline vec floats_of(ints i) { return _mm512_cvtepi32_ps((__m512i)i); }
static inline int all_zero(ints i) { return !_mm512_test_epi32_mask((__m512i)i, (__m512i)i); }
static inline void store_bytes(uint8_t *p, ints i, size_t n)
{
    _mm512_mask_cvtepi32_storeu_epi8(p, n < LANES ? first_lanes(n) : 0xFFFF, (__m512i)i);
}

static inline float sum_of(vec v) { return _mm512_reduce_add_ps(v); }
static inline float largest_of(vec v) { return _mm512_reduce_max_ps(v); }
static inline float smallest_of(vec v) { return _mm512_reduce_min_ps(v); }

static inline void transpose(vec t[16])
{
    vec u[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        u[i] = _mm512_unpacklo_ps(t[i], t[i + 1]);
        u[i + 1] = _mm512_unpackhi_ps(t[i], t[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) { /* quarter j of t[i + c]: column 4 j + c of rows i .. i + 3 */
        t[i] = _mm512_shuffle_ps(u[i], u[i + 2], 0x44);
        t[i + 1] = _mm512_shuffle_ps(u[i], u[i + 2], 0xEE);
        t[i + 2] = _mm512_shuffle_ps(u[i + 1], u[i + 3], 0x44);
        t[i + 3] = _mm512_shuffle_ps(u[i + 1], u[i + 3], 0xEE);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) { /* quarters 0 and 2, quarters 1 and 3 */
        vec even = _mm512_shuffle_f32x4(t[c], t[4 + c], 0x88);
        vec odd = _mm512_shuffle_f32x4(t[c], t[4 + c], 0xDD);
        vec even_below = _mm512_shuffle_f32x4(t[8 + c], t[12 + c], 0x88);
        vec odd_below = _mm512_shuffle_f32x4(t[8 + c], t[12 + c], 0xDD);
        t[c] = _mm512_shuffle_f32x4(even, even_below, 0x88);
        t[4 + c] = _mm512_shuffle_f32x4(odd, odd_below, 0x88);
        t[8 + c] = _mm512_shuffle_f32x4(even, even_below, 0xDD);
        t[12 + c] = _mm512_shuffle_f32x4(odd, odd_below, 0xDD);
    }
}
