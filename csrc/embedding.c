/* Embeddings: the sum of three table rows a token, and its gradient. The caller has checked ids and
 * kinds against their tables. Token m of the block is number first + m; its place is that modulo L. */
#include "float32.h"
#include "int8.h"

void minibert_embed(const float *word, const float *position, const float *segment, const int64_t *ids,
                    const int64_t *kinds, size_t first, size_t L, float *e, size_t M, size_t D)
{
    for (size_t m = 0; m < M; m++) {
        const float *w = word + (size_t)ids[m] * D;
        const float *p = position + (first + m) % L * D;
        const float *s = segment + (size_t)kinds[m] * D;
        for (size_t d = 0; d < D; d++)
            e[m * D + d] = w[d] + p[d] + s[d];
    }
}

/* The same from tables in int8: a number is its code times its row's scale. */
void minibert_embed_int8(const minibert_int8_table *word, const minibert_int8_table *position,
                         const minibert_int8_table *segment, const int64_t *ids,
                         const int64_t *kinds, size_t first, size_t L, float *e, size_t M, size_t D)
{
    for (size_t m = 0; m < M; m++) {
        const size_t id = (size_t)ids[m], place = (first + m) % L, kind = (size_t)kinds[m];
        const int8_t *w = word->q + id * D, *p = position->q + place * D, *s = segment->q + kind * D;
        const float w_scale = word->scale[id], p_scale = position->scale[place];
        const float s_scale = segment->scale[kind];
        for (size_t d = 0; d < D; d++)
            e[m * D + d] = (float)w[d] * w_scale + (float)p[d] * p_scale + (float)s[d] * s_scale;
    }
}

void minibert_embed_gradient(const float *de, const int64_t *ids, const int64_t *kinds, size_t L,
                             float *dword, float *dposition, float *dsegment, size_t M, size_t D)
{
    for (size_t m = 0; m < M; m++) {
        float *w = dword + (size_t)ids[m] * D;
        float *p = dposition + m % L * D;
        float *s = dsegment + (size_t)kinds[m] * D;
        for (size_t d = 0; d < D; d++) {
            w[d] += de[m * D + d];
            p[d] += de[m * D + d];
            s[d] += de[m * D + d];
        }
    }
}
