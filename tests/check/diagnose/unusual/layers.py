"""Linear layers, LayerNorm, dropout, embeddings and what is made of them."""

import math

import numpy as np

from .activations import gelu_of_erfc
from .numeric import by_differences
from .wrappers import Arrayed, Tensor


def linear_of_outer_products(x, w, b):
    """b, and one input after the other, from the last to the first."""
    y = np.zeros((*x.shape[:-1], len(w))) + b
    for d in reversed(range(x.shape[-1])):
        y += x[..., d : d + 1] * w[:, d]
    return y


def linear_in_loops(x, w, b):
    """Nested lists; every sum is exact before it is rounded."""
    B, L, D = x.shape
    return [
        [
            [math.fsum([b[f], *(x[n, l, d] * w[f, d] for d in range(D))]) for f in range(len(b))]
            for l in range(L)
        ]
        for n in range(B)
    ]


def linear_gradient_of_one_more_input(x, w, b, dy):
    """The bias as the weight of an input that is always 1: dw and db are one matrix; a list."""
    ones = np.ones((*x.shape[:-1], 1))
    both = np.tensordot(dy, np.concatenate((x, ones), -1), axes=((0, 1), (0, 1)))
    return [np.tensordot(dy, w, axes=1), both[:, :-1], both[:, -1]]


def linear_with_cache(x, w, b):
    """A pair: the output in float32, and what the gradient needs."""
    x, w, b = (np.asarray(a, np.float32) for a in (x, w, b))
    return np.inner(x, w) + b, (x, w)


def linear_from_cache(dy, cache):
    """dx, dw, db, from the sum over the places as one product of matrices; in float32."""
    x, w = cache
    rows = np.asarray(dy, np.float32).reshape(-1, len(w))
    dw = rows.T @ x.reshape(len(rows), -1)
    return (rows @ w).reshape(x.shape), dw, np.ones(len(rows), np.float32) @ rows


def layernorm_of_welford(x, gamma, beta, eps=1e-12):
    """Mean and variance in one pass, corrected with every number."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape[:-1]):
        mean = squares = 0.0
        for n, t in enumerate(x[i], 1):
            delta = t - mean
            mean += delta / n
            squares += delta * (t - mean)
        y[i] = (x[i] - mean) / math.sqrt(squares / len(x[i]) + eps) * gamma + beta
    return y


def layernorm_of_two_moments(x, gamma, beta):
    """The variance as E[x^2] - E[x]^2, and one factor and one term an entry."""
    mean = x.mean(-1, keepdims=True)
    factor = gamma / np.sqrt((x * x).mean(-1, keepdims=True) - mean**2 + 1e-12)
    return x * factor + (beta - mean * factor)


def layernorm_of_a_projection(x, gamma, beta):
    """x times I - 11^T/D, made sqrt(D) long; gives its steps one by one, in its own words."""
    D = x.shape[-1]
    centred = x @ (np.eye(D) - 1 / D)
    yield "the rows without their means", centred
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    yield "their lengths", length
    unit = centred * math.sqrt(D) / np.hypot(length, math.sqrt(D * 1e-12))
    yield "the rows at length sqrt(D)", unit
    return np.multiply(unit, gamma) + beta


def layernorm_in_single_precision(x, gamma, beta):
    """In float32 from the first to the last operation."""
    x, gamma, beta = (a.astype(np.float32) for a in (x, gamma, beta))
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(1e-12)) * gamma + beta


def layernorm_gradient_of_jacobians(x, gamma, beta, dy):
    """dx of a row is (I - 11^T/D - uu^T/D) / sigma, as a matrix, times gamma dy."""
    D = x.shape[-1]
    dx, dgamma, dbeta = np.empty_like(x), np.zeros(D), np.zeros(D)
    for i in np.ndindex(x.shape[:-1]):
        sigma = math.sqrt(x[i].var() + 1e-12)
        u = (x[i] - x[i].mean()) / sigma
        jacobian = (np.eye(D) - np.ones((D, D)) / D - np.outer(u, u) / D) / sigma
        dx[i] = jacobian.T @ np.diag(gamma) @ dy[i]
        dgamma += dy[i] * u
        dbeta += dy[i]
    return dx, dgamma, dbeta


def layernorm_with_cache(x, gamma, beta, eps=1e-12):
    """A pair: the output, and a dict for the gradient."""
    variance, mean = np.var(x, axis=-1), np.average(x, axis=-1)
    rate = (variance + eps) ** -0.5
    u = np.einsum("bld,bl->bld", x - mean[..., None], rate)
    return u * gamma + beta, {"u": u, "rate": rate, "gamma": gamma}


def layernorm_from_cache(dy, cache):
    """du less its component along 1 and along u."""
    u, D = cache["u"], cache["u"].shape[-1]
    du = dy * cache["gamma"]
    along = np.einsum("bld,bld->bl", du, u)[..., None] * u / D
    dx = (du - du.sum(-1, keepdims=True) / D - along) * cache["rate"][..., None]
    return dx, np.einsum("bld,bld->d", dy, u), np.einsum("bld->d", dy)


def dropout_by_choice(x, keep, rate):
    """Zeros, with the kept entries written into them."""
    y = np.zeros_like(x)
    y[keep] = x[keep] / (1 - rate)
    return y


def dropout_of_lists(x, keep, rate):
    """A survivor is divided by the chance that it had; nested lists."""
    y = x.tolist()
    for b, l, d in np.ndindex(x.shape):
        y[b][l][d] = y[b][l][d] / (1 - rate) if keep[b, l, d] else 0.0
    return y


def dropout_gradient_by_division(x, keep, rate, dy):
    """Only the kept places are divided."""
    return np.divide(dy, 1 - rate, out=np.zeros(dy.shape), where=keep)


def pooler_in_loops(hidden, w, b):
    """Nested lists, of the first token alone."""
    out = []
    for sentence in hidden:
        first = sentence[0].tolist()
        sums = [math.fsum(map(float.__mul__, row, first)) for row in w.tolist()]
        out.append([math.tanh(total + bias) for total, bias in zip(sums, b.tolist(), strict=True)])
    return out


def pooler_of_all_places(hidden, w, b):
    """Every token through the layer, then the first is taken; a tensor."""
    return Tensor(np.tanh(np.einsum("bld,ed->ble", hidden, w) + b)[:, 0])


def pooler_gradient_of_a_selection(hidden, w, b, dpooled):
    """The first token as a product with (1, 0, 0, ...), whose gradient is a product again."""
    first = np.eye(1, hidden.shape[1])[0]
    h = np.einsum("bld,l->bd", hidden, first)
    u = dpooled * np.cosh(h @ w.T + b) ** -2
    return np.einsum("be,ed,l->bld", u, w, first), np.einsum("be,bd->ed", u, h), u.sum(axis=0)


def embedding_of_one_hots(word, position, segment, ids, segments):
    """A look-up is a product with a matrix of zeros and ones."""
    words = np.eye(len(word))[ids] @ word
    kinds = np.eye(len(segment))[segments] @ segment
    places = np.eye(ids.shape[1], len(position)) @ position
    return words + kinds + places


def embedding_of_lists(word, position, segment, ids, segments):
    """Token by token, with the segments' rows as 0 plus the difference; something array-like."""
    out = [
        [
            word[i] + position[l] + segment[0] + s * (segment[1] - segment[0])
            for l, (i, s) in enumerate(zip(*sentence, strict=True))
        ]
        for sentence in zip(ids, segments, strict=True)
    ]
    return Arrayed(out)


def embedding_gradient_of_one_hots(word, position, segment, ids, segments, de):
    """The transposed products; [PAD]'s column of ones is taken away."""
    one_hot = np.eye(len(word))
    one_hot[0] = 0.0
    return (
        np.einsum("blv,bld->vd", one_hot[ids], de),
        np.einsum("lp,bld->pd", np.eye(ids.shape[1], len(position)), de),
        np.einsum("bls,bld->sd", np.eye(len(segment))[segments], de),
    )


def embedding_gradient_of_fsum(word, position, segment, ids, segments, de):
    """For every row a list of what it gets, added exactly; shaped like the tables."""

    def gathered(table, rows, spared=None):
        out = np.zeros_like(table)
        for i in set(rows.flat) - {spared}:
            parts = de[rows == i]
            out[i] = [math.fsum(column) for column in parts.T]
        return out

    places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    return gathered(word, ids, 0), gathered(position, places), gathered(segment, segments)


def sinusoids_of_complex_numbers(length, hidden):
    """Cosine and sine as the two parts of exp(i angle)."""
    pairs = np.arange((hidden + 1) // 2)
    z = np.exp(1j * np.outer(np.arange(length), np.exp(-math.log(10_000) * 2 * pairs / hidden)))
    return np.stack((z.imag, z.real), axis=-1).reshape(length, -1)[:, :hidden]


def sinusoids_by_rotation(length, hidden):
    """Each place turns the pair of the place before by the same angle; lists."""
    rows = [[d % 2 * 1.0 for d in range(hidden)]]
    while len(rows) < length:
        row = []
        for d in range(0, hidden, 2):
            angle = 10_000 ** (-d / hidden)
            sine, cosine = rows[-1][d : d + 2]
            row.append(sine * math.cos(angle) + cosine * math.sin(angle))
            row.append(cosine * math.cos(angle) - sine * math.sin(angle))
        rows.append(row)
    return rows[:length]


def linear_gelu_of_rows(x, w, b):
    """One output feature after the other."""
    features = [(x * row).sum(-1) + bias for row, bias in zip(w, b, strict=True)]
    return np.stack(list(map(gelu_of_erfc, features)), axis=-1)


def linear_gelu_gradient_of_one_place(x, w, b, dy):
    """Place by place, the weights' gradients added up in reverse."""
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for i in reversed(list(np.ndindex(x.shape[:-1]))):
        h = w @ x[i] + b
        cdf = np.array([math.erfc(-t / math.sqrt(2)) / 2 for t in h])
        dh = dy[i] * (cdf + h * np.exp(-h * h / 2) / math.sqrt(2 * math.pi))
        dx[i] = dh @ w
        dw += np.multiply.outer(dh, x[i])
        db += dh
    return dx, dw, db


def linear_add_layernorm_in_blocks(x, w, b, residual, gamma, beta):
    """The residual as more inputs of the linear layer, with an identity for their weights."""
    wide = np.concatenate((x, residual, np.ones((*x.shape[:-1], 1))), axis=-1)
    weights = np.hstack((w, np.eye(len(w)), b[:, None]))
    return layernorm_of_two_moments(wide @ weights.T, gamma, beta)


def linear_add_layernorm_steps(x, w, b, residual, gamma, beta):
    """Gives its steps one by one, the output in float32."""
    h = np.einsum("fd,bld->blf", w.astype(np.float32), x.astype(np.float32)) + b.astype(np.float32)
    yield "h", h
    total = h + residual.astype(np.float32)
    yield "sum", total
    return layernorm_in_single_precision(total, gamma, beta)


def linear_add_layernorm_gradient_by_differences(x, w, b, residual, gamma, beta, dy):
    """All six by central differences of the forward."""

    def forward(x, w, b, residual, gamma, beta):
        h = x @ w.T + b + residual
        h = h - h.mean(-1, keepdims=True)
        return h / np.sqrt((h * h).mean(-1, keepdims=True) + 1e-12) * gamma + beta

    return by_differences(forward, (x, w, b, residual, gamma, beta), dy)
