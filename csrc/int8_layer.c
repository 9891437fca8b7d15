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
 *   few              each thread takes some rows, or heads, of every step
 *
 * Versions: minibert/ops/layer.py is the formula; with int8 weights its products are those of
 * minibert/ops/int8.py. */
#include "int8_level.h"
#include <stdlib.h>
#include <string.h>

enum {
    GROUPS = 16,     /* of sequences, at most */
    TOGETHER = 128,  /* rows of sequences that go through a layer together */
    ROW_PIECES = 8,  /* of a step, at most */
    HEAD_PIECES = 4  /* of a sequence's attention, at most */
};

/* A thread's own memory. */
typedef struct {
    void *memory;
    uint8_t *codes; /* of a block of rows */
    int32_t *zero;
    float *scale, *sums, *x1; /* sums: int32, then what they stand for in the same place */
    float *qkv, *context;     /* of sequences that go through a layer together */
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

static int make_space(const minibert_int8_layers_call *c, Space *s)
{
    size_t inputs = 0, outputs = 0, D = 0, W = 0, rows = TOGETHER;
    for (size_t i = 0; i < c->count; i++) {
        const minibert_int8_layer *l = c->layers + i;
        D = larger_of(D, l->out.N), W = larger_of(W, l->out.K);
        inputs = larger_of(inputs, larger_of(l->down.K, larger_of(l->qkv.K, W)));
        outputs = larger_of(outputs, larger_of(l->up.N, larger_of(l->qkv.N, D)));
    }
    for (size_t b = 0; b < c->B; b++)
        rows = larger_of(rows, length_of(c, b));
    if (c->B < FEW_SEQUENCES)
        rows = 0;
    inputs = divided(inputs, STEP) * STEP, outputs = divided(outputs, STRIP) * STRIP;
    const size_t numbers = BLOCK * (inputs / 4 + 2 + outputs + D) + rows * 4 * W;
    s->memory = malloc(4 * numbers + 64 * 8);
    if (!s->memory)
        return -2;
    char *at = (char *)(((uintptr_t)s->memory + 63) & ~(uintptr_t)63);
    s->codes = part(&at, BLOCK * inputs / 4);
    s->zero = part(&at, BLOCK);
    s->scale = part(&at, BLOCK);
    s->sums = part(&at, BLOCK * outputs);
    s->x1 = part(&at, BLOCK * D);
    s->qkv = part(&at, rows * 3 * W);
    s->context = part(&at, rows * W);
    memset(s->codes, 0, BLOCK * inputs); /* between a row's end and the next step's */
    return 0;
}

/* ---- a block of rows */

/* Row i of a block becomes codes, for a product with K inputs. */
static int encode(const Work *w, size_t i, const float *x, size_t K)
{
    const Space *s = w->space;
    int done = w->f.codes->quantize_row(x, s->codes + i * divided(K, STEP) * STEP, w->f.shift,
                                        s->scale + i, s->zero + i, K);
    s->zero[i] += (int32_t)w->f.shift;
    return done ? 0 : -3;
}

static void multiply(const Work *w, const minibert_int8_weight *u, size_t rows)
{
    const Space *s = w->space;
    w->f.product(s->codes, strips_of(u->packed, u->N), (int32_t *)s->sums, rows,
                 divided(u->N, STRIP), divided(u->K, STEP));
}

static float *sums_at(const Work *w, const minibert_int8_weight *u, size_t i)
{
    return w->space->sums + i * divided(u->N, STRIP) * STRIP;
}

/* Row i of the product, in y, which may be where its sums are; b may be NULL. */
static void decode(const Work *w, const minibert_int8_weight *u, size_t i, const float *b, float *y)
{
    const Space *s = w->space;
    w->f.codes->dequantize_row((const int32_t *)sums_at(w, u, i), row_sums(u->packed), s->scale[i],
                               s->zero[i], u->scale, b, y, u->N);
}

/* y = layernorm(residual + row i of the product + b) */
static void normalize(const Work *w, const minibert_int8_weight *u, size_t i,
                      const minibert_norm *norm, const float *residual, float *y)
{
    float *z = sums_at(w, u, i);
    decode(w, u, i, NULL, z);
    w->g.fused->add_layernorm(z, u->b, residual, norm->gamma, norm->beta, norm->eps, NULL, NULL,
                              NULL, y, 1, u->N);
}

/* (1) */
static int qkv_block(const Work *w, const float *x, float *qkv, size_t rows)
{
    const minibert_int8_weight *u = &w->layer->qkv;
    int status = 0;
    for (size_t i = 0; i < rows; i++)
        note(&status, encode(w, i, x + i * u->K, u->K));
    multiply(w, u, rows);
    for (size_t i = 0; i < rows; i++)
        decode(w, u, i, u->b, qkv + i * u->N);
    return status;
}

/* (3), (4), (5) */
static int rest_block(const Work *w, const float *context, const float *x, float *y, size_t rows)
{
    const minibert_int8_layer *l = w->layer;
    const size_t D = l->out.N, W = l->out.K, F = l->up.N;
    float *x1 = w->space->x1;
    int status = 0;
    for (size_t i = 0; i < rows; i++)
        note(&status, encode(w, i, context + i * W, W));
    multiply(w, &l->out, rows);
    for (size_t i = 0; i < rows; i++) {
        normalize(w, &l->out, i, &l->norm1, x + i * D, x1 + i * D); /* (3) */
        note(&status, encode(w, i, x1 + i * D, D));
    }
    multiply(w, &l->up, rows);
    for (size_t i = 0; i < rows; i++) {
        float *a = sums_at(w, &l->up, i);
        decode(w, &l->up, i, l->up.b, a);
        w->g.rows->gelu(a, a, F); /* (4) */
        note(&status, encode(w, i, a, F));
    }
    multiply(w, &l->down, rows);
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

/* (2) for some heads of sequence b, whose first row is that of qkv and context */
static int attend(const Work *w, size_t b, const float *qkv, float *context, Range heads)
{
    const minibert_int8_layers_call *c = w->call;
    const size_t H = w->layer->H, K = w->layer->K, L = length_of(c, b);
    const ptrdiff_t W = (ptrdiff_t)(H * K);
    const int64_t alone[2] = {0, (int64_t)L};
    minibert_attention a = {
        .q = qkv, .k = qkv + W, .v = qkv + 2 * W, .row = 3 * W, .head = (ptrdiff_t)K,
        .bias = c->bias ? c->bias + c->offsets[b] : NULL,
        .context = context, .context_row = W, .context_head = (ptrdiff_t)K,
        .scores = w->scores ? w->scores + b * H * L * L : NULL, .H = H, .K = K};
    if (w->f.attention && !w->scores) {
        a.L = a.S = L;
        return w->f.attention(&a, heads.from, heads.from + heads.size);
    }
    return minibert_attention_forward(c->float_level, &a, alone, alone, 0, 1, heads.from,
                                      heads.from + heads.size);
}

static void begin_layer(Work *w, size_t i)
{
    minibert_int8_layers_call *c = w->call;
    w->layer = c->layers + i;
    w->x = i ? c->y[i - 1] : c->x;
    w->y = c->y[i];
    w->scores = c->scores ? c->scores[i] : NULL;
}

/* ---- few sequences: pieces of every step */

static int qkv_piece(const Work *w, size_t i, size_t count)
{
    const minibert_int8_weight *u = &w->layer->qkv;
    Range rows = piece(i, count, w->call->M, ROOM);
    return qkv_rows(w, w->x + rows.from * u->K, w->call->qkv + rows.from * u->N, rows.size);
}

static int attention_piece(const Work *w, size_t i, size_t count)
{
    const minibert_int8_layers_call *c = w->call;
    const size_t groups = count / c->B, b = i / groups, first = (size_t)c->offsets[b];
    return attend(w, b, c->qkv + first * w->layer->qkv.N, c->context + first * w->layer->out.K,
                  piece(i % groups, groups, w->layer->H, 1));
}

static int rest_piece(const Work *w, size_t i, size_t count)
{
    const size_t D = w->layer->out.N, W = w->layer->out.K;
    Range rows = piece(i, count, w->call->M, ROOM);
    return rest_rows(w, w->call->context + rows.from * W, w->x + rows.from * D,
                     w->y + rows.from * D, rows.size);
}

static void share_every_step(Work *w)
{
    const minibert_int8_layers_call *c = w->call;
    const size_t pieces_of_rows = at_most(divided(c->M, ROOM), ROW_PIECES);
    for (size_t i = 0; i < c->count; i++) {
        begin_layer(w, i);
        all_pieces(w, pieces_of_rows, qkv_piece);
        all_pieces(w, c->B * at_most(w->layer->H, HEAD_PIECES), attention_piece);
        all_pieces(w, pieces_of_rows, rest_piece);
    }
}

/* ---- many sequences: some of them through all layers */

/* Sequences from b to end through a layer. */
static int together(const Work *w, size_t b, size_t end)
{
    const minibert_int8_layers_call *c = w->call;
    const size_t D = w->layer->out.N, first = (size_t)c->offsets[b];
    const size_t rows = (size_t)c->offsets[end] - first;
    float *qkv = w->space->qkv, *context = w->space->context;
    int status = qkv_rows(w, w->x + first * D, qkv, rows);
    for (; b < end; b++) {
        const size_t at = (size_t)c->offsets[b] - first;
        note(&status, attend(w, b, qkv + at * w->layer->qkv.N, context + at * w->layer->out.K,
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
            while (end < all.from + all.size && c->offsets[end + 1] - c->offsets[b] <= TOGETHER)
                end++;
            note(&status, together(&w, b, end));
        }
    }
    return status;
}

int minibert_int8_layers_forward(minibert_int8_layers_call *c)
{
    Space space;
    Work w = {.call = c, .f = minibert_int8_functions(c->level),
              .g = minibert_float_functions(c->float_level), .space = &space};
    if (!w.f.product || !w.g.fused)
        return -1;
    if (make_space(c, &space))
        return c->status = -2;
    if (c->B < FEW_SEQUENCES)
        share_every_step(&w);
    else
        all_pieces(&w, at_most(c->B, GROUPS), sequences_piece);
    free(space.memory);
    return c->status;
}
