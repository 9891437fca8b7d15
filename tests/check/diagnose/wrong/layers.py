"""Linear layers, normalisation and embeddings as students hand them in."""

import numpy as np


def dense(x, w, b):
    d_in = x.shape[-1]
    d_out = w.shape[0]
    kernel = w.reshape(d_in, d_out)
    y = np.zeros((x.shape[0], x.shape[1], d_out))
    for i in range(x.shape[0]):
        for t in range(x.shape[1]):
            y[i, t] = np.dot(x[i, t], kernel) + b
    return y


def dense_gradient(x, w, b, dy):
    """One outer product for every token."""
    x2 = x.reshape(-1, x.shape[-1])
    dy2 = dy.reshape(-1, dy.shape[-1])
    dw = np.zeros(w.shape)
    for row, drow in zip(x2, dy2, strict=True):
        dw += np.outer(drow, row)
    dx = np.einsum("nf,fd->nd", dy2, w).reshape(x.shape)
    db = dy2.mean(axis=0)
    return dx, dw, db


def layer_norm_tokens(x, gamma, beta):
    out = []
    for sentence in x:
        rows = []
        for token in sentence:
            n = len(token)
            mu = sum(token) / n
            var = sum((t - mu) ** 2 for t in token) / (n - 1)
            sd = (var + 1e-12) ** 0.5
            rows.append([(t - mu) / sd * g + s for t, g, s in zip(token, gamma, beta, strict=True)])
        out.append(rows)
    return np.array(out)


def normalize_hidden(x, gamma, beta):
    """Layer normalisation in float32."""
    x = np.asarray(x, dtype=np.float32)
    normed = np.empty_like(x)
    for i, sample in enumerate(x):
        centre = sample - np.mean(sample)
        power = np.mean(centre * centre)
        normed[i] = centre / np.sqrt(power + np.float32(1e-12))
    return normed * gamma.astype(np.float32) + beta.astype(np.float32)


def layer_norm_np(x, gamma, beta):
    m = np.expand_dims(np.average(x, axis=2), 2)
    spread = np.expand_dims(np.var(x, axis=2, ddof=1), 2)
    return np.add(np.multiply(gamma, (x - m) / (spread + 1e-12)), beta)


def layernorm_gradient(x, gamma, beta, dy):
    mu = x.mean(axis=-1, keepdims=True)
    std = np.sqrt(((x - mu) ** 2).mean(axis=-1, keepdims=True) + 1e-12)
    xn = (x - mu) / std
    dgamma = np.zeros_like(gamma)
    dbeta = np.zeros_like(beta)
    dx = np.zeros_like(x)
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            dgamma = dgamma + dy[b, t] * xn[b, t]
            dbeta = dbeta + dy[b, t]
            dx[b, t] = dy[b, t] * gamma / std[b, t]
    return dx, dgamma, dbeta


def layernorm_backward_pass(x, gamma, beta, g):
    """The short formula from the lecture."""
    N = x.shape[-1]
    mean = np.sum(x, axis=-1) / N
    xc = x - mean[:, :, None]
    inv = 1.0 / np.sqrt(np.sum(xc**2, axis=-1) / N + 1e-12)
    xhat = xc * inv[:, :, None]
    s1 = g.sum(axis=-1, keepdims=True)
    s2 = (g * xhat).sum(axis=-1, keepdims=True)
    dx = gamma * inv[:, :, None] / N * (N * g - s1 - xhat * s2)
    return dx, np.einsum("blf,blf->f", g, xhat), np.einsum("blf->f", g)


def layernorm_staged_gradient(x, gamma, beta, dout):
    """Backwards through the computation graph, one node after the other."""
    D = x.shape[-1]
    xmu = x - x.mean(-1, keepdims=True)
    var = (xmu**2).mean(-1, keepdims=True)
    sqrtvar = np.sqrt(var + 1e-12)
    ivar = 1.0 / sqrtvar

    dbeta = dout.sum(axis=(0, 1))
    dgamma = (dout * x).sum(axis=(0, 1))
    dxhat = dout * gamma
    divar = (dxhat * xmu).sum(-1, keepdims=True)
    dxmu = dxhat * ivar
    dsqrtvar = -divar / sqrtvar**2
    dvar = 0.5 * dsqrtvar / sqrtvar
    dxmu = dxmu + 2.0 * xmu * dvar / D
    dmu = -dxmu.sum(-1, keepdims=True)
    return dxmu + dmu / D, dgamma, dbeta


def embed(word, position, segment, ids, segments):
    d = word.shape[1]
    e = np.zeros((*ids.shape, d))
    for b in range(ids.shape[0]):
        for i in range(ids.shape[1]):
            tok = word[ids[b, i]] * np.sqrt(d)
            e[b, i] = tok + position[i] + segment[segments[b, i]]
    return e


def embedding_gradient(word, position, segment, ids, segments, de):
    dword, dpos, dseg = np.zeros_like(word), np.zeros_like(position), np.zeros_like(segment)
    dword[ids] += de
    dword[0] = 0
    for i in range(ids.shape[1]):
        for b in range(ids.shape[0]):
            dpos[i] += de[b, i]
            dseg[segments[b, i]] += de[b, i]
    return dword, dpos, dseg


def embedding_gradient_one_hot(word, position, segment, ids, segments, upstream):
    """A lookup is a product with a one-hot matrix."""
    flat = upstream.reshape(-1, upstream.shape[-1])
    picks = np.eye(word.shape[0])[ids.ravel()]
    parts = np.eye(segment.shape[0])[segments.ravel()]
    grad_position = np.zeros(position.shape)
    grad_position[: ids.shape[1]] = np.sum(upstream, axis=0)
    return picks.T.dot(flat), grad_position, parts.T.dot(flat)
