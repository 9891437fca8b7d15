"""Distillation losses and the layer map."""

import math
from fractions import Fraction

import numpy as np

from .numeric import by_differences
from .wrappers import Tensor


def attention_loss_of_heads(student, teacher):
    """The mean over heads of their own means; a Python float."""
    means = [
        float(np.linalg.norm(s - t, "fro") ** 2) / s.size
        for b_s, b_t in zip(student, teacher, strict=True)
        for s, t in zip(b_s, b_t, strict=True)
    ]
    return math.fsum(means) / len(means)


def attention_loss_gradient_in_place(student, teacher, dloss):
    """2 (s - t) / n, built up in one array; a tensor."""
    d = np.negative(teacher)
    d += student
    d += d
    d *= dloss
    d /= d.size
    return Tensor(d)


def attention_loss_exact_of_submatrices(student, teacher, keep):
    """The rows and columns of the tokens, cut out of each sentence."""
    total = pairs = 0
    for s, t, kept in zip(student, teacher, keep, strict=True):
        places = np.flatnonzero(kept)
        square = np.ix_(np.arange(len(s)), places, places)
        total += np.square(s[square] - t[square]).sum()
        pairs += len(s) * len(places) ** 2
    return total / pairs


def attention_loss_exact_as_a_form(student, teacher, keep):
    """keep^T D^2 keep, a quadratic form in the zeros and ones of the mask; in float32."""
    d2 = np.square(student.astype(np.float32) - teacher.astype(np.float32))
    k = keep.astype(np.float32)
    count = student.shape[1] * (k.sum(1) ** 2).sum()
    return np.einsum("bhij,bi,bj->", d2, k, k) / count


def attention_loss_exact_gradient_by_differences(student, teacher, keep, dloss):
    """Central differences of the sum over the submatrices."""

    def loss(s):
        return attention_loss_exact_of_submatrices(s, teacher, keep)

    return by_differences(loss, [student], dloss)[0]


def attention_loss_repo_of_lists(student, teacher, keep):
    """Score by score, in Python."""
    squares = []
    for b, h, i, j in np.ndindex(student.shape):
        pair = []
        for scores in (student, teacher):
            score = float(scores[b, h, i, j]) - 10_000.0 * (not keep[b, j])
            pair.append(score if score > -100 else 0.0)
        squares.append((pair[0] - pair[1]) ** 2)
    return math.fsum(squares) / len(squares)


def attention_loss_repo_of_products(student, teacher, keep):
    """A score that is put to 0 is one multiplied by False."""
    bias = -10_000.0 * ~keep[:, None, None, :]
    s, t = student + bias, teacher + bias
    return np.square(s * (s > -100) - t * (t > -100)).mean()


def attention_loss_repo_gradient_by_choice(student, teacher, keep, dloss):
    """Zero at padded keys and where the student's score was put to 0, by np.select."""
    real = np.broadcast_to(keep[:, None, None, :], student.shape)
    other = np.where(teacher > -100, teacher, 0.0)
    slope = 2 * dloss / student.size * (student - other)
    return np.select([~real, student <= -100], [0.0, 0.0], default=slope)


def hidden_loss_of_traces(student, teacher, w):
    """tr(W S W^T) - 2 tr(W C) + tr(T T^T), through products of the hidden states."""
    s, t = student.reshape(-1, student.shape[-1]), teacher.reshape(-1, teacher.shape[-1])
    own = np.trace(w @ (s.T @ s) @ w.T)
    cross = np.trace(w @ (s.T @ t))
    return float(own - 2 * cross + np.vdot(t, t)) / t.size


def hidden_loss_with_cache(student, teacher, w):
    """A pair: the loss, and the difference among what the gradient needs."""
    d = np.einsum("fd,bld->blf", w, student) - teacher
    return np.mean(d**2), [d, student, w]


def hidden_loss_from_cache(dloss, cache):
    """dstudent and dw by einsum."""
    d, student, w = cache
    dp = d * (2 * dloss / d.size)
    return np.einsum("blf,fd->bld", dp, w), np.einsum("blf,bld->fd", dp, student)


def hidden_loss_gradient_of_products(student, teacher, w, dloss):
    """dw from S^T S and T^T S, which do not know W; dstudent token by token."""
    s, t = student.reshape(-1, student.shape[-1]), teacher.reshape(-1, teacher.shape[-1])
    factor = 2 * dloss / t.size
    dw = factor * (w @ (s.T @ s) - t.T @ s)
    ds = [factor * (w.T @ (w @ row) - w.T @ target) for row, target in zip(s, t, strict=True)]
    return np.reshape(ds, student.shape), dw


def uniform_map_of_fractions(n_student, n_teacher):
    """floor of m N/M as an exact fraction; an array."""
    step = Fraction(n_teacher, n_student)
    return np.array([math.floor(m * step) for m in range(1, n_student + 1)])


def uniform_map_by_carrying(n_student, n_teacher):
    """N at a time into a basket of M, and how many times it was full; a list."""
    found, full, rest = [], 0, 0
    for _ in range(n_student):
        more, rest = divmod(rest + n_teacher, n_student)
        full += more
        found.append(full)
    return found
