/* AVX2 and FMA: 8 numbers at once. vector_scalar.h says what each function does. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 8 };
typedef __m256 vec;
typedef int32_t ints __attribute__((vector_size(32)));
typedef uint32_t words __attribute__((vector_size(32)));

static inline __m256i first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec load(const float *p) { return _mm256_loadu_ps(p); }
static inline vec load_part(const float *p, size_t n) { return _mm256_maskload_ps(p, first_lanes(n)); }
static inline void store(float *p, vec v) { _mm256_storeu_ps(p, v); }
static inline void store_part(float *p, vec v, size_t n) { _mm256_maskstore_ps(p, first_lanes(n), v); }

static inline vec spread(float x) { return _mm256_set1_ps(x); }
static inline words spread_word(uint32_t x) { return (words)_mm256_set1_epi32((int)x); }
static inline words lane_numbers(void) { return (words){0, 1, 2, 3, 4, 5, 6, 7}; }

static inline vec multiply_add(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec larger(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec smaller(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec root(vec a) { return _mm256_sqrt_ps(a); }

static inline vec where_less(vec a, vec b, vec yes, vec no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline vec where_word_at_least(words a, words b, vec yes, vec no)
{
    __m256i most = _mm256_max_epu32((__m256i)a, (__m256i)b); /* a >= b exactly if a is the larger */
    return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(_mm256_cmpeq_epi32(most, (__m256i)a)));
}

static inline ints bits_of(vec v) { return (ints)v; }
static inline vec of_bits(ints i) { return (vec)i; }

static inline ints load_ints(const int32_t *p) { return (ints)_mm256_loadu_si256((const __m256i *)p); }
static inline vec floats_of(ints i) { return _mm256_cvtepi32_ps((__m256i)i); }
static inline int all_zero(ints i) { return _mm256_testz_si256((__m256i)i, (__m256i)i); }
static inline void store_bytes(uint8_t *p, ints i, size_t n)
{
    const __m256i low = _mm256_set1_epi32(0x0C080400); /* of every four bytes the first */
    __m256i four = _mm256_shuffle_epi8((__m256i)i, low);
    __m128i all = _mm_unpacklo_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    uint8_t bytes[16];
    _mm_storeu_si128((__m128i *)bytes, all);
    for (size_t lane = 0; lane < LANES && lane < n; lane++)
        p[lane] = bytes[lane];
}

static inline float sum_of(vec v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float largest_of(vec v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
static inline float smallest_of(vec v) { return -largest_of(-v); }

static inline void transpose(vec t[8])
{
    vec u[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        u[i] = _mm256_unpacklo_ps(t[i], t[i + 1]);
        u[i + 1] = _mm256_unpackhi_ps(t[i], t[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) { /* each half of t[i + c]: column c (or 4 + c) of rows i .. i + 3 */
        t[i] = _mm256_shuffle_ps(u[i], u[i + 2], 0x44);
        t[i + 1] = _mm256_shuffle_ps(u[i], u[i + 2], 0xEE);
        t[i + 2] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0x44);
        t[i + 3] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0xEE);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        vec low = t[c], high = t[4 + c];
        t[c] = _mm256_permute2f128_ps(low, high, 0x20);
        t[4 + c] = _mm256_permute2f128_ps(low, high, 0x31);
    }
}
