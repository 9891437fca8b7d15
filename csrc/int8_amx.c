/* AMX: tdpbssd multiplies a tile of 16 rows of x, 64 inputs each, with one of 64 inputs for 16
 * outputs, and adds to a tile of 16 x 16 int32: 16384 products. Both operands are signed.
 * Layout and formula: int8_level.h; times: csrc/README.md. */
#include "int8_level.h"
#ifdef MINIBERT_AMX

#if (defined(__clang__) ? __clang_major__ : __GNUC__ + 1) < 12
int attention_amx(const minibert_attention *a, size_t first_head, size_t end_head)
{
    (void)a, (void)first_head, (void)end_head;
    return -1;
}
int attention_amx_runs(void) { return 0; }
void int8_product_amx(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M, size_t strips,
                      size_t steps) { (void)x, (void)w, (void)acc, (void)M, (void)strips, (void)steps; }
const char *minibert_amx_int8_missing(void)
{
    return "compiled without AMX: gcc 11 or clang 12 has it";
}
#else
#include "amx.h"
#include <immintrin.h>

#define TARGET target("amx-tile,amx-int8,sse")
enum { SIDE = 16, AHEAD = 8 /* rows of a tile of w that each step asks for: half of it */ };

/* acc (32 x 16) = two strips of x, one below the other, times a strip of w: tiles 0 and 1 are sums,
 * 2 and 3 hold x, 4 holds w. Meanwhile half of the next strip of w is asked for: the weights of a
 * layer fill the second-level cache. */
__attribute__((TARGET, always_inline))
static inline void tiles(const uint8_t *x, const int8_t *w, const int8_t *soon, int32_t *acc,
                         size_t N, size_t K)
{
    _tile_zero(0);
    _tile_zero(1);
    for (size_t k = 0; k < K; k += STEP, w += STEP * STRIP, soon += STEP * STRIP) {
        _tile_loadd(4, w, STEP);
        _tile_loadd(2, x + k, K);
        _tile_loadd(3, x + SIDE * K + k, K);
        _tile_dpbssd(0, 2, 4);
        for (size_t i = 0; i < AHEAD; i++)
            _mm_prefetch((const char *)(soon + i * STEP), _MM_HINT_T0);
        _tile_dpbssd(1, 3, 4);
    }
    _tile_stored(0, acc, N * sizeof *acc);
    _tile_stored(1, acc + SIDE * N, N * sizeof *acc);
}

__attribute__((TARGET))
void int8_product_amx(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M, size_t strips,
                      size_t steps)
{
    const size_t K = steps * STEP, N = strips * STRIP;
    _tile_loadconfig(&five_tiles);
    atomic_signal_fence(memory_order_seq_cst); /* not every compiler sees that tiles read x */
    for (size_t n = 0; n < N; n += STRIP)
        for (size_t m = 0, half = 0; m < M; m += 2 * SIDE, half ^= AHEAD * STEP) {
            const int8_t *strip = w + n * K;
            tiles(x + m * K, strip, strip + STRIP * K + half, acc + m * N + n, N, K);
        }
    _tile_release();
}

const char *minibert_amx_missing(void); /* float_amx.c: of bf16, and of the system's leave */

const char *minibert_amx_int8_missing(void)
{
    static atomic_int known;
    return cpu_has(0, 25, &known) ? minibert_amx_missing() : "this CPU has no AMX with int8";
}
#endif
#endif
