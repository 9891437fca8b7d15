/* What an instruction-set level has to provide: one small product, of any number of rows of x with
 * four rows of w. int8.c builds everything else from it, so a new level is one file and one line. */
#ifndef MINIBERT_PANEL_H
#define MINIBERT_PANEL_H
#include <stddef.h>
#include <stdint.h>

/* acc[m][n] = sum over k of x[m*K + k] * w[n][k], for m < M and n < 4. */
typedef void panel_fn(const int8_t *x, const int8_t *const w[4], int32_t (*acc)[4], size_t M, size_t K);

panel_fn panel_scalar;

#if defined(__x86_64__) && defined(__GNUC__) /* gcc and clang: a function may have its own target */
#define MINIBERT_X86 1
panel_fn panel_avx2;
panel_fn panel_avx512vnni;
#endif
#endif
