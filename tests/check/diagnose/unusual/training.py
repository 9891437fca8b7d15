"""Optimizers, clipping and schedules."""

import math
from fractions import Fraction

import numpy as np


def adamw_in_loops(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01):
    """Entry by entry; the numbers of the method are parameters more; nested lists."""
    out = [a.tolist() for a in (p, m, v)]
    for i, j in np.ndindex(p.shape):
        m_ij = beta1 * float(m[i, j]) + (1 - beta1) * float(g[i, j])
        v_ij = beta2 * float(v[i, j]) + (1 - beta2) * float(g[i, j]) ** 2
        m_hat, v_hat = m_ij / (1 - beta1**t), v_ij / (1 - beta2**t)
        p_ij = float(p[i, j])
        p_ij -= lr * decay * p_ij
        out[0][i][j] = p_ij - lr * m_hat / (math.sqrt(v_hat) + eps)
        out[1][i][j], out[2][i][j] = m_ij, v_ij
    return out


def adamw_with_the_larger_eps(p, g, m, v, t, lr):
    """Both corrections in the rate, so that eps gets the root of the second one."""
    m = m + 0.1 * (g - m)
    v = v - 0.001 * (v - g * g)
    root = math.sqrt(1 - 0.999**t)
    rate = lr * root / (1 - 0.9**t)
    return p - lr * 0.01 * p - rate * m / (np.sqrt(v) + 1e-8 * root), m, v


def adamw_in_single_precision(p, g, m, v, t, lr):
    """In float32, in place on copies; a list."""
    p, g, m, v = (np.array(a, np.float32) for a in (p, g, m, v))
    m *= np.float32(0.9)
    m += np.float32(0.1) * g
    v *= np.float32(0.999)
    v += np.float32(0.001) * g * g
    p *= np.float32(1 - lr * 0.01)
    size = np.sqrt(v / np.float32(1 - 0.999**t)) + np.float32(1e-8)
    p -= np.float32(lr / (1 - 0.9**t)) * m / size
    return [p, m, v]


def bert_adam_in_loops(p, g, m, v, lr):
    """The norm by hypot, then entry by entry."""
    shrink = min(1.0, 1 / (math.hypot(*g.flat) + 1e-6))
    p, m, v = p.copy(), m.copy(), v.copy()
    for i in np.ndindex(p.shape):
        x = shrink * g[i]
        m[i] += (x - m[i]) / 10
        v[i] += (x * x - v[i]) / 1000
        p[i] -= lr * m[i] / (v[i] ** 0.5 + 1e-6) + lr * 0.01 * p[i]
    return p, m, v


def bert_adam_of_a_product(p, g, m, v, lr):
    """The decay as a factor on p, and clipping as a division by a number that is at least 1."""
    g = g / max(1.0, np.linalg.norm(g) + 1e-6)
    m, v = np.average([m, g], axis=0, weights=[9, 1]), np.average([v, g**2], 0, weights=[999, 1])
    return (1 - lr / 100) * p - lr * m / (np.sqrt(v) + 1e-6), m, v


def clip_global_of_one_vector(grads, max_norm):
    """All gradients end to end, clipped, and cut apart again."""
    whole = np.concatenate([g.ravel() for g in grads.values()])
    length = np.linalg.norm(whole) + 1e-6
    whole = whole * max_norm / max(length, max_norm)
    ends = np.cumsum([g.size for g in grads.values()])[:-1]
    parts = np.split(whole, ends)
    return {k: x.reshape(g.shape) for (k, g), x in zip(grads.items(), parts, strict=True)}


def clip_global_of_norms(grads, max_norm):
    """The norm of the gradients' norms; the names come in the other order."""
    norm = math.hypot(*(math.sqrt(math.fsum(t * t for t in g.flat)) for g in grads.values()))
    if norm + 1e-6 <= max_norm:
        return {name: g.copy() for name, g in reversed(grads.items())}
    return {name: g / (norm + 1e-6) * max_norm for name, g in reversed(grads.items())}


def linear_schedule_as_the_middle(step, total_steps, warmup_steps):
    """The middle one of 0, the line that rises and the line that falls."""
    up = step / warmup_steps if warmup_steps else 1.0
    down = (total_steps - step) / max(1, total_steps - warmup_steps)
    return sorted((0.0, up, down))[1]


def linear_schedule_of_interpolation(step, total_steps, warmup_steps):
    """Between the corners of the curve."""
    if warmup_steps == 0:
        return np.interp(step, [0, total_steps], [1.0, 0.0])
    return np.interp(step, [0, warmup_steps, total_steps], [0.0, 1.0, 0.0])


def cosine_schedule_of_a_square(step, total_steps, warmup_steps):
    """(1 + cos x)/2 = cos^2(x/2), times the warm-up, each with its argument held in bounds."""
    r = min(1.0, max(0.0, (step - warmup_steps) / max(1, total_steps - warmup_steps)))
    up = min(1.0, step / warmup_steps) if warmup_steps else 1.0
    return up * math.cos(math.pi / 2 * r) ** 2


def bert_schedule_of_fractions(step, total_steps, warmup):
    """The smaller of two lines, exact until the last division."""
    x, w = Fraction(step, total_steps), Fraction(warmup)
    falling = max(Fraction(0), (1 - x) / (1 - w))
    return float(min(x / w, falling) if w else falling)
