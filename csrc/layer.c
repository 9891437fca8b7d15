/* Transformer layers without gradients, all of their steps in one call, by one thread or several.
 *
 *   q, k, v = x Wqkv^T + b                        a product (M, 3 H K)                        (1)
 *   context = attention(q, k, v)                  of every sequence                           (2)
 *   x1 = layernorm(x + context Wo^T + b)                                                      (3)
 *   a = gelu(x1 W1^T + b)                                                                     (4)
 *   y = layernorm(x1 + a W2^T + b)                                                            (5)
 *
 * The steps are those of gemm.inc, fused.inc and attention.inc; what is gained is the time between
 * them. With one sentence a step takes 50 to 300 us, and calling it from Python, waking another
 * thread and waiting for it costs a third of that once more.
 *
 * Every thread calls the same function with the same struct; pieces.inc says how they share the
 * steps.
 *
 * Versions: minibert/ops/layer.py is the formula, in terms of the ops that the steps are. */
#include "float_level.h"

enum {
    FEW_ROWS = 128,  /* up to here a product is cut into outputs, above it into rows */
    PIECES = 4,      /* of a product with few rows */
    ROWS = 256,      /* of a piece of one with many */
    NORM_ROWS = 32,  /* of a piece of a LayerNorm */
    PANEL = 32       /* outputs; every level's panels divide it */
};

typedef struct {
    minibert_layers_call *call;
    float_functions f;
    const minibert_layer *layer; /* the one that is computed now */
    const float *x;
    float *y, *scores;
    int64_t step; /* since the first layer */
} Work;

#include "pieces.inc"

/* Rows and outputs of a piece of a product. */
typedef struct {
    size_t m, M, n, N;
} Part;

static size_t product_pieces(size_t M, size_t N)
{
    return M > FEW_ROWS ? 2 * divided(M, 2 * ROWS) : at_most(divided(N, PANEL), PIECES);
}

static Part product_piece(size_t i, size_t count, size_t M, size_t N)
{
    if (M > FEW_ROWS) {
        Range rows = piece(i, count, M, PANEL);
        return (Part){rows.from, rows.size, 0, N};
    }
    Range outputs = piece(i, count, N, PANEL);
    return (Part){0, M, outputs.from, outputs.size};
}

static const void *panels_from(const Work *w, const void *packed, size_t n, size_t K)
{
    return (const char *)packed + w->f.product->packed_size(n, K);
}

static int linear_piece(const Work *w, const minibert_weight *u, const float *x, float *y, Part p)
{
    const size_t K = u->K, N = u->N;
    return w->f.fused->linear(w->f.product->product, x + p.m * K, (ptrdiff_t)K, 1,
                              panels_from(w, u->packed, p.n, K), u->b ? u->b + p.n : NULL,
                              y + p.m * N + p.n, N, p.M, p.N, K);
}

static int qkv_piece(const Work *w, size_t i, size_t count) /* (1) */
{
    const minibert_weight *u = &w->layer->qkv;
    return linear_piece(w, u, w->x, w->call->qkv, product_piece(i, count, w->call->M, u->N));
}

static int attention_piece(const Work *w, size_t i, size_t count) /* (2) */
{
    const minibert_layers_call *c = w->call;
    const size_t H = w->layer->H, K = w->layer->K, groups = count / c->B, b = i / groups;
    const ptrdiff_t W = (ptrdiff_t)(H * K);
    Range heads = piece(i % groups, groups, H, 1);
    minibert_attention a = {
        .q = c->qkv, .k = c->qkv + W, .v = c->qkv + 2 * W, .row = 3 * W, .head = (ptrdiff_t)K,
        .bias = c->bias, .context = c->context, .context_row = W, .context_head = (ptrdiff_t)K,
        .scores = w->scores, .H = H, .K = K};
    return minibert_attention_forward(c->level, &a, c->offsets, c->offsets, b, b + 1, heads.from,
                                      heads.from + heads.size);
}

/* layernorm(residual + x w^T + b), (3) and (5). With few rows it takes two steps: the product, cut
 * into outputs, and then what needs whole rows. */
static int sum_piece(const Work *w, size_t i, size_t count, const minibert_weight *u,
                     const minibert_norm *norm, const float *x, const float *residual, float *y)
{
    const size_t M = w->call->M, D = u->N;
    Part p = product_piece(i, count, M, D);
    if (M <= FEW_ROWS) {
        minibert_weight no_bias = *u;
        no_bias.b = NULL;
        return linear_piece(w, &no_bias, x, y, p);
    }
    return w->f.fused->linear_add_layernorm(
        w->f.product->product, x + p.m * u->K, u->packed, u->b, residual + p.m * D, norm->gamma,
        norm->beta, norm->eps, NULL, NULL, NULL, y + p.m * D, p.M, D, u->K);
}

static int norm_piece(const Work *w, size_t i, size_t count, const minibert_weight *u,
                      const minibert_norm *norm, const float *residual, float *y)
{
    const size_t D = u->N;
    Range rows = piece(i, count, w->call->M, 1);
    y += rows.from * D;
    w->f.fused->add_layernorm(y, u->b, residual + rows.from * D, norm->gamma, norm->beta, norm->eps,
                              NULL, NULL, NULL, y, rows.size, D);
    return 0;
}

static int out_piece(const Work *w, size_t i, size_t count)
{
    const minibert_layer *l = w->layer;
    return sum_piece(w, i, count, &l->out, &l->norm1, w->call->context, w->x, w->call->x1);
}

static int out_norm_piece(const Work *w, size_t i, size_t count)
{
    return norm_piece(w, i, count, &w->layer->out, &w->layer->norm1, w->x, w->call->x1);
}

static int up_piece(const Work *w, size_t i, size_t count) /* (4) */
{
    const minibert_layers_call *c = w->call;
    const minibert_weight *u = &w->layer->up;
    Part p = product_piece(i, count, c->M, u->N);
    return w->f.fused->linear_gelu(w->f.product->product, c->x1 + p.m * u->K,
                                   panels_from(w, u->packed, p.n, u->K), u->b + p.n, NULL,
                                   c->a + p.m * u->N + p.n, u->N, p.M, p.N, u->K);
}

static int down_piece(const Work *w, size_t i, size_t count)
{
    const minibert_layer *l = w->layer;
    return sum_piece(w, i, count, &l->down, &l->norm2, w->call->a, w->call->x1, w->y);
}

static int down_norm_piece(const Work *w, size_t i, size_t count)
{
    return norm_piece(w, i, count, &w->layer->down, &w->layer->norm2, w->call->x1, w->y);
}

int minibert_layers_forward(minibert_layers_call *c)
{
    Work w = {.call = c, .f = minibert_float_functions(c->level)};
    if (!w.f.product)
        return -1;
    const size_t M = c->M, norms = M > FEW_ROWS ? 0 : divided(M, NORM_ROWS);
    for (size_t i = 0; i < c->count; i++) {
        const minibert_layer *l = w.layer = c->layers + i;
        const size_t attentions = c->B == 1 ? at_most(l->H, PIECES) : c->B;
        w.x = i ? c->y[i - 1] : c->x;
        w.y = c->y[i];
        w.scores = c->scores ? c->scores[i] : NULL;
        all_pieces(&w, product_pieces(M, l->qkv.N), qkv_piece);
        all_pieces(&w, attentions, attention_piece);
        all_pieces(&w, product_pieces(M, l->out.N), out_piece);
        all_pieces(&w, norms, out_norm_piece);
        all_pieces(&w, product_pieces(M, l->up.N), up_piece);
        all_pieces(&w, product_pieces(M, l->down.N), down_piece);
        all_pieces(&w, norms, down_norm_piece);
    }
    return c->status;
}
