/* The float32 product on AMX: bf16 tiles, with no more error than float32 arithmetic.
 *
 *   y[m][n] = sum over k of x[m][k] w[n][k]                                                   (1)
 *
 * AMX multiplies bf16 only, the upper half of a float32: sign, exponent, 8 bits of precision. But
 * three times 8 is the 24 bits that a float32 has, so x is the sum of three bf16, exactly:
 *
 *   x1 = x cut to 8 bits,   x2 = x - x1 rounded to 8 bits,   x3 = x - x1 - x2                 (2)
 *   |x2| <= 2^-7 |x|,   |x3| <= 2^-16 |x|
 *
 * (The first is cut, not rounded: neither x1 nor x1 w1 overflows where x and x w do not.) Of the
 * nine products of parts six are summed, in this order, and those in brackets left out:
 *
 *   x w = x3 w1 + x2 w1 + x2 w2 + x1 w2 + x1 w3 + x1 w1  [+ x2 w3 + x3 w2 + x3 w3]            (3)
 *
 * Left out is at most 2^-22 |x w|, of either sign, 2^-25 on average: less than what rounding every
 * x w to float32 would lose. AMX adds up 32 products before it rounds the running sum, so that
 * there are fewer roundings than with FMA: the error is half of OpenBLAS's (1.5e-7 against 3.4e-7
 * of the norm of y).
 *
 * AMX takes numbers below 2^-126 (1e-38), parts of numbers included, for zero. This loses at most
 *
 *   2^-126 (sum |x| + sum |w| + 7 K)                                                          (4)
 *
 * so that numbers below 2^-102 (2e-31) have fewer than 24 bits. Where an infinity or a NaN takes
 * part the result is one of the two, though not always the same as in (1).
 *
 * Versions: minibert/ops/linear.py is (1); gemm.inc is (1) with FMA, in vectors. bf16 tiles
 * multiply 16 times as fast as FMA, so six products are 16 / 6 = 2.7 times as fast at best.
 *
 *   one thread, times OpenBLAS's speed
 *     M, N, K      128, 312, 312   128, 1200, 312   128, 312, 1200   512, 312, 312
 *                       2.0             1.5              1.9              1.4
 */
#define _DEFAULT_SOURCE /* for syscall */
#include "float_level.h"
#ifdef MINIBERT_AMX

const char *minibert_amx_missing(void);

#if (defined(__clang__) ? __clang_major__ : __GNUC__ + 1) < 12
const product_functions product_amx = {NULL, NULL, NULL};
const char *minibert_amx_missing(void) { return "compiled without AMX: gcc 11 or clang 12 has it"; }
#else
#include "amx.h"
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq")
#define AMX __attribute__((TARGET)) static
#define INLINE __attribute__((TARGET, always_inline)) static inline

/* ---- layout. A tile is 16 rows of 64 bytes: 16 pairs of bf16. A strip is 16 rows of x, or 16
 * outputs of w; for every 32 k it has three tiles, one after the other:
 *
 *   [part 1, 2, 3][16 rows][16 pairs]                                         a step, 3072 bytes
 *
 * For x, row i of a tile holds row i of x: the pairs are (k, k + 16) for 16 k. For w, row i holds
 * k = i and i + 16: a pair for each of 16 outputs. That is what TDPBF16PS multiplies:
 *
 *   c[i][j] += sum over the 16 pairs p of a[i][p] . b[p][j]                                     (5)
 *
 * Which two k make a pair does not matter, as long as x and w agree. */
enum { SIDE = 16, PAIRED = 2 * SIDE /* k in a step */ };
enum { PART = SIDE, STEP = 3 * PART }; /* in rows of tiles */
enum { BLOCK = 256 /* rows of x split at once */, CHUNK = 10 /* and steps */ };
enum { SHARE = 2 }; /* rows of tiles that each product prefetches: a strip of w for 128 rows of x */
typedef __m512i tile_row;

static size_t at_most(size_t n, size_t most) { return n < most ? n : most; }

/* How many of the 16 from start on are below end. */
static size_t left(size_t start, size_t end)
{
    return start < end ? at_most(end - start, SIDE) : 0;
}

/* ---- splitting */

/* (2): one row of the three tiles of 16 pairs. */
INLINE void split(__m512 lo, __m512 hi, tile_row *row)
{
    __m512 lo1 = cut(lo), hi1 = cut(hi);
    lo = _mm512_sub_ps(lo, lo1), hi = _mm512_sub_ps(hi, hi1);
    __m512 lo2 = rounded(lo), hi2 = rounded(hi);
    row[0] = pairs(lo1, hi1);
    row[PART] = pairs(lo2, hi2);
    row[2 * PART] = pairs(_mm512_sub_ps(lo, lo2), _mm512_sub_ps(hi, hi2));
}

/* to[i][j] = from[j * stride + i]. Four 128-bit quarters from four rows make a vector; after that
 * 4 x 4 numbers are transposed within each quarter. */
INLINE void transpose(const float *from, ptrdiff_t stride, float to[SIDE][SIDE])
{
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++) {
        __m512 r[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const float *p = from + 4 * q + i * stride;
            r[i] = _mm512_castps128_ps512(_mm_loadu_ps(p));
            r[i] = _mm512_mask_broadcast_f32x4(r[i], 0x00F0, _mm_loadu_ps(p + 4 * stride));
            r[i] = _mm512_mask_broadcast_f32x4(r[i], 0x0F00, _mm_loadu_ps(p + 8 * stride));
            r[i] = _mm512_mask_broadcast_f32x4(r[i], 0xF000, _mm_loadu_ps(p + 12 * stride));
        }
        __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r[0], r[1]));
        __m512d b = _mm512_castps_pd(_mm512_unpacklo_ps(r[2], r[3]));
        __m512d c = _mm512_castps_pd(_mm512_unpackhi_ps(r[0], r[1]));
        __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(r[2], r[3]));
        _mm512_store_pd((double *)to[4 * q], _mm512_unpacklo_pd(a, b));
        _mm512_store_pd((double *)to[4 * q + 1], _mm512_unpackhi_pd(a, b));
        _mm512_store_pd((double *)to[4 * q + 2], _mm512_unpacklo_pd(c, d));
        _mm512_store_pd((double *)to[4 * q + 3], _mm512_unpackhi_pd(c, d));
    }
}

INLINE __mmask16 first(size_t n) { return (__mmask16)((1u << n) - 1); }

/* to[i][j] = from[i * line + j * lane], for i < lines and j < lanes; zeros elsewhere. */
AMX void fetch(const float *from, ptrdiff_t line, ptrdiff_t lane, size_t lines, size_t lanes,
               float to[SIDE][SIDE])
{
    const ptrdiff_t count = (ptrdiff_t)lines;
    if (lane == 1) {
        for (ptrdiff_t i = 0; i < SIDE; i++)
            _mm512_store_ps(to[i], i < count ? _mm512_maskz_loadu_ps(first(lanes), from + i * line)
                                             : _mm512_setzero_ps());
    } else if (line == 1 && lines == SIDE && lanes == SIDE) {
        transpose(from, lane, to);
    } else if (line == 1) {
        _Alignas(64) float turned[SIDE][SIDE];
        fetch(from, lane, 1, lanes, lines, turned);
        transpose(turned[0], SIDE, to);
    } else {
        for (ptrdiff_t i = 0; i < SIDE; i++)
            for (ptrdiff_t j = 0; j < SIDE; j++)
                to[i][j] = i < count && j < (ptrdiff_t)lanes ? from[i * line + j * lane] : 0;
    }
}

/* The tiles of a strip of x (LEFT in (5)) or w (RIGHT), whose numbers are from[i * row + k * col].
 * Past rows and K they are zeros. */
enum side { LEFT, RIGHT };
AMX void split_strip(enum side side, const float *from, ptrdiff_t row, ptrdiff_t col, size_t rows,
                     size_t K, tile_row *tiles)
{
    _Alignas(64) float lo[SIDE][SIDE], hi[SIDE][SIDE]; /* k and k + 16 */
    for (size_t k = 0; k < K; k += PAIRED, from += PAIRED * col, tiles += STEP) {
        size_t k_lo = left(k, K), k_hi = left(k + SIDE, K);
        if (side == LEFT && col == 1 && rows == SIDE) { /* the usual x: as below, without copies */
            for (ptrdiff_t i = 0; i < SIDE; i++)
                split(_mm512_maskz_loadu_ps(first(k_lo), from + i * row),
                      _mm512_maskz_loadu_ps(first(k_hi), from + i * row + SIDE), tiles + i);
            continue;
        }
        if (side == LEFT) {
            fetch(from, row, col, rows, k_lo, lo);
            fetch(from + SIDE * col, row, col, rows, k_hi, hi);
        } else {
            fetch(from, col, row, k_lo, rows, lo);
            fetch(from + SIDE * col, col, row, k_hi, rows, hi);
        }
        for (size_t i = 0; i < SIDE; i++)
            split(_mm512_load_ps(lo[i]), _mm512_load_ps(hi[i]), tiles + i);
    }
}

static size_t packed_size(size_t N, size_t K)
{
    return divided(N, SIDE) * divided(K, PAIRED) * STEP * sizeof(tile_row);
}

static void pack(const float *w, ptrdiff_t row, ptrdiff_t col, void *packed, size_t N, size_t K)
{
    tile_row *tiles = packed;
    for (size_t n = 0; n < N; n += SIDE, tiles += divided(K, PAIRED) * STEP)
        split_strip(RIGHT, w + (ptrdiff_t)n * row, row, col, left(n, N), K, tiles);
}

/* ---- multiplying: 2 x 1 tiles of y at a time. Tiles 0 and 1 are the running sums, 2 and 3 hold a
 * part of x, 4 a part of w. */

/* Each of the six products of (3) keeps one operand of the product before: only tiles 2 and 3, or
 * only tile 4, are loaded again. Each also prefetches a little of what is needed later. */
INLINE void prefetch(const tile_row *soon)
{
    for (int i = 0; i < SHARE; i++)
        _mm_prefetch((const char *)(soon + i), _MM_HINT_T1);
}

INLINE void multiply_next_x(const tile_row *x, const tile_row *below, const tile_row *soon)
{
    _tile_loadd(2, x, sizeof *x);
    _tile_loadd(3, below, sizeof *x);
    _tile_dpbf16ps(0, 2, 4);
    _tile_dpbf16ps(1, 3, 4);
    prefetch(soon);
}

INLINE void multiply_next_w(const tile_row *w, const tile_row *soon)
{
    _tile_loadd(4, w, sizeof *w);
    _tile_dpbf16ps(0, 2, 4);
    _tile_dpbf16ps(1, 3, 4);
    prefetch(soon);
}

/* to (32 x 16) = or, with add, += two strips of x, one below the other, times a strip of w. */
AMX void multiply(const tile_row *x, const tile_row *w, const tile_row *soon, size_t steps,
                  int add, float *to, size_t to_row)
{
    const tile_row *below = x + steps * STEP;
    const size_t stride = to_row * sizeof *to;
    if (add) {
        _tile_loadd(0, to, stride);
        _tile_loadd(1, to + SIDE * to_row, stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
    }
    for (; steps > 0; steps--, x += STEP, below += STEP, w += STEP, soon += STEP) {
        _tile_loadd(4, w, sizeof *w);
        multiply_next_x(x + 2 * PART, below + 2 * PART, soon); /* x3 w1 */
        multiply_next_x(x + PART, below + PART, soon + SHARE); /* x2 w1 */
        multiply_next_w(w + PART, soon + 2 * SHARE);           /* x2 w2 */
        multiply_next_x(x, below, soon + 3 * SHARE);           /* x1 w2 */
        multiply_next_w(w + 2 * PART, soon + 4 * SHARE);       /* x1 w3 */
        multiply_next_w(w, soon + 5 * SHARE);                  /* x1 w1 */
    }
    _tile_stored(0, to, stride);
    _tile_stored(1, to + SIDE * to_row, stride);
}

/* to (rows x columns) = from */
AMX void copy(const float *from, size_t from_row, float *to, size_t to_row, size_t rows,
              size_t columns)
{
    const __mmask16 mask = first(columns);
    for (size_t i = 0; i < rows; i++, from += from_row, to += to_row)
        _mm512_mask_storeu_ps(to, mask, _mm512_maskz_loadu_ps(mask, from));
}

/* (1) for a block of rows and a chunk of steps. w_strip is the distance between strips of w. */
AMX void multiply_block(const tile_row *x, const tile_row *w, size_t w_strip, size_t steps, int add,
                        float *y, size_t y_row, size_t rows, size_t N)
{
    _Alignas(64) float part[2 * SIDE * SIDE];
    atomic_signal_fence(memory_order_seq_cst); /* not every compiler sees that tiles read x */
    for (size_t n = 0; n < N; n += SIDE, w += w_strip) {
        const tile_row *strips = x, *soon = w + w_strip;
        const size_t columns = left(n, N);
        for (size_t m = 0; m < rows; m += 2 * SIDE, strips += 2 * steps * STEP, soon += 6 * SHARE) {
            float *to = y + m * y_row + n;
            const size_t high = at_most(rows - m, 2 * SIDE);
            if (high == 2 * SIDE && columns == SIDE) {
                multiply(strips, w, soon, steps, add, to, y_row);
            } else { /* at the edges tiles would write too much */
                if (add)
                    copy(to, y_row, part, SIDE, high, columns);
                multiply(strips, w, soon, steps, add, part, SIDE);
                copy(part, SIDE, to, y_row, high, columns);
            }
        }
    }
}

/* (1). Long rows are cut into chunks, so that a strip of w stays in L1 and a block of x in L2; the
 * first chunk writes y, the others add to it. */
AMX int product(const float *x, ptrdiff_t row, ptrdiff_t col, const void *packed, float *y,
                size_t y_row, size_t M, size_t N, size_t K)
{
    const size_t all = divided(K, PAIRED), chunks = all ? divided(all, CHUNK) : 1;
    const size_t most = divided(all, chunks), strips = 2 * divided(at_most(M, BLOCK), 2 * SIDE);
    tile_row *parts = aligned_alloc(64, (strips * most + 1) * STEP * sizeof *parts);
    if (!parts)
        return -2;
    _tile_loadconfig(&five_tiles);
    for (size_t m = 0; m < M; m += BLOCK) {
        const size_t rows = at_most(M - m, BLOCK);
        for (size_t chunk = 0; chunk < chunks; chunk++) {
            const size_t step = chunk * most, steps = at_most(all - step, most), k = step * PAIRED;
            const float *from = x + (ptrdiff_t)m * row + (ptrdiff_t)k * col;
            for (size_t i = 0; i < 2 * divided(rows, 2 * SIDE); i++)
                split_strip(LEFT, from + (ptrdiff_t)(i * SIDE) * row, row, col,
                            left(i * SIDE, rows), at_most(K - k, steps * PAIRED),
                            parts + i * steps * STEP);
            multiply_block(parts, (const tile_row *)packed + step * STEP, all * STEP, steps,
                           chunk > 0, y + m * y_row, y_row, rows, N);
        }
    }
    _tile_release();
    free(parts);
    return 0;
}

const product_functions product_amx = {packed_size, pack, product};

/* ---- may it run here? */

#ifndef ARCH_REQ_XCOMP_PERM
#define ARCH_REQ_XCOMP_PERM 0x1023
#endif
enum { TILE_DATA = 18 }; /* the number of the tiles in XCR0 */

static const char *find_missing(void)
{
    unsigned a, b, c, d = 0;
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    if (!(d & 1u << 24) || !(d & 1u << 22)) /* AMX-TILE, AMX-BF16 */
        return "this CPU has no AMX with bf16";
    if (syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA))
        return "the system does not allow AMX tiles; Linux does from 5.16 on, unless told not to";
    return NULL;
}

/* Asked once; two threads that ask at once hear the same. */
const char *minibert_amx_missing(void)
{
    static _Atomic(const char *) answer;
    static const char none[] = ""; /* nothing is missing */
    const char *known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (!known) {
        const char *missing = find_missing();
        known = missing ? missing : none;
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known == none ? NULL : known;
}
#endif
#endif
