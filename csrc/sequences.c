/* Attention over the sequences of a batch: each is found by its offsets and handed to the level. */
#include "float_level.h"

typedef struct {
    minibert_attention a;
    minibert_attention_gradient g;
    minibert_drop drop;
} Sequence;

/* Sequence b of the batch; scores_before: of all heads of the sequences before it. */
static void at_sequence(Sequence *one, const minibert_attention *a,
                        const minibert_attention_gradient *g, int64_t query, int64_t key, size_t L,
                        size_t S, size_t scores_before, size_t first_head, size_t end_head)
{
    size_t head = first_head, score = scores_before + head * L * S;
    minibert_attention *s = &one->a;
    *s = *a;
    s->L = L, s->S = S, s->H = end_head - first_head;
    s->q += query * a->row + head * a->head;
    s->k += key * a->row + head * a->head;
    s->v += key * a->row + head * a->head;
    s->context += query * a->context_row + head * a->context_head;
    if (a->bias)
        s->bias += key;
    if (a->lse)
        s->lse += (size_t)query * a->H + head * L;
    if (a->scores)
        s->scores += score;
    if (a->drop) {
        one->drop = *a->drop;
        one->drop.first += (uint32_t)score;
        s->drop = &one->drop;
    }
    if (g) {
        one->g = *g;
        one->g.dcontext += query * a->context_row + head * a->context_head;
        one->g.dq += query * g->row + head * g->head;
        one->g.dk += key * g->row + head * g->head;
        one->g.dv += key * g->row + head * g->head;
        if (g->dscores)
            one->g.dscores += score;
    }
}

static int each_sequence(int level, const minibert_attention *a, const minibert_attention_gradient *g,
                         const int64_t *queries, const int64_t *keys, size_t first, size_t end,
                         size_t first_head, size_t end_head)
{
    const attention_functions *functions = minibert_float_functions(level).attention;
    if (!functions)
        return -1;
    size_t scores_before = 0;
    for (size_t b = 0; b < end; b++) {
        size_t L = (size_t)(queries[b + 1] - queries[b]), S = (size_t)(keys[b + 1] - keys[b]);
        if (b >= first) {
            Sequence one;
            at_sequence(&one, a, g, queries[b], keys[b], L, S, scores_before, first_head, end_head);
            int status = g ? functions->backward(&one.a, &one.g) : functions->forward(&one.a);
            if (status)
                return status;
        }
        scores_before += a->H * L * S;
    }
    return 0;
}

int minibert_attention_forward(int level, const minibert_attention *a, const int64_t *queries,
                               const int64_t *keys, size_t first, size_t end, size_t first_head,
                               size_t end_head)
{
    return each_sequence(level, a, NULL, queries, keys, first, end, first_head, end_head);
}

int minibert_attention_backward(int level, const minibert_attention *a,
                                const minibert_attention_gradient *g, const int64_t *queries,
                                const int64_t *keys, size_t first, size_t end, size_t first_head,
                                size_t end_head)
{
    return each_sequence(level, a, g, queries, keys, first, end, first_head, end_head);
}
