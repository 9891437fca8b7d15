/* AVX512-VNNI: vpdpbusd multiplies 16 quads and adds each quad's products to an int32. It wants its
 * first operand, x, unsigned: the codes come with 128 added, and the zero points too. It adds modulo
 * 2^32, so the result is exact whenever it fits into int32 itself.
 * Layout and formula: int8_level.h; times: csrc/README.md. */
#include "int8_level.h"
#ifdef MINIBERT_X86
#include <immintrin.h>
#include <string.h>

#define TARGET target("avx512f,avx512bw,avx512vnni")
#define VNNI __attribute__((TARGET, always_inline)) static inline
enum { ROWS = 8, WIDE = 2 }; /* 8 x 2 sums: 10 loads for 16 instructions */
enum { TILES = BLOCK / ROWS, AHEAD = WIDE * STRIP / TILES }; /* in a block; bytes an input, see below */

/* acc (ROWS x wide strips). Meanwhile each tile of a block asks for its share of the next strips. */
VNNI void tile(const uint8_t *x, const int8_t *w, const int8_t *soon, int32_t *acc, size_t N, size_t K,
               const int wide)
{
    __m512i sum[ROWS][WIDE];
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < wide; j++)
            sum[i][j] = _mm512_setzero_si512();
    for (size_t k = 0; k < K; k += QUAD, w += STRIP * QUAD) {
        __m512i b[WIDE];
        _mm_prefetch((const char *)(soon + k * AHEAD), _MM_HINT_T0);
#pragma GCC unroll 2
        for (int j = 0; j < wide; j++)
            b[j] = _mm512_load_si512(w + (size_t)j * STRIP * K);
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++) {
            int32_t quad;
            memcpy(&quad, x + (size_t)i * K + k, sizeof quad);
            __m512i a = _mm512_set1_epi32(quad);
#pragma GCC unroll 2
            for (int j = 0; j < wide; j++)
                sum[i][j] = _mm512_dpbusd_epi32(sum[i][j], a, b[j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < wide; j++)
            _mm512_storeu_si512(acc + (size_t)i * N + j * STRIP, sum[i][j]);
}

__attribute__((TARGET))
void int8_product_avx512vnni(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M,
                             size_t strips, size_t steps)
{
    const size_t K = steps * STEP, N = strips * STRIP;
    for (size_t n = 0; n < N; n += WIDE * STRIP)
        for (size_t m = 0; m < M; m += ROWS) {
            const int8_t *strips = w + n * K, *next = strips + WIDE * STRIP * K;
            const int8_t *soon = next + m / ROWS % TILES * AHEAD * K;
            int32_t *to = acc + m * N + n;
            if (n + WIDE * STRIP <= N)
                tile(x + m * K, strips, soon, to, N, K, WIDE);
            else
                tile(x + m * K, strips, soon, to, N, K, 1);
        }
}
#endif
