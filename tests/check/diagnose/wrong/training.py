"""Optimizers and schedules as students hand them in."""

import math

import numpy as np


def adamw_step(p, g, m, v, t, lr):
    beta1, beta2, eps, wd = 0.9, 0.999, 1e-8, 0.01
    new_p, new_m, new_v = np.empty_like(p), np.empty_like(m), np.empty_like(v)
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            grad = g[i, j] + wd * p[i, j]
            new_m[i, j] = beta1 * m[i, j] + (1 - beta1) * grad
            new_v[i, j] = beta2 * v[i, j] + (1 - beta2) * grad**2
            m_hat = new_m[i, j] / (1 - beta1**t)
            v_hat = new_v[i, j] / (1 - beta2**t)
            new_p[i, j] = p[i, j] - lr * m_hat / (math.sqrt(v_hat) + eps)
    return new_p, new_m, new_v


class Adam:
    def __init__(self, m, v, lr):
        self.m, self.v, self.lr = m, v, lr
        self.b1, self.b2 = 0.9, 0.999

    def step(self, weight, grad):
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad * grad
        update = self.m / (np.sqrt(self.v) + 1e-8)
        return weight - self.lr * update - 0.01 * weight


def adamw_update(p, g, m, v, t, lr):
    opt = Adam(m, v, lr)
    p = opt.step(p, g)
    return p, opt.m, opt.v


def warmup_then_linear(step, total_steps, warmup_steps):
    if step < warmup_steps:
        return step / warmup_steps
    left = total_steps - step
    if left < 0:
        left = 0
    return left / total_steps
