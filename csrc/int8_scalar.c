/* The int8 product that runs everywhere, and the one to read: the others give these very integers.
 * Layout and formula: int8_level.h; times: csrc/README.md. */
#include "int8_level.h"

void int8_product_scalar(const uint8_t *x, const int8_t *w, int32_t *acc, size_t M, size_t strips,
                         size_t steps)
{
    const size_t K = steps * STEP, N = strips * STRIP;
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            const int8_t *row = w + n / STRIP * STRIP * K + n % STRIP * QUAD;
            int32_t sum = 0;
            for (size_t k = 0; k < K; k += QUAD, row += STRIP * QUAD)
                for (size_t i = 0; i < QUAD; i++)
                    sum += (int8_t)x[m * K + k + i] * row[i]; /* int8 * int8 is computed as int */
            acc[m * N + n] = sum;
        }
    }
}
