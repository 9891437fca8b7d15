/* The updates of AdamW and BertAdam in one pass over memory: the bits of minibert/ops/adam.py.
 *
 *   m = beta1 m + (1 - beta1) g                        g stands for scale g throughout   (1)
 *   v = beta2 v + (1 - beta2) g^2                                                        (2)
 *
 *   AdamW     p = p (1 - lr decay)                                                       (3)
 *             p = p - lr/(1 - beta1^t) m / (sqrt(v)/sqrt(1 - beta2^t) + eps)             (4)
 *   BertAdam  p = p - lr (m/(sqrt(v) + eps) + decay p)                                   (6)
 *
 * All is elementwise and rounds where NumPy does, so that no bit differs. A number takes 28 bytes of
 * memory traffic, which bounds it on large tables; within the cache the square root and the two
 * divisions do. Four numbers at once keep up with both: there is no form for wider registers. */
#include "float32.h"
#include <math.h>

void minibert_adamw(const minibert_moments *common, float shrink, float rate, float root, float eps,
                    float *p, const float *g, float *m, float *v, size_t n)
{
    const minibert_moments c = *common;
    for (size_t i = 0; i < n; i++) {
        float g_i = g[i] * c.scale;
        float m_i = m[i] * c.beta1 + g_i * c.rest1;       /* (1) */
        float v_i = v[i] * c.beta2 + g_i * g_i * c.rest2; /* (2) */
        float step = m_i / (sqrtf(v_i) / root + eps) * rate;
        p[i] = p[i] * shrink - step; /* (3), (4) */
        m[i] = fabsf(m_i) < c.least ? 0.0f : m_i;
        v[i] = fabsf(v_i) < c.least ? 0.0f : v_i;
    }
}

void minibert_bert_adam(const minibert_moments *common, float lr, float decay, float eps, float *p,
                        const float *g, float *m, float *v, size_t n)
{
    const minibert_moments c = *common;
    for (size_t i = 0; i < n; i++) {
        float g_i = g[i] * c.scale;
        float m_i = m[i] * c.beta1 + g_i * c.rest1;       /* (1) */
        float v_i = v[i] * c.beta2 + g_i * g_i * c.rest2; /* (2) */
        float step = m_i / (sqrtf(v_i) + eps) + p[i] * decay;
        p[i] = p[i] - step * lr; /* (6) */
        m[i] = fabsf(m_i) < c.least ? 0.0f : m_i;
        v[i] = fabsf(v_i) < c.least ? 0.0f : v_i;
    }
}

/* In float64, whose range a float32 square cannot leave; eight sums side by side. */
double minibert_sum_of_squares(const float *x, size_t n)
{
    double sums[8] = {0}, total = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            sums[j] += (double)x[i + j] * (double)x[i + j];
    for (; i < n; i++)
        total += (double)x[i] * (double)x[i];
    for (size_t j = 0; j < 8; j++)
        total += sums[j];
    return total;
}
