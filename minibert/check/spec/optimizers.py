"""AdamW, BertAdam and the clipping of gradients, one number at a time.

p parameter, g gradient, m and v first and second moment: vectors (N,), or any shape. A run's
gradients are dicts, one per step, in which a parameter may be missing: it is then left as it is.
"""

import math

import numpy as np


def clip_factor(gradients, max_norm):
    """c = min(1, max_norm / (||g|| + 1e-6)) and ||g||, the norm of all the gradients together."""
    total = 0.0
    for g in gradients:
        for i in np.ndindex(g.shape):
            total += g[i] * g[i]
    norm = math.sqrt(total)
    return min(1.0, max_norm / (norm + 1e-6)), norm


def clip_global(grads, max_norm):
    """g = c g with one c for all parameters, and their norm."""
    c, norm = clip_factor(grads.values(), max_norm)
    return {name: g * c for name, g in grads.items()}, norm


def clip_each(grads, max_norm):
    """g = c g with a c for each parameter, and each norm."""
    clipped, norms = {}, {}
    for name, g in grads.items():
        c, norms[name] = clip_factor([g], max_norm)
        clipped[name] = g * c
    return clipped, norms


def adamw_update(p, g, m, v, t, lr, betas, eps, decay):
    """New p, m, v of update t = 1, 2, ...

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, both made free of bias by
    mhat = m / (1 - beta1^t), vhat = v / (1 - beta2^t);
    p = (1 - lr decay) p - lr mhat / (sqrt vhat + eps).
    """
    p, m, v = p.copy(), m.copy(), v.copy()
    for i in np.ndindex(p.shape):
        m[i] = betas[0] * m[i] + (1 - betas[0]) * g[i]
        v[i] = betas[1] * v[i] + (1 - betas[1]) * g[i] * g[i]
        mhat = m[i] / (1 - betas[0] ** t)
        vhat = v[i] / (1 - betas[1] ** t)
        p[i] = (1 - lr * decay) * p[i] - lr * mhat / (math.sqrt(vhat) + eps)
    return p, m, v


def bert_adam_update(p, g, m, v, lr, betas, eps, decay):
    """New p, m, v: p = p - lr (m / (sqrt v + eps) + decay p), m and v as they are, biased."""
    p, m, v = p.copy(), m.copy(), v.copy()
    for i in np.ndindex(p.shape):
        m[i] = betas[0] * m[i] + (1 - betas[0]) * g[i]
        v[i] = betas[1] * v[i] + (1 - betas[1]) * g[i] * g[i]
        p[i] -= lr * (m[i] / (math.sqrt(v[i]) + eps) + decay * p[i])
    return p, m, v


def adamw_run(params, steps, rates, max_norm, spared, betas=(0.9, 0.999), eps=1e-8, decay=0.01):
    """An update a step with global clipping, rates[t] the learning rate of step t = 0, 1, ...

    Returns
    -------
    history : list of dict
        The parameters after each step.
    m, v : dict
    norms : list of float
        Of all gradients together, before clipping.
    """
    m, v, t = _nothing_yet(params)
    history, norms = [], []
    for step, grads in enumerate(steps):
        params = dict(params)
        clipped, norm = clip_global(grads, max_norm)
        for k, g in clipped.items():
            t[k] += 1
            params[k], m[k], v[k] = adamw_update(
                params[k], g, m[k], v[k], t[k], rates[step], betas, eps, 0 if k in spared else decay
            )
        history.append(params)
        norms.append(norm)
    return history, m, v, norms


def bert_adam_run(params, steps, rates, max_norm, spared, betas=(0.9, 0.999), eps=1e-6, decay=0.01):
    """The same, each parameter clipped alone and rates[t] the rate after t of *its own* updates.

    Returns
    -------
    history : list of dict
        The parameters after each step.
    m, v : dict
    norms : list of dict
        Of each gradient, before clipping.
    """
    m, v, t = _nothing_yet(params)
    history, norms = [], []
    for grads in steps:
        params = dict(params)
        clipped, norm = clip_each(grads, max_norm)
        for k, g in clipped.items():
            params[k], m[k], v[k] = bert_adam_update(
                params[k], g, m[k], v[k], rates[t[k]], betas, eps, 0 if k in spared else decay
            )
            t[k] += 1
        history.append(params)
        norms.append(norm)
    return history, m, v, norms


def _nothing_yet(params):
    """Zero moments and counts."""
    m, v = ({k: np.zeros_like(p) for k, p in params.items()} for _ in "mv")
    return m, v, dict.fromkeys(params, 0)
