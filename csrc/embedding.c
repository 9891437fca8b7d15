/* Embeddings: the sum of three table rows a token, and its gradient. Token m of the block is number
 * first + m; its place is that modulo L. */
#include "float32.h"
#include "int8.h"

/* The rows of token m in the three tables. */
typedef struct {
    size_t word, position, segment;
} Rows;

/* 0 where a table of so many rows has not got its. A negative number is a very large one. */
static int find(Rows *at, Rows count, const int64_t *ids, const int64_t *kinds, size_t m, size_t place)
{
    *at = (Rows){(size_t)ids[m], place, kinds ? (size_t)kinds[m] : 0};
    return at->word < count.word && at->position < count.position && at->segment < count.segment;
}

size_t minibert_embed(const minibert_table *word, const minibert_table *position,
                      const minibert_table *segment, const int64_t *ids, const int64_t *kinds,
                      size_t first, size_t L, float *e, size_t M, size_t D)
{
    const Rows count = {word->rows, position->rows, segment->rows};
    Rows at;
    for (size_t m = 0; m < M; m++) {
        if (!find(&at, count, ids, kinds, m, (first + m) % L))
            return m;
        const float *w = word->w + at.word * D;
        const float *p = position->w + at.position * D;
        const float *s = segment->w + at.segment * D;
        for (size_t d = 0; d < D; d++)
            e[m * D + d] = w[d] + p[d] + s[d];
    }
    return M;
}

/* The same from tables in int8: a number is its code times its row's scale. */
size_t minibert_embed_int8(const minibert_int8_table *word, const minibert_int8_table *position,
                           const minibert_int8_table *segment, const int64_t *ids,
                           const int64_t *kinds, size_t first, size_t L, float *e, size_t M,
                           size_t D)
{
    const Rows count = {word->rows, position->rows, segment->rows};
    Rows at;
    for (size_t m = 0; m < M; m++) {
        if (!find(&at, count, ids, kinds, m, (first + m) % L))
            return m;
        const int8_t *w = word->q + at.word * D;
        const int8_t *p = position->q + at.position * D;
        const int8_t *s = segment->q + at.segment * D;
        const float w_scale = word->scale[at.word], p_scale = position->scale[at.position];
        const float s_scale = segment->scale[at.segment];
        for (size_t d = 0; d < D; d++)
            e[m * D + d] = (float)w[d] * w_scale + (float)p[d] * p_scale + (float)s[d] * s_scale;
    }
    return M;
}

void minibert_embed_gradient(const float *de, const int64_t *ids, const int64_t *kinds, size_t L,
                             float *dword, float *dposition, float *dsegment, size_t M, size_t D)
{
    for (size_t m = 0; m < M; m++) {
        float *w = dword + (size_t)ids[m] * D;
        float *p = dposition + m % L * D;
        float *s = dsegment + (kinds ? (size_t)kinds[m] : 0) * D;
        for (size_t d = 0; d < D; d++) {
            w[d] += de[m * D + d];
            p[d] += de[m * D + d];
            s[d] += de[m * D + d];
        }
    }
}
