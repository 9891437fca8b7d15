/* Arm: sdot multiplies four quads and adds each quad's products to an int32. Both operands are
 * signed, and the quad of x is one of four that a register holds.
 * Layout and formula: int8_level.h; times: csrc/README.md. */
#include "int8_level.h"
#ifdef MINIBERT_NEON
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif

#if defined(__clang__)
#define TARGET target("dotprod")
#else
#define TARGET target("+dotprod")
#endif
enum { ROWS = 4, FOURS = STRIP / 4, QUADS = 4 /* that a register holds */ };

/* acc (ROWS x STRIP) */
__attribute__((TARGET, always_inline))
static inline void tile(const uint8_t *x, const int8_t *w, int32_t *acc, size_t N, size_t K)
{
    int32x4_t sum[ROWS][FOURS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < FOURS; j++)
            sum[i][j] = vdupq_n_s32(0);
    for (size_t k = 0; k < K; k += QUADS * QUAD) {
        int8x16_t a[ROWS];
        for (int i = 0; i < ROWS; i++)
            a[i] = vreinterpretq_s8_u8(vld1q_u8(x + (size_t)i * K + k));
/* The number of a quad is part of the instruction. */
#define MULTIPLY(quad)                                                   \
    for (int j = 0; j < FOURS; j++) {                                    \
        int8x16_t b = vld1q_s8(w + (quad) * STRIP * QUAD + j * 16);      \
        for (int i = 0; i < ROWS; i++)                                   \
            sum[i][j] = vdotq_laneq_s32(sum[i][j], b, a[i], (quad));     \
    }
        MULTIPLY(0)
        MULTIPLY(1)
        MULTIPLY(2)
        MULTIPLY(3)
#undef MULTIPLY
        w += QUADS * STRIP * QUAD;
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < FOURS; j++)
            vst1q_s32(acc + (size_t)i * N + 4 * j, sum[i][j]);
}

__attribute__((TARGET))
void int8_product_neon(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M, size_t strips,
                       size_t steps)
{
    const size_t K = steps * STEP, N = strips * STRIP;
    for (size_t n = 0; n < N; n += STRIP)
        for (size_t m = 0; m < M; m += ROWS)
            tile(x + m * K, w + n * K, acc + m * N + n, N, K);
}

const char *minibert_neon_missing(void)
{
#if defined(__linux__)
    enum { DOT_PRODUCT = 1 << 20 }; /* HWCAP_ASIMDDP */
    return getauxval(AT_HWCAP) & DOT_PRODUCT ? NULL : "this CPU has no dot product of bytes";
#elif defined(__APPLE__)
    return NULL; /* every one that macOS runs on has it */
#else
    return "asked for only on Linux and macOS";
#endif
}
#endif
