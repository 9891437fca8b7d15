"""Losses."""

import math

import numpy as np

from .numeric import by_complex_step, by_differences, softmax_jacobian
from .wrappers import Arrayed, Tensor


def _log_softmax(x):
    return x - np.logaddexp.reduce(x, axis=-1, keepdims=True)


def cross_entropy_of_margins(logits, labels):
    """-log p of the label is log(1 + sum of exp(other - label)); a Python float."""
    losses = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        others = [t - row[label] for c, t in enumerate(row) if c != label]
        top = max(0.0, *others)
        losses.append(top + math.log(math.fsum(math.exp(t - top) for t in [0.0, *others])))
    return math.fsum(losses) / len(losses)


def cross_entropy_of_one_hots(logits, labels):
    """<log-softmax, one-hot> in float32, over the rows; an array of no dimensions."""
    logp = _log_softmax(logits.astype(np.float32))
    one_hot = np.equal.outer(labels, np.arange(logits.shape[1])).astype(np.float32)
    return -np.einsum("bc,bc->", logp, one_hot) / np.float32(len(labels))


def cross_entropy_gradient_by_complex_step(logits, labels, dloss):
    """The derivative of the mean by the imaginary part of each logit's small step."""

    def loss(z):
        top = z.real.max(1, keepdims=True)
        log_sum = top[:, 0] + np.log(np.exp(z - top).sum(1))
        return (log_sum - z[np.arange(len(z)), labels]).mean()

    return by_complex_step(loss, logits, dloss)


def cross_entropy_with_cache(logits, labels):
    """A pair: the loss, and its gradient at once."""
    logp = _log_softmax(logits)
    rows = np.arange(len(labels))
    dlogits = np.exp(logp)
    dlogits[rows, labels] -= 1
    return float(-logp[rows, labels].mean()), dlogits / len(labels)


def cross_entropy_from_cache(dloss, cache):
    """The finished gradient times the number from above."""
    return dloss * cache


def masked_cross_entropy_of_weights(logits, labels):
    """Every place counts, with weight 1 or 0; the label of the ignored ones is then any."""
    weight = (labels != -100).astype(float)
    logp = np.take_along_axis(_log_softmax(logits), np.maximum(labels, 0)[..., None], -1)[..., 0]
    return Tensor(-np.average(logp, weights=weight))


def masked_cross_entropy_of_running_means(logits, labels):
    """A mean that each counted token moves a little."""
    mean = 0.0
    for n, i in enumerate(np.argwhere(labels >= 0), 1):
        label, row = labels[tuple(i)], logits[tuple(i)]
        mean += (row.max() + math.log(np.exp(row - row.max()).sum()) - row[label] - mean) / n
    return mean


def masked_cross_entropy_gradient_of_rows(logits, labels, dloss):
    """Only the counted rows are looked at, as a shorter list of them."""
    dlogits = np.zeros(logits.shape)
    counted = labels != -100
    p = np.exp(_log_softmax(logits[counted]))
    np.subtract.at(p, (np.arange(len(p)), labels[counted]), 1.0)
    dlogits[counted] = p * (dloss / len(p))
    return dlogits


def smoothed_cross_entropy_of_two_losses(logits, labels, smoothing):
    """(1-e) cross-entropy + e (mean over the classes of -log p)."""
    logp = _log_softmax(logits)
    hard = -logp[np.arange(len(labels)), labels].mean()
    return float((1 - smoothing) * hard - smoothing * logp.mean())


def smoothed_cross_entropy_gradient_by_differences(logits, labels, smoothing, dloss):
    """Central differences of the two losses' sum; a list of one is what is in it."""
    return by_differences(
        lambda x: smoothed_cross_entropy_of_two_losses(x, labels, smoothing), [logits], dloss
    )[0]


def soft_cross_entropy_of_kl_and_entropy(student, teacher, tau):
    """The teacher's entropy and the divergence from it; gives its steps one by one."""
    log_s, log_t = _log_softmax(student / tau), _log_softmax(teacher / tau)
    p_t = np.exp(log_t)
    yield "p_t", p_t
    entropy = -(p_t * log_t).sum(1)
    yield "the teacher's entropies", entropy
    divergence = (p_t * (log_t - log_s)).sum(1)
    yield "the divergences", divergence
    return (entropy + divergence).mean()


def soft_cross_entropy_of_linear_parts(student, teacher, tau):
    """log-sum-exp of the student less its mean logit under the teacher; a Python float."""
    total = []
    for s, t in zip(student / tau, teacher / tau, strict=True):
        e = np.exp(t - t.max())
        total.append(np.logaddexp.reduce(s) - (e @ s) / e.sum())
    return math.fsum(total) / len(total)


def soft_cross_entropy_gradient_of_jacobians(student, teacher, tau, dloss):
    """d(-p_t . log p_s) through p_s: the matrix of derivatives times -p_t / p_s."""
    p_s, p_t = np.exp(_log_softmax(student / tau)), np.exp(_log_softmax(teacher / tau))
    rows = [softmax_jacobian(s) @ (-t / s) for s, t in zip(p_s, p_t, strict=True)]
    return np.array(rows) * dloss / (tau * len(rows))


def soft_cross_entropy_repo_of_the_whole_mean(student, teacher, tau=1.0):
    """.mean() over all entries, in float32; something array-like."""
    log_s = _log_softmax(np.float32(student) / np.float32(tau))
    p_t = np.exp(_log_softmax(np.float32(teacher) / np.float32(tau)))
    return Arrayed((-p_t * log_s).mean())


def soft_cross_entropy_repo_gradient_of_lists(student, teacher, tau, dloss):
    """(p_s - p_t) / (tau B C), in nested lists."""
    B, C = student.shape

    def softmax(row):
        e = [math.exp((t - max(row)) / tau) for t in row]
        return [t / math.fsum(e) for t in e]

    out = []
    for s, t in zip(student.tolist(), teacher.tolist(), strict=True):
        pairs = zip(softmax(s), softmax(t), strict=True)
        out.append([(a - b) * dloss / tau / B / C for a, b in pairs])
    return out


def kl_of_probabilities(student, teacher, tau):
    """sum p log(p/q), with the ratio of the probabilities themselves, from the last class."""
    s, t = (np.exp((x - x.max(1, keepdims=True)) / tau) for x in (student, teacher))
    q, p = s / s.sum(1, keepdims=True), t / t.sum(1, keepdims=True)
    total = 0.0
    for c in reversed(range(p.shape[1])):
        total += float((p[:, c] * np.log(p[:, c] / q[:, c])).sum())
    return tau**2 * total / len(p)


def kl_gradient_by_complex_step(student, teacher, tau, dloss):
    """The teacher's entropy has no derivative and is left out."""
    p_t = np.exp(_log_softmax(teacher / tau))

    def loss(z):
        z = z / tau
        top = z.real.max(1, keepdims=True)
        logp = z - top - np.log(np.exp(z - top).sum(1, keepdims=True))
        return -tau * tau * (p_t * logp).sum() / len(z)

    return by_complex_step(loss, student, dloss)


def mse_of_products(a, b):
    """(aa - 2 ab + bb) / n, by products of the whole arrays."""
    a, b = a.ravel(), b.ravel()
    return (a @ a - 2 * (a @ b) + b @ b) / a.size


def mse_of_fsum(a, b):
    """Sorted squares, added exactly, in Python."""
    return math.fsum(sorted(float(d) ** 2 for d in (a - b).flat)) / a.size


def mse_gradient_in_single_precision(a, b, dloss):
    """In float32; a list of two views of one array."""
    both = np.stack((a, b)).astype(np.float32)
    da = np.float32(2 * dloss / a.size) * -np.diff(both, axis=0)[0]
    return [da, -da]


def cosine_of_chords(a, b):
    """1 - cos is half the squared distance between the two directions."""
    units = [x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b)]
    return float(np.square(units[0] - units[1]).sum(-1).mean() / 2)


def cosine_of_loops(a, b, tiny=1e-8):
    """Lengths by math.hypot; one minus the mean of the cosines."""
    D, cosines = a.shape[-1], []
    for x, y in zip(a.reshape(-1, D).tolist(), b.reshape(-1, D).tolist(), strict=True):
        lengths = max(math.hypot(*x), tiny) * max(math.hypot(*y), tiny)
        cosines.append(math.fsum(s * t for s, t in zip(x, y, strict=True)) / lengths)
    return 1 - math.fsum(cosines) / len(cosines)


def cosine_gradient_of_projections(a, b, dloss):
    """The other direction without its component along one's own, over one's own length."""

    def one(x, y):
        n_rows = x.size // x.shape[-1]
        dx = np.empty_like(x)
        for i in np.ndindex(x.shape[:-1]):
            length = np.linalg.norm(x[i])
            u, v = x[i] / length, y[i] / np.linalg.norm(y[i])
            dx[i] = -(np.eye(len(u)) - np.outer(u, u)) @ v / length
        return dx * dloss / n_rows

    return one(a, b), one(b, a)


def info_nce_of_pairs(q, k, tau):
    """For each row the log of the sum of exp(s_ij - s_ii), pair by pair."""
    total = 0.0
    for i in range(len(q)):
        margins = (k - k[i]) @ q[i] / tau
        log_sum = -math.inf
        for t in margins:
            log_sum = np.logaddexp(log_sum, t)
        total += log_sum
    return float(total) / len(q)


def info_nce_gradient_by_complex_step(q, k, tau, dloss):
    """Both inputs by the imaginary part of small steps."""

    def loss(q, k):
        s = q @ k.T / tau
        top = s.real.max(1, keepdims=True)
        return np.mean(top[:, 0] + np.log(np.exp(s - top).sum(1)) - np.diag(s))

    return (
        by_complex_step(lambda z: loss(z, k), q, dloss),
        by_complex_step(lambda z: loss(q, z), k, dloss),
    )


def info_nce_gradient_of_pairs(q, k, tau, dloss):
    """Each pair (i, j) pulls at q_i by k_j - k_i, weighted by its probability."""
    dq, dk = np.zeros_like(q), np.zeros_like(k)
    for i in range(len(q)):
        s = k @ q[i] / tau
        p = np.exp(s - np.logaddexp.reduce(s))
        for j in range(len(k)):
            dq[i] += p[j] * (k[j] - k[i])
            dk[j] += p[j] * q[i]
        dk[i] -= q[i]
    factor = dloss / (tau * len(q))
    return dq * factor, dk * factor
