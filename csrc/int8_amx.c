/* AMX: tdpbssd multiplies a tile of 16 rows of x, 64 inputs each, with one of 64 inputs for 16
 * outputs, and adds to a tile of 16 x 16 int32: 16384 products. Both operands are signed. */
#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__)
#include "int8_level.h"

#if (defined(__clang__) ? __clang_major__ : __GNUC__ + 1) < 12
int8_product_fn *const unused = 0;
void int8_product_amx(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M, size_t strips,
                      size_t steps) { (void)x, (void)w, (void)acc, (void)M, (void)strips, (void)steps; }
const char *minibert_amx_int8_missing(void)
{
    return "compiled without AMX: gcc 11 or clang 12 has it";
}
#else
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

#define TARGET target("amx-tile,amx-int8")
enum { SIDE = 16 };

/* Tiles 0 and 1 are sums, 2 and 3 hold x, 4 holds w; why not eight, float_amx.c says. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} five_tiles = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16}};

__attribute__((TARGET))
void int8_product_amx(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M, size_t strips,
                      size_t steps)
{
    const size_t K = steps * STEP, N = strips * STRIP;
    _tile_loadconfig(&five_tiles);
    atomic_signal_fence(memory_order_seq_cst); /* not every compiler sees that tiles read x */
    for (size_t n = 0; n < N; n += STRIP)
        for (size_t m = 0; m < M; m += 2 * SIDE) {
            const uint8_t *above = x + m * K, *below = above + SIDE * K;
            const int8_t *right = w + n * K;
            int32_t *to = acc + m * N + n;
            _tile_zero(0);
            _tile_zero(1);
            for (size_t k = 0; k < K; k += STEP, right += STEP * STRIP) {
                _tile_loadd(4, right, STEP);
                _tile_loadd(2, above + k, K);
                _tile_loadd(3, below + k, K);
                _tile_dpbssd(0, 2, 4);
                _tile_dpbssd(1, 3, 4);
            }
            _tile_stored(0, to, N * sizeof *to);
            _tile_stored(1, to + SIDE * N, N * sizeof *to);
        }
    _tile_release();
}

const char *minibert_amx_missing(void); /* float_amx.c: of bf16, and of the system's leave */

const char *minibert_amx_int8_missing(void)
{
    unsigned a, b, c, d = 0;
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    return d & 1u << 25 ? minibert_amx_missing() : "this CPU has no AMX with int8";
}
#endif
#endif
