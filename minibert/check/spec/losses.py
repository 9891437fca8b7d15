"""Losses, in loops."""

import math

import numpy as np

from minibert.check.spec.softmax import log_softmax_forward, softmax_forward


def softmax_cross_entropy_forward(logits, labels, ignore_index, smoothing):
    """Mean over counted rows of -sum_c target_c log p_c.

    target = (1 - smoothing) onehot + smoothing / C.
    """
    logp = log_softmax_forward(logits)
    C = logits.shape[1]
    total, count = 0.0, 0
    for m in range(len(labels)):
        if labels[m] == ignore_index:
            continue
        count += 1
        for c in range(C):
            target = (1 - smoothing) * (c == labels[m]) + smoothing / C
            total -= target * logp[m, c]
    return total / max(count, 1)


def softmax_cross_entropy_backward(logits, labels, ignore_index, smoothing):
    """dlogits = (p - target) / counted rows; 0 in the ignored ones."""
    p = softmax_forward(logits)
    C = logits.shape[1]
    count = sum(1 for label in labels if label != ignore_index)
    dlogits = np.zeros_like(logits)
    for m in range(len(labels)):
        if labels[m] != ignore_index:
            for c in range(C):
                target = (1 - smoothing) * (c == labels[m]) + smoothing / C
                dlogits[m, c] = (p[m, c] - target) / count
    return dlogits


def soft_cross_entropy_forward(student, teacher, tau, n):
    """-sum p_t log p_s / n, logits (B,C) over tau, no tau^2; n is B (paper) or B C (repo)."""
    log_s, p_t = log_softmax_forward(student / tau), softmax_forward(teacher / tau)
    total = 0.0
    for b in range(student.shape[0]):
        for c in range(student.shape[1]):
            total -= p_t[b, c] * log_s[b, c]
    return total / n


def soft_cross_entropy_backward(student, teacher, tau, n):
    """dstudent = (p_s - p_t) / (tau n)."""
    p_s, p_t = softmax_forward(student / tau), softmax_forward(teacher / tau)
    dstudent = np.empty_like(student)
    for b in range(student.shape[0]):
        for c in range(student.shape[1]):
            dstudent[b, c] = (p_s[b, c] - p_t[b, c]) / (tau * n)
    return dstudent


def kl_forward(student, teacher, tau):
    """tau^2 sum p_t (log p_t - log p_s) / B."""
    log_s, log_t = log_softmax_forward(student / tau), log_softmax_forward(teacher / tau)
    total = 0.0
    for b in range(student.shape[0]):
        for c in range(student.shape[1]):
            total += math.exp(log_t[b, c]) * (log_t[b, c] - log_s[b, c])
    return tau * tau * total / student.shape[0]


def kl_backward(student, teacher, tau):
    """dstudent = tau (p_s - p_t) / B: of the tau^2, one tau meets the 1/tau of the logits."""
    p_s, p_t = softmax_forward(student / tau), softmax_forward(teacher / tau)
    dstudent = np.empty_like(student)
    for b in range(student.shape[0]):
        for c in range(student.shape[1]):
            dstudent[b, c] = tau * (p_s[b, c] - p_t[b, c]) / student.shape[0]
    return dstudent


def info_nce_forward(q, k, tau):
    """-1/n sum_i log(exp(q_i.k_i/tau) / sum_j exp(q_i.k_j/tau)); q, k (n,D), row i to row i."""
    logp = log_softmax_forward(similarities(q, k, tau))
    total = 0.0
    for i in range(q.shape[0]):
        total -= logp[i, i]
    return total / q.shape[0]


def info_nce_backward(q, k, tau):
    """ds_ij = (p_ij - 1 where i = j) / n: descent pulls q_i to k_i, and away from the others."""
    p = softmax_forward(similarities(q, k, tau))
    dq, dk = np.zeros_like(q), np.zeros_like(k)
    for i in range(q.shape[0]):
        for j in range(q.shape[0]):
            ds = (p[i, j] - (i == j)) / q.shape[0]
            for d in range(q.shape[1]):
                dq[i, d] += ds * k[j, d] / tau
                dk[j, d] += ds * q[i, d] / tau
    return dq, dk


def similarities(q, k, tau):
    """s_ij = sum_d q_id k_jd / tau."""
    s = np.zeros((q.shape[0], k.shape[0]))
    for i in range(q.shape[0]):
        for j in range(k.shape[0]):
            for d in range(q.shape[1]):
                s[i, j] += q[i, d] * k[j, d] / tau
    return s


def mse_forward(a, b, keep):
    """Mean of (a - b)^2 over the entries of the kept rows; a, b (M,D), keep (M,)."""
    total, count = 0.0, 0
    for m in range(a.shape[0]):
        if keep[m]:
            for d in range(a.shape[1]):
                total += (a[m, d] - b[m, d]) ** 2
                count += 1
    return total / count


def mse_backward(a, b, keep):
    """da = 2 (a - b) / count in kept rows; db = -da."""
    count = sum(1 for kept in keep if kept) * a.shape[1]
    da = np.zeros_like(a)
    for m in range(a.shape[0]):
        if keep[m]:
            for d in range(a.shape[1]):
                da[m, d] = 2 * (a[m, d] - b[m, d]) / count
    return da, -da


def cosine_forward(a, b, keep):
    """Mean over kept rows of 1 - a.b / (norm(a) norm(b)), norms at least 1e-8; a, b (M,D)."""
    total, count = 0.0, 0
    for m in range(a.shape[0]):
        if keep[m]:
            dot = aa = bb = 0.0
            for d in range(a.shape[1]):
                dot += a[m, d] * b[m, d]
                aa += a[m, d] ** 2
                bb += b[m, d] ** 2
            na, nb = max(math.sqrt(aa), 1e-8), max(math.sqrt(bb), 1e-8)
            total += 1 - dot / (na * nb)
            count += 1
    return total / count


def cosine_backward(a, b, keep):
    """da = (cos a/norm(a) - b/norm(b)) / (norm(a) count); db with a and b exchanged."""
    count = sum(1 for kept in keep if kept)
    da, db = np.zeros_like(a), np.zeros_like(b)
    for m in range(a.shape[0]):
        if keep[m]:
            dot = aa = bb = 0.0
            for d in range(a.shape[1]):
                dot += a[m, d] * b[m, d]
                aa += a[m, d] ** 2
                bb += b[m, d] ** 2
            na, nb = max(math.sqrt(aa), 1e-8), max(math.sqrt(bb), 1e-8)
            for d in range(a.shape[1]):
                da[m, d] = (dot / (na * nb) * a[m, d] / na - b[m, d] / nb) / (na * count)
                db[m, d] = (dot / (na * nb) * b[m, d] / nb - a[m, d] / na) / (nb * count)
    return da, db
