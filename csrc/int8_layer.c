/* Transformer layers in int8 without gradients, all of them in one call, by one thread or several.
 *
 *   q, k, v = x Wqkv^T + b                                                                    (1)
 *   context = attention(q, k, v)         of every sequence, in float32; on AMX in bf16        (2)
 *   x1 = layernorm(x + context Wo^T + b)                                                      (3)
 *   a = gelu(x1 W1^T + b1)                                                                    (4)
 *   y = layernorm(x1 + a W2^T + b2)                                                           (5)
 *
 * The four products are int8: x, context, x1 and a become codes where they are made, each once, in
 * blocks of rows. Between (2) and the next layer's (2) rows do not meet, so a block goes through
 * (3), (4), (5) while its numbers are in the second-level cache, and so do a layer's weights, which
 * int8 makes small enough for it. Two ways to share the work, see pieces.inc:
 *
 *   many sequences   each thread takes some sequences through all layers: nobody waits
 *   few              each thread takes some heads through (1), (2), then some rows through (3), (4),
 *                    (5): q, k and v stay in its own cache, and only codes and contexts change hands
 *
 * Versions: minibert/ops/layer.py is the formula; with int8 weights its products are those of
 * minibert/ops/int8.py. */
#include "int8_level.h"
#include <stdlib.h>
#include <string.h>

enum {
    GROUPS = 16,     /* of sequences, at most */
    GROUP_ROWS = 128, /* of sequences that go through a layer together */
    ROW_PIECES = 8,  /* of a step, at most */
    HEAD_PIECES = 4  /* of a sequence's attention, at most */
};

/* Codes plus the level's shift, K a row, to a whole number of steps; x = scale (q - zero). */
typedef struct {
    uint8_t *q;
    float *scale;
    int32_t *zero;
} Codes;

/* A thread's own memory. */
typedef struct {
    void *memory;
    Codes codes;          /* of a block of rows */
    float *sums, *x1;     /* of it; sums: int32, then what they stand for in the same place */
    float *qkv, *context; /* of sequences that go through a layer together; few: qkv of some heads */
} Space;

typedef struct {
    minibert_int8_layers_call *call;
    int8_functions f;
    float_functions g;
    const Space *space;
    const minibert_int8_layer *layer; /* the one that is computed now */
    const float *x;
    float *y, *scores;
    int64_t step;
} Work;

#include "pieces.inc"

static size_t larger_of(size_t a, size_t b) { return a > b ? a : b; }

static size_t length_of(const minibert_int8_layers_call *c, size_t b)
{
    return (size_t)(c->offsets[b + 1] - c->offsets[b]);
}

static void note(int *status, int failed)
{
    if (failed)
        *status = failed;
}

/* Whole cache lines for n numbers of 4 bytes, from `at` on. */
static void *part(char **at, size_t n)
{
    void *start = *at;
    *at += divided(n, 16) * 64;
    return start;
}

static size_t bytes_of(size_t K) { return divided(K, STEP) * STEP; }

/* The widest that q, k or v of some heads can be, whose first may stand anywhere in a strip. */
static size_t width_of(size_t W) { return (divided(W, STRIP) + 1) * STRIP; }

static int make_space(const minibert_int8_layers_call *c, Space *s)
{
    size_t inputs = 0, outputs = 0, D = 0, W = 0, rows = GROUP_ROWS;
    for (size_t i = 0; i < c->count; i++) {
        const minibert_int8_layer *l = c->layers + i;
        D = larger_of(D, l->out.N), W = larger_of(W, l->out.K);
        inputs = larger_of(inputs, larger_of(l->down.K, larger_of(l->qkv.K, W)));
        outputs = larger_of(outputs, larger_of(l->up.N, larger_of(l->qkv.N, D)));
    }
    for (size_t b = 0; b < c->B; b++)
        rows = larger_of(rows, length_of(c, b));
    outputs = divided(outputs, STRIP) * STRIP, W = width_of(W);
    const size_t numbers = BLOCK * (bytes_of(inputs) / 4 + 2 + outputs + D) + rows * 4 * W;
    s->memory = malloc(4 * numbers + 64 * 8);
    if (!s->memory)
        return -2;
    char *at = (char *)(((uintptr_t)s->memory + 63) & ~(uintptr_t)63);
    s->codes.q = part(&at, BLOCK * bytes_of(inputs) / 4);
    s->codes.zero = part(&at, BLOCK);
    s->codes.scale = part(&at, BLOCK);
    s->sums = part(&at, BLOCK * outputs);
    s->x1 = part(&at, BLOCK * D);
    s->qkv = part(&at, rows * 3 * W);
    s->context = part(&at, rows * W);
    return 0;
}

/* ---- a block of rows */

/* Row i of x becomes codes, for a product with K inputs. */
static int encode(const Work *w, Codes to, size_t i, const float *x, size_t K)
{
    uint8_t *q = to.q + i * bytes_of(K);
    if (!w->f.codes->quantize_row(x, q, w->f.shift, to.scale + i, to.zero + i, K))
        return -3;
    to.zero[i] += (int32_t)w->f.shift;
    memset(q + K, 0, bytes_of(K) - K);
    return 0;
}

static Range all_strips(const minibert_int8_weight *u) { return (Range){0, divided(u->N, STRIP)}; }

/* The sums of so many rows for some strips of a weight. */
static void multiply(const Work *w, const uint8_t *q, const minibert_int8_weight *u, Range strips,
                     size_t rows)
{
    const int8_t *first = strips_of(u->packed, u->N) + strips.from * STRIP * bytes_of(u->K);
    w->f.product(q, first, (int32_t *)w->space->sums, rows, strips.size, divided(u->K, STEP));
}

/* What row i of these sums stands for; b may be NULL, and y may be where the sums are. */
static void decode(const Work *w, const minibert_int8_weight *u, Range strips, size_t i, float scale,
                   int32_t zero, const float *b, float *y)
{
    const size_t n = strips.from * STRIP, wide = strips.size * STRIP;
    w->f.codes->dequantize_row((const int32_t *)w->space->sums + i * wide, row_sums(u->packed) + n,
                               scale, zero, u->scale + n, b ? b + n : NULL, y,
                               at_most(wide, u->N - n));
}

/* The sums of a block: its codes times all of a weight. */
static void product_of_block(const Work *w, const minibert_int8_weight *u, size_t rows)
{
    multiply(w, w->space->codes.q, u, all_strips(u), rows);
}

/* Where the sums of its row i are, and what they stand for. */
static float *sums_at(const Work *w, const minibert_int8_weight *u, size_t i)
{
    return w->space->sums + i * divided(u->N, STRIP) * STRIP;
}

static void decode_row(const Work *w, const minibert_int8_weight *u, size_t i, const float *b, float *y)
{
    const Codes *of = &w->space->codes;
    decode(w, u, all_strips(u), i, of->scale[i], of->zero[i], b, y);
}

/* y = layernorm(residual + row i of the product + b) */
static void normalize(const Work *w, const minibert_int8_weight *u, size_t i,
                      const minibert_norm *norm, const float *residual, float *y)
{
    float *z = sums_at(w, u, i);
    decode_row(w, u, i, NULL, z);
    w->g.fused->add_layernorm(z, u->b, residual, norm->gamma, norm->beta, norm->eps, NULL, NULL,
                              NULL, y, 1, u->N);
}

/* (1) */
static int qkv_block(const Work *w, const float *x, float *qkv, size_t rows)
{
    const minibert_int8_weight *u = &w->layer->qkv;
    int status = 0;
    for (size_t i = 0; i < rows; i++)
        note(&status, encode(w, w->space->codes, i, x + i * u->K, u->K));
    product_of_block(w, u, rows);
    for (size_t i = 0; i < rows; i++)
        decode_row(w, u, i, u->b, qkv + i * u->N);
    return status;
}

/* (3), (4), (5) */
static int rest_block(const Work *w, const float *context, const float *x, float *y, size_t rows)
{
    const minibert_int8_layer *l = w->layer;
    const Codes codes = w->space->codes;
    const size_t D = l->out.N, W = l->out.K, F = l->up.N;
    float *x1 = w->space->x1;
    int status = 0;
    for (size_t i = 0; i < rows; i++)
        note(&status, encode(w, codes, i, context + i * W, W));
    product_of_block(w, &l->out, rows);
    for (size_t i = 0; i < rows; i++) {
        normalize(w, &l->out, i, &l->norm1, x + i * D, x1 + i * D); /* (3) */
        note(&status, encode(w, codes, i, x1 + i * D, D));
    }
    product_of_block(w, &l->up, rows);
    for (size_t i = 0; i < rows; i++) {
        float *a = sums_at(w, &l->up, i);
        decode_row(w, &l->up, i, l->up.b, a);
        w->g.rows->gelu(a, a, F); /* (4) */
        note(&status, encode(w, codes, i, a, F));
    }
    product_of_block(w, &l->down, rows);
    for (size_t i = 0; i < rows; i++)
        normalize(w, &l->down, i, &l->norm2, x1 + i * D, y + i * D); /* (5) */
    return status;
}

/* ---- steps: qkv and context are those of the rows that are asked for */

static int qkv_rows(const Work *w, const float *x, float *qkv, size_t rows)
{
    int status = 0;
    for (size_t m = 0; m < rows; m += BLOCK)
        note(&status, qkv_block(w, x + m * w->layer->qkv.K, qkv + m * w->layer->qkv.N,
                            at_most(rows - m, BLOCK)));
    return status;
}

static int rest_rows(const Work *w, const float *context, const float *x, float *y, size_t rows)
{
    const size_t D = w->layer->out.N, W = w->layer->out.K;
    int status = 0;
    for (size_t m = 0; m < rows; m += BLOCK)
        note(&status, rest_block(w, context + m * W, x + m * D, y + m * D, at_most(rows - m, BLOCK)));
    return status;
}

/* (2) for some heads of sequence b; q, k and v point to the first of them, context to that of all */
static int attend(const Work *w, size_t b, const float *q, const float *k, const float *v, size_t row,
                  float *context, Range heads)
{
    const minibert_int8_layers_call *c = w->call;
    const size_t H = w->layer->H, K = w->layer->K, L = length_of(c, b);
    const int64_t alone[2] = {0, (int64_t)L};
    minibert_attention a = {
        .q = q, .k = k, .v = v, .row = (ptrdiff_t)row, .head = (ptrdiff_t)K,
        .bias = c->bias ? c->bias + c->offsets[b] : NULL,
        .context = context + heads.from * K, .context_row = (ptrdiff_t)(H * K),
        .context_head = (ptrdiff_t)K,
        .scores = w->scores ? w->scores + (b * H + heads.from) * L * L : NULL,
        .H = heads.size, .K = K};
    if (w->f.attention && !w->scores) {
        a.L = a.S = L;
        return w->f.attention(&a, 0, heads.size);
    }
    return minibert_attention_forward(c->float_level, &a, alone, alone, 0, 1, 0, heads.size);
}

static void begin_layer(Work *w, size_t i)
{
    minibert_int8_layers_call *c = w->call;
    w->layer = c->layers + i;
    w->x = i ? c->y[i - 1] : c->x;
    w->y = c->y[i];
    w->scores = c->scores ? c->scores[i] : NULL;
}

/* ---- few sequences: two steps a layer, (1) and (2) by heads, then (3), (4), (5) by rows. Before them
 * the codes of x are there. */

static Codes codes_of(const minibert_int8_layers_call *c, size_t row, size_t K)
{
    return (Codes){c->codes + row * bytes_of(K), c->scale + row, c->zero + row};
}

static int encode_rows(const Work *w, const float *x, Range rows, size_t K)
{
    const Codes to = codes_of(w->call, rows.from, K);
    int status = 0;
    for (size_t i = 0; i < rows.size; i++)
        note(&status, encode(w, to, i, x + (rows.from + i) * K, K));
    return status;
}

static int encode_piece(const Work *w, size_t i, size_t count)
{
    return encode_rows(w, w->call->x, piece(i, count, w->call->M, ROOM), w->call->layers->qkv.K);
}

/* (1), (2): strips that hold q, k and v of the heads, and what else is in them */
static int heads_piece(const Work *w, size_t i, size_t count)
{
    const minibert_int8_layers_call *c = w->call;
    const minibert_int8_weight *u = &w->layer->qkv;
    const size_t groups = count / c->B, b = i / groups, K = w->layer->K, W = w->layer->H * K;
    const size_t first = (size_t)c->offsets[b], L = length_of(c, b);
    const Range heads = piece(i % groups, groups, w->layer->H, 1);
    const size_t wide = width_of(heads.size * K), row = 3 * wide;
    const float *qkv[3];
    for (size_t third = 0; third < 3; third++) {
        const size_t n = third * W + heads.from * K, from = n / STRIP;
        const Range strips = {from, divided(n + heads.size * K, STRIP) - from};
        float *to = w->space->qkv + third * wide;
        qkv[third] = to + n % STRIP;
        for (size_t m = 0; m < L; m += BLOCK) {
            const Codes x = codes_of(c, first + m, u->K);
            const size_t rows = at_most(L - m, BLOCK);
            multiply(w, x.q, u, strips, rows);
            for (size_t j = 0; j < rows; j++)
                decode(w, u, strips, j, x.scale[j], x.zero[j], u->b, to + (m + j) * row);
        }
    }
    return attend(w, b, qkv[0], qkv[1], qkv[2], row, c->context + first * W, heads);
}

static int rest_piece(const Work *w, size_t i, size_t count)
{
    const size_t D = w->layer->out.N, W = w->layer->out.K;
    Range rows = piece(i, count, w->call->M, ROOM);
    int status = rest_rows(w, w->call->context + rows.from * W, w->x + rows.from * D,
                           w->y + rows.from * D, rows.size);
    if (w->layer + 1 < w->call->layers + w->call->count) /* which reads the codes */
        note(&status, encode_rows(w, w->y, rows, D));
    return status;
}

static void share_steps(Work *w)
{
    const minibert_int8_layers_call *c = w->call;
    const size_t pieces_of_rows = at_most(divided(c->M, ROOM), ROW_PIECES);
    all_pieces(w, pieces_of_rows, encode_piece);
    for (size_t i = 0; i < c->count; i++) {
        begin_layer(w, i);
        all_pieces(w, c->B * at_most(w->layer->H, HEAD_PIECES), heads_piece);
        all_pieces(w, pieces_of_rows, rest_piece);
    }
}

/* ---- many sequences: some of them through all layers */

/* Sequences from b to end through a layer. */
static int group(const Work *w, size_t b, size_t end)
{
    const minibert_int8_layers_call *c = w->call;
    const size_t D = w->layer->out.N, W = w->layer->out.K, first = (size_t)c->offsets[b];
    const size_t rows = (size_t)c->offsets[end] - first;
    float *qkv = w->space->qkv, *context = w->space->context;
    int status = qkv_rows(w, w->x + first * D, qkv, rows);
    for (; b < end; b++) {
        const size_t at = (size_t)c->offsets[b] - first;
        const float *q = qkv + at * 3 * W;
        note(&status, attend(w, b, q, q + W, q + 2 * W, 3 * W, context + at * W,
                             (Range){0, w->layer->H}));
    }
    note(&status, rest_rows(w, context, w->x + first * D, w->y + first * D, rows));
    return status;
}

static int sequences_piece(const Work *shared, size_t i, size_t count)
{
    Work w = *shared;
    const minibert_int8_layers_call *c = w.call;
    Range all = piece(i, count, c->B, 1);
    int status = 0;
    for (size_t layer = 0; layer < c->count; layer++) {
        begin_layer(&w, layer);
        for (size_t b = all.from, end; b < all.from + all.size; b = end) {
            end = b + 1;
            while (end < all.from + all.size && c->offsets[end + 1] - c->offsets[b] <= GROUP_ROWS)
                end++;
            note(&status, group(&w, b, end));
        }
    }
    return status;
}

size_t minibert_int8_codes_size(size_t M, size_t K) { return (M + ROOM - 1) * bytes_of(K); }

int minibert_int8_layers_forward(minibert_int8_layers_call *c)
{
    Space space;
    Work w = {.call = c, .f = minibert_int8_functions(c->level),
              .g = minibert_float_functions(c->float_level), .space = &space};
    if (!w.f.product || !w.g.fused)
        return -1;
    if (make_space(c, &space))
        return -2; /* the others do it all */
    if (c->B < FEW_SEQUENCES)
        share_steps(&w);
    else
        all_pieces(&w, at_most(c->B, GROUPS), sequences_piece);
    free(space.memory);
    return c->status;
}
