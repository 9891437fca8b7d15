/* Embeddings: the sum of three table rows a token, and its gradient. Token m of the block is number
 * first + m; its place is that modulo L. */
#include "float32.h"
#include "int8.h"

/* Whether a table of so many rows has this one, which a negative number is not. */
static int has(size_t rows, int64_t row) { return (uint64_t)row < rows; }

size_t minibert_embed(const minibert_table *word, const minibert_table *position,
                      const minibert_table *segment, const int64_t *ids, const int64_t *kinds,
                      size_t first, size_t L, float *e, size_t M, size_t D)
{
    for (size_t m = 0; m < M; m++) {
        const int64_t kind = kinds ? kinds[m] : 0;
        const size_t place = (first + m) % L;
        if (!has(word->rows, ids[m]) || !has(segment->rows, kind) || place >= position->rows)
            return m;
        const float *w = word->w + (size_t)ids[m] * D;
        const float *p = position->w + place * D;
        const float *s = segment->w + (size_t)kind * D;
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
    for (size_t m = 0; m < M; m++) {
        const int64_t kind = kinds ? kinds[m] : 0;
        const size_t place = (first + m) % L;
        if (!has(word->rows, ids[m]) || !has(segment->rows, kind) || place >= position->rows)
            return m;
        const int8_t *w = word->q + (size_t)ids[m] * D;
        const int8_t *p = position->q + place * D;
        const int8_t *s = segment->q + (size_t)kind * D;
        const float w_scale = word->scale[ids[m]], p_scale = position->scale[place];
        const float s_scale = segment->scale[kind];
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
