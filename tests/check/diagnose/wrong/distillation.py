"""Distillation losses as students hand them in."""

import numpy as np


def probabilities(logits, temperature=1.0):
    z = np.asarray(logits) / temperature
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def soft_target_loss(student, teacher, tau):
    targets = probabilities(teacher)
    loss = 0
    for s, t in zip(student, targets, strict=True):
        log_p = s / tau - np.log(np.sum(np.exp(s / tau)))
        loss -= np.dot(t, log_p)
    return loss / student.shape[0]


def kl_divergence(student, teacher, tau):
    """Sum of p log(p / q), scaled back by the temperature."""
    p = probabilities(student, tau)
    q = probabilities(teacher, tau)
    div = 0.0
    for i in range(p.shape[0]):
        for c in range(p.shape[1]):
            div += p[i, c] * np.log(p[i, c] / q[i, c])
    return tau**2 * div / p.shape[0]


def kd_loss(student, teacher, tau):
    s = np.float32(student) / np.float32(tau)
    t = np.float32(teacher) / np.float32(tau)
    log_s = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    log_t = t - np.log(np.exp(t).sum(axis=1, keepdims=True))
    pointwise = np.exp(log_t) * (log_t - log_s)
    return pointwise.mean()


def soft_target_gradient(student, teacher, tau, dloss):
    n = np.float32(len(student))
    p_student = probabilities(student.astype(np.float32), np.float32(tau))
    p_teacher = probabilities(teacher.astype(np.float32), np.float32(tau))
    return (p_student - p_teacher) / n * np.float32(dloss)


def kl_gradient(student, teacher, tau, dloss):
    rows = []
    for s, t in zip(student, teacher, strict=True):
        ps = np.exp(s / tau) / np.sum(np.exp(s / tau))
        pt = np.exp(t / tau) / np.sum(np.exp(t / tau))
        rows.append((pt - ps) / tau)
    return dloss * tau * tau * np.array(rows) / len(rows)
