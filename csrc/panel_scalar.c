/* The level that runs everywhere, and the one to read: the others must give these very integers. */
#include "panel.h"

void panel_scalar(const int8_t *x, const int8_t *const w[4], int32_t (*acc)[4], size_t M, size_t K)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < 4; n++) {
            int32_t sum = 0;
            for (size_t k = 0; k < K; k++)
                sum += x[m * K + k] * w[n][k]; /* int8 * int8 is computed as int */
            acc[m][n] = sum;
        }
    }
}
