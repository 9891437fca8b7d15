/* Attention on AMX tiles of bf16, for int8 models: forward only, without scores and dropout.
 *
 *   s = q k^T / sqrt(K) + bias                                         16 queries, all keys     (1)
 *   p = e^(s - max s),   context = p v / sum of p                                               (2)
 *
 * q, k, p and v are rounded to bf16, eight bits: by an instruction of AVX-512, ties to even, where a
 * pair are neighbours in a row, and for v, whose pairs stand one below another, by hand (amx.h), ties
 * away from zero. Sums, maxima and exponentials are float32. That costs a few 2^-9 of the context, of
 * either sign, beside the 2^-8 of a row's largest number that its codes in int8 cost next.
 *
 * Both products are c = a b with tiles of 16 rows: a holds 16 pairs of numbers a row, b a pair for
 * each of 16 columns a row (float_amx.c). A pair is 2 i and 2 i + 1 of 32 numbers, for k as for keys.
 *
 * Versions: minibert/ops/attention.py is the formula; attention.inc has it in float32, which takes
 * 1.6 times as long at TinyBERT's sizes (a profile of int8 inference, 8 texts of 128 tokens). */
#include "int8_level.h"
#ifdef MINIBERT_AMX
#if (defined(__clang__) ? __clang_major__ : __GNUC__ + 1) >= 12
#include "amx.h"
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,avx512bf16,amx-tile,amx-bf16")
#endif
#include "vector_avx512.h"

#include "math.inc"

enum { SIDE = 16, PAIRED = 2 * SIDE };
typedef struct {
    ints row[SIDE];
} Tile; /* 16 rows of 16 pairs */

/* 32 numbers of a row, rounded: 16 pairs of neighbours. */
static inline ints pairs_along(vec first, vec second)
{
    return (ints)_mm512_cvtne2ps_pbh(second, first);
}

/* Of two rows 16 numbers each, rounded: each pair is one below another. */
static inline ints pairs_across(vec upper, vec lower)
{
    return (ints)pairs(rounded(upper), rounded(lower));
}

static inline vec load_left(const float *p, size_t from, size_t end)
{
    return from >= end ? spread(0.0f) : end - from < LANES ? load_part(p + from, end - from) : load(p + from);
}

/* What a head is made into, for S keys of K numbers. */
typedef struct {
    void *memory;
    Tile *q, *k, *v, *p; /* q, p: a row of tiles for 16 queries; k, v: by columns, then steps */
    float *scores, *context;
    size_t K_steps, S_steps; /* of 32 */
} Space;

static int make_space(Space *s, size_t S, size_t K)
{
    s->K_steps = divided(K, PAIRED), s->S_steps = divided(S, PAIRED);
    const size_t of_keys = 2 * s->S_steps * s->K_steps; /* tiles of k, and of v */
    const size_t tiles = s->K_steps + s->S_steps + 2 * of_keys + 2 * (s->K_steps + s->S_steps);
    s->memory = aligned_alloc(64, (tiles + 1) * sizeof(Tile));
    if (!s->memory)
        return -2;
    s->q = s->memory;
    s->p = s->q + s->K_steps;
    s->k = s->p + s->S_steps;
    s->v = s->k + of_keys;
    s->scores = (float *)(s->v + of_keys);
    s->context = s->scores + SIDE * PAIRED * s->S_steps;
    return 0;
}

/* c (16 x 32 columns a pair of blocks) = a b; tiles 0 and 1 are sums, 2 is a, 3 and 4 are b */
static void multiply(const Tile *a, const Tile *b, size_t steps, size_t block_pairs, float *c)
{
    const size_t c_row = block_pairs * PAIRED;
    atomic_signal_fence(memory_order_seq_cst); /* not every compiler sees that tiles read memory */
    for (size_t j = 0; j < block_pairs; j++, b += 2 * steps, c += PAIRED) {
        _tile_zero(0);
        _tile_zero(1);
        for (size_t i = 0; i < steps; i++) {
            _tile_loadd(2, a + i, 64);
            _tile_loadd(3, b + i, 64);
            _tile_loadd(4, b + steps + i, 64);
            _tile_dpbf16ps(0, 2, 3);
            _tile_dpbf16ps(1, 2, 4);
        }
        _tile_stored(0, c, c_row * sizeof *c);
        _tile_stored(1, c + SIDE, c_row * sizeof *c);
    }
    atomic_signal_fence(memory_order_seq_cst);
}

/* Rows (16, or fewer, then zeros) as tiles of a: pairs along the row. */
static void rows_to_tiles(const float *from, ptrdiff_t row, size_t rows, size_t n, float factor,
                          Tile *to)
{
    for (size_t k = 0; k < n; k += PAIRED, to++)
        for (size_t i = 0; i < SIDE; i++) {
            const float *here = from + (ptrdiff_t)i * row;
            to->row[i] = i < rows ? pairs_along(load_left(here, k, n) * spread(factor),
                                                load_left(here, k + SIDE, n) * spread(factor))
                                  : (ints)spread_word(0);
        }
}

/* The same rows as a block of 16 columns of b: column j is row j. */
static void rows_to_columns(const float *from, ptrdiff_t row, size_t rows, size_t n, Tile *to)
{
    rows_to_tiles(from, row, rows, n, 1.0f, to);
    for (size_t k = 0; k < n; k += PAIRED, to++)
        transpose((vec *)to->row);
}

/* v as b: 32 keys a step, 16 of its K numbers a block. */
static void values_to_tiles(const minibert_attention *a, const float *v, const Space *s)
{
    for (size_t block = 0; block < 2 * s->K_steps; block++)
        for (size_t step = 0; step < s->S_steps; step++) {
            Tile *to = s->v + block * s->S_steps + step;
            for (size_t i = 0; i < SIDE; i++) {
                const size_t key = step * PAIRED + 2 * i;
                const float *row = v + (ptrdiff_t)key * a->row;
                const vec zero = spread(0.0f);
                vec upper = key < a->S ? load_left(row, block * SIDE, a->K) : zero;
                vec lower = key + 1 < a->S ? load_left(row + a->row, block * SIDE, a->K) : zero;
                to->row[i] = pairs_across(upper, lower);
            }
        }
}

/* (2) for a query's row of scores: p as a row of tiles; the sum is returned. */
static float softmax_row(const minibert_attention *a, float *x, size_t i, const Space *s)
{
    const size_t wide = s->S_steps * PAIRED;
    vec max = spread(-INFINITY), sum = spread(0.0f);
    if (a->bias)
        for (size_t j = 0; j < a->S; j += LANES)
            store(x + j, load(x + j) + load_left(a->bias, j, a->S));
    for (size_t j = a->S; j < wide; j++) /* past the last key */
        x[j] = -INFINITY;
    for (size_t j = 0; j < wide; j += LANES)
        max = larger(load(x + j), max);
    const vec top = spread(largest_of(max));
    for (size_t step = 0; step < s->S_steps; step++, x += PAIRED) {
        vec lo = exp_below(load(x) - top), hi = exp_below(load(x + SIDE) - top);
        sum += lo + hi;
        s->p[step].row[i] = pairs_along(lo, hi);
    }
    return sum_of(sum);
}

static void one_head(const minibert_attention *a, const float *q, const float *k, const float *v,
                     float *context, const Space *s)
{
    for (size_t j = 0; j < s->S_steps * PAIRED; j += SIDE)
        rows_to_columns(k + (ptrdiff_t)j * a->row, a->row, j < a->S ? a->S - j : 0, a->K,
                        s->k + j / SIDE * s->K_steps);
    values_to_tiles(a, v, s);
    for (size_t l = 0; l < a->L; l += SIDE) {
        const size_t rows = a->L - l < SIDE ? a->L - l : SIDE;
        const size_t S_row = s->S_steps * PAIRED, K_row = s->K_steps * PAIRED;
        float sums[SIDE];
        rows_to_tiles(q + (ptrdiff_t)l * a->row, a->row, rows, a->K, 1.0f / sqrtf((float)a->K), s->q);
        multiply(s->q, s->k, s->K_steps, s->S_steps, s->scores); /* (1) */
        for (size_t i = 0; i < SIDE; i++)
            sums[i] = softmax_row(a, s->scores + i * S_row, i, s);
        multiply(s->p, s->v, s->S_steps, s->K_steps, s->context); /* (2) */
        for (size_t i = 0; i < rows; i++) {
            float *to = context + (ptrdiff_t)(l + i) * a->context_row;
            for (size_t j = 0; j < a->K; j += LANES)
                store_part(to + j, load(s->context + i * K_row + j) * spread(1.0f / sums[i]),
                           a->K - j < LANES ? a->K - j : LANES);
        }
    }
}

int attention_amx_runs(void)
{
    static atomic_int known;
    return cpu_has(1, 5, &known); /* AVX512_BF16: every CPU with AMX has it, not every virtual one */
}

int attention_amx(const minibert_attention *a, size_t first_head, size_t end_head)
{
    Space s;
    if (!a->L || !a->S)
        return 0;
    if (make_space(&s, a->S, a->K))
        return -2;
    _tile_loadconfig(&five_tiles);
    for (size_t h = first_head; h < end_head; h++) {
        const ptrdiff_t at = (ptrdiff_t)h * a->head;
        one_head(a, a->q + at, a->k + at, a->v + at,
                 a->context + (ptrdiff_t)h * a->context_head, &s);
    }
    _tile_release();
    free(s.memory);
    return 0;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
#endif
