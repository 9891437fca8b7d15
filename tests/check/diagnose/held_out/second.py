"""The second held-out functions; their table is at the end."""

# ruff: noqa: B905, RUF005, RUF046, RUF059

import math

import numpy as np

from ..unusual import Unusual
from ..wrong import Wrong

# WRONG, forwards


def _softmax(z, axis=-1):
    z = z - z.max(axis=axis, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=axis, keepdims=True)


# --- attention


def f01_attention(q, k, v, bias):
    B, H, L, K = q.shape
    context = np.zeros_like(q)
    visible = bias[:, 0, 0, :] > -1.0
    for b in range(B):
        for h in range(H):
            att = q[b, h] @ k[b, h].T / np.sqrt(K)
            att = _softmax(att)
            att = att * visible[b][None, :]
            context[b, h] = att @ v[b, h]
    return context


def f02_attention(query, key, value, attention_bias):
    query = query.astype(np.float32)
    key = key.astype(np.float32)
    value = value.astype(np.float32)
    d_k = key.shape[-2]
    scores = np.einsum("bhik,bhjk->bhij", query, key) / np.float32(math.sqrt(d_k))
    scores = scores + attention_bias.astype(np.float32)
    weights = _softmax(scores)
    return np.einsum("bhij,bhjk->bhik", weights, value)


# --- layernorm


def f03_layernorm(x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    std = np.std(x, axis=-1, keepdims=True, ddof=1)
    return gamma * (x - mean) / np.sqrt(std**2 + 1e-12) + beta


def f04_layernorm(x, gamma, beta):
    out = []
    for sentence in x:
        mu = sentence.mean(keepdims=True)
        var = sentence.var(keepdims=True)
        out.append((sentence - mu) / np.sqrt(var + 1e-12) * gamma + beta)
    return np.stack(out)


def f05_layernorm(x, weight, bias):
    x = np.asarray(x, dtype=np.float32)
    weight = weight.astype(np.float32)
    bias = bias.astype(np.float32)
    u = np.mean(x, -1, keepdims=True)
    s = np.mean(np.square(x - u), -1, keepdims=True)
    x = (x - u) / np.sqrt(s + np.float32(1e-12))
    return weight * (x + bias)


# --- softmax, linear


def f06_softmax(x):
    probs = np.zeros(x.shape)
    for i, sample in enumerate(x):
        e = np.exp(sample - np.max(sample))
        probs[i] = e / np.sum(e)
    return probs


def f07_linear(x, w, b):
    out_features, in_features = w.shape
    return np.matmul(x, w.reshape(in_features, out_features)) + b


# --- activations

_erf = np.vectorize(math.erf, otypes=[float])


def f08_gelu(x):
    cdf = 0.5 * (1.0 + _erf(x))
    return x * cdf


def f09_linear_gelu(x, w, b):
    h = x.astype(np.float32) @ w.T.astype(np.float32) + b.astype(np.float32)
    gate = np.float32(0.5) * (1 + np.tanh(np.float32(1.702 / 2) * h))  # a sigmoid
    return h * gate


def f10_gelu_tanh(x):
    inner = np.sqrt(2 / np.pi) * x + 0.044715 * np.power(x, 3)
    return 0.5 * x * (1 + np.tanh(inner))


# --- cross entropies


def f11_cross_entropy(logits, labels):
    logits = logits.astype(np.float32)
    probs = _softmax(logits)
    shifted = probs - probs.max(1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return -logp[np.arange(len(labels)), labels].mean()


def f12_cross_entropy(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    log_probs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -np.mean(log_probs[:, labels])


def f13_masked_cross_entropy(logits, labels):
    per_sentence = []
    for lg, lb in zip(logits, labels):
        losses = []
        for row, target in zip(lg, lb):
            if target == -100:
                continue
            row = row - row.max()
            losses.append(np.log(np.exp(row).sum()) - row[target])
        if losses:
            per_sentence.append(losses)
    return sum(np.mean(l) for l in per_sentence) / len(per_sentence)


# --- distillation losses


def _logsoftmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def f14_kl(student, teacher, T):
    log_p = _logsoftmax(student / T)
    log_q = _logsoftmax(teacher / T)
    kl = np.sum(np.exp(log_p) * (log_p - log_q), axis=-1)
    return T * T * kl.mean()


def f15_kl(student, teacher, T):
    s = student.astype(np.float32) / np.float32(T)
    t = teacher.astype(np.float32) / np.float32(T)
    pointwise = np.exp(_logsoftmax(t)) * (_logsoftmax(t) - _logsoftmax(s))
    return np.mean(pointwise) * np.float32(T**2)


def f16_soft_cross_entropy(student, teacher, temperature):
    targets = _softmax(teacher)
    log_student = _logsoftmax(student / temperature)
    total = 0.0
    for t_row, s_row in zip(targets, log_student):
        total += -np.dot(t_row, s_row)
    return total / len(student)


def f17_soft_cross_entropy_repo(predicts, targets, temperature):
    student_likelihood = _logsoftmax(predicts / temperature)
    targets_prob = _softmax(targets / temperature)
    return (-targets_prob * student_likelihood).sum(-1).mean()


# --- embeddings


def f18_embedding(word, position, segment, ids, segments):
    B, L = ids.shape
    out = word[ids] + position[:L][None] + segment[segments]
    mask = ids != 0
    return out * mask[:, :, None]


def f19_embedding(word, position, segment, ids, segments):
    word, position, segment = (t.astype(np.float32) for t in (word, position, segment))
    not_pad = (ids != 0).astype(int)
    position_ids = np.cumsum(not_pad, axis=1) - 1
    position_ids = np.maximum(position_ids, 0)
    return word[ids] + position[position_ids] + segment[segments]


# --- optimizers


def f20_adamw(p, g, m, v, t, lr):
    b1, b2, eps, wd = 0.9, 0.999, 1e-8, 0.01
    g = g + wd * p
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    m_hat = m / (1 - b1**t)
    v_hat = v / (1 - b2**t)
    p = p - lr * m_hat / (np.sqrt(v_hat) + eps)
    return p, m, v


def f21_adamw(p, g, m, v, t, lr):
    beta1, beta2 = 0.9, 0.999
    p = p - lr * 0.01 * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta1) * (g * g)
    mhat = m / (1 - beta1**t)
    vhat = v / (1 - beta2**t)
    return p - lr * mhat / (np.sqrt(vhat) + 1e-8), m, v


# --- quantizers


def f22_quantize_symmetric(w):
    scale = max(np.abs(w).max() / 127.0, 1.2e-38)
    q = np.clip(np.rint(w / scale), -127, 127).astype(np.int8)
    return q, np.full(w.shape[0], scale)


def f23_quantize_symmetric(w):
    qs, scales = [], []
    for row in w:
        s = max(np.max(np.abs(row)) / 127, 1.2e-38)
        qs.append(np.clip(row / s, -127, 127).astype(np.int8))
        scales.append(s)
    return np.array(qs), np.array(scales)


def f24_quantize_affine(x):
    lo = np.minimum(x.min(-1, keepdims=True), 0)
    hi = np.maximum(x.max(-1, keepdims=True), 0)
    scale = np.maximum((hi - lo) / 255, 1.2e-38)
    zero = np.rint(-lo / scale)
    q = np.clip(np.rint(x / scale) + zero, -128, 127)
    return q.astype(np.int8), scale, zero


# --- masked softmaxes


def f25_padded_softmax(scores, keep):
    mask = keep[:, None, None, :].astype(scores.dtype)
    masked = scores * mask
    e = np.exp(masked - masked.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def f26_causal_softmax(scores):
    L = scores.shape[-1]
    allowed = np.tril(np.ones((L, L)), k=1)
    s = np.where(allowed == 1, scores, -np.inf)
    return _softmax(s)


# --- others


def f27_sinusoidal_positions(length, hidden):
    pos = np.arange(length).reshape(-1, 1)
    inv_freq = 1 / 10000 ** (np.arange(0, hidden, 2) / hidden)
    angles = pos * inv_freq
    sines = np.sin(angles)
    cosines = np.cos(angles)[:, : hidden // 2]
    return np.concatenate([sines, cosines], axis=1)


def f28_int8_linear(qx, sx, zx, qw, sw, b):
    acc = qx @ qw.T
    row_sum = qw.astype(np.int64).sum(1)
    acc = acc.astype(np.float64) - zx * row_sum
    return acc * sx * sw + b


def f29_attention_loss(student, teacher):
    a_s = _softmax(student)
    a_t = _softmax(teacher)
    return np.mean((a_s - a_t) ** 2)


def f30_bert_adam(p, g, m, v, lr):
    p, g, m, v = [np.array(a, dtype=np.float32) for a in (p, g, m, v)]
    total_norm = float((g**2).sum())
    coef = 1.0 / (total_norm + 1e-6)
    if coef < 1:
        g = g * np.float32(coef)
    m *= np.float32(0.9)
    m += np.float32(0.1) * g
    v *= np.float32(0.999)
    v += np.float32(0.001) * g * g
    update = m / (np.sqrt(v) + np.float32(1e-6))
    update += np.float32(0.01) * p
    return p - np.float32(lr) * update, m, v


def f31_bert_schedule(step, total_steps, warmup):
    x = step / total_steps
    if x < warmup:
        return x / warmup
    return max(0.0, 1.0 - x)


def f32_clip_global(grads, max_norm):
    clipped = {}
    for name, grad in grads.items():
        norm = np.sqrt(np.sum(grad**2))
        clipped[name] = grad * min(1.0, max_norm / (norm + 1e-6))
    return clipped


def f33_wordpiece(word, vocab):
    if len(word) > 100:
        return ["[UNK]"]
    tokens = []
    start = 0
    while start < len(word):
        found = None
        for end in range(len(word), start, -1):
            piece = word[start:end]
            if start > 0:
                piece = "##" + piece
            if piece in vocab:
                found = piece
                break
        if found is None:
            tokens.append("[UNK]")
            break
        tokens.append(found)
        start = end
    return tokens


def f34_info_nce(q, k, tau):
    q, k = q.astype(np.float32), k.astype(np.float32)
    sim = q @ k.T / np.float32(tau)
    n = len(sim)
    losses = []
    for i in range(n):
        others = [sim[i, j] for j in range(n) if j != i]
        others = np.array(others)
        top = others.max()
        lse = top + np.log(np.sum(np.exp(others - top)))
        losses.append(lse - sim[i, i])
    return np.mean(losses)


# WRONG, gradients


def g01_attention(q, k, v, bias, dout):
    d = q.shape[-1]
    p = _softmax(q @ k.swapaxes(-1, -2) / np.sqrt(d) + bias)
    dv = p.swapaxes(-1, -2) @ dout
    dp = dout @ v.swapaxes(-1, -2)
    ds = dp * p
    dq = ds @ k / np.sqrt(d)
    dk = ds.swapaxes(-1, -2) @ q / np.sqrt(d)
    return dq, dk, dv


def g02_attention(q, k, v, bias, dout):
    q, k, v, bias, dout = [a.astype(np.float32) for a in (q, k, v, bias, dout)]
    scale = np.float32(q.shape[-1] ** -0.5)
    att = _softmax(np.einsum("bhld,bhsd->bhls", q, k) * scale + bias)
    dv = np.einsum("bhls,bhld->bhsd", att, dout)
    datt = np.einsum("bhld,bhsd->bhls", dout, v)
    dscores = att * (datt - np.sum(datt * att, axis=-1, keepdims=True))
    dq = np.einsum("bhls,bhsd->bhld", dscores, k) * scale
    dk = np.einsum("bhls,bhld->bhsd", dscores, q)
    return dq, dk, dv


def g03_layernorm(x, gamma, beta, dout):
    x, gamma, dout = x.astype(np.float32), gamma.astype(np.float32), dout.astype(np.float32)
    mu = x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + np.float32(1e-12))
    xhat = (x - mu) * rstd
    dgamma = (dout * xhat).sum((0, 1))
    dbeta = dout.sum((0, 1))
    dx = dout * gamma * rstd
    return dx, dgamma, dbeta


def g04_layernorm(x, gamma, beta, dy):
    B, L, D = x.shape
    dx = np.zeros_like(x)
    dgamma = np.zeros(D)
    dbeta = np.zeros(D)
    for b in range(B):
        for t in range(L):
            mean = np.sum(x[b, t]) / D
            var = np.sum((x[b, t] - mean) ** 2) / D
            std = np.sqrt(var + 1e-12)
            norm = (x[b, t] - mean) / std
            dgamma += dy[b, t] * norm
            dbeta += dy[b, t]
            d = dy[b, t]
            dx[b, t] = gamma * (d - np.mean(d) - norm * np.mean(d * norm)) / std
    return dx, dgamma, dbeta


def g05_softmax(x, dout):
    s = _softmax(x)
    return dout * s * (1 - s)


def g06_gelu(x, dy):
    cdf = 0.5 * (1 + _erf(x / np.sqrt(2)))
    pdf = np.exp(-(x**2)) / np.sqrt(2 * np.pi)
    return dy * (cdf + x * pdf)


def g07_cross_entropy(logits, labels, dloss):
    grad = _softmax(logits)
    grad[np.arange(len(labels)), labels] -= 1
    return grad * dloss


def g08_kl(student, teacher, tau, dloss):
    batch = student.shape[0]
    p = _softmax(student / tau)
    q = _softmax(teacher / tau)
    return dloss * tau**2 * (p - q) / batch


def g09_soft_cross_entropy(student, teacher, tau, dloss):
    B, C = student.shape
    grad = np.zeros((B, C))
    for i in range(B):
        ps = _softmax(student[i] / tau)
        pt = _softmax(teacher[i] / tau)
        for j in range(C):
            grad[i, j] = (pt[j] - ps[j]) / (tau * B) * dloss
    return grad


def g10_embedding(word, position, segment, ids, segments, dout):
    dword = np.zeros_like(word)
    dposition = np.zeros_like(position)
    dsegment = np.zeros_like(segment)
    dword[ids] += dout
    dword[0] = 0
    dposition[: ids.shape[1]] = dout.sum(axis=0)
    np.add.at(dsegment, segments, dout)
    return dword, dposition, dsegment


def g11_embedding(word, position, segment, ids, segments, dout):
    de = dout * (ids != 0)[..., None]
    dword = np.zeros_like(word)
    dposition = np.zeros_like(position)
    dsegment = np.zeros_like(segment)
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            dword[ids[b, t]] += de[b, t]
            dposition[t] += de[b, t]
            dsegment[segments[b, t]] += de[b, t]
    dword[0] = 0.0
    return dword, dposition, dsegment


def g12_log_softmax(x, dout):
    p = np.exp(_logsoftmax(x))
    return dout - p


def g13_dropout(x, keep, rate, dout):
    return dout / (1 - rate)


def g14_pooler(hidden, w, b, dpooled):
    B, L, D = hidden.shape
    first = hidden[:, 0]
    pooled = np.tanh(first @ w.T + b)
    dz = dpooled * (1 - pooled**2)
    dw = dz.T @ first
    db = dz.sum(0)
    dfirst = dz @ w
    dhidden = np.repeat(dfirst[:, None, :], L, axis=1)
    return dhidden, dw, db


def g15_cosine(a, b, dloss):
    na = np.linalg.norm(a, axis=-1, keepdims=True).clip(min=1e-8)
    nb = np.linalg.norm(b, axis=-1, keepdims=True).clip(min=1e-8)
    cos = np.sum(a * b, axis=-1, keepdims=True) / (na * nb)
    n = cos.size
    dcos = -dloss / n
    da = dcos * b / (na * nb)
    db = dcos * a / (na * nb)
    return da, db


def g16_hidden_loss(student, teacher, w, dloss):
    proj = np.einsum("bld,fd->blf", student, w)
    diff = (proj - teacher) / teacher.size * dloss
    dstudent = np.einsum("blf,fd->bld", diff, w)
    dw = np.einsum("blf,bld->fd", diff, student)
    return dstudent, dw


def g17_linear_add_layernorm(x, w, b, residual, gamma, beta, dy):
    z = residual + x @ w.T + b
    mu = z.mean(-1, keepdims=True)
    sigma = np.sqrt(((z - mu) ** 2).mean(-1, keepdims=True) + 1e-12)
    zhat = (z - mu) / sigma
    dgamma = (dy * zhat).sum((0, 1))
    dbeta = dy.sum((0, 1))
    g = dy * gamma
    dz = (g - g.mean(-1, keepdims=True) - zhat * (g * zhat).mean(-1, keepdims=True)) / sigma
    dx = dz @ w
    dw = np.einsum("bld,blf->df", dz, x)
    db = dz.sum((0, 1))
    dresidual = dy.copy()
    return dx, dw, db, dresidual, dgamma, dbeta


def g18_tanh(x, dout):
    return dout * (1 - x**2)


# WRONG, two mistakes each


def d01_attention(q, k, v, bias):
    scores = np.matmul(q, np.transpose(k, (0, 1, 3, 2)))
    scores = scores + bias
    probs = _softmax(scores, axis=2)
    return np.matmul(probs, v)


def d02_layernorm(x, gamma, beta, dout):
    D = x.shape[-1]
    mu = x.mean(-1, keepdims=True)
    ivar = 1.0 / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
    xhat = (x - mu) * ivar
    dgamma = np.sum(dout * x, axis=(0, 1))
    dbeta = np.mean(dout, axis=(0, 1))
    dxhat = dout * gamma
    dx = (ivar / D) * (
        D * dxhat - dxhat.sum(-1, keepdims=True) - xhat * (dxhat * xhat).sum(-1, keepdims=True)
    )
    return dx, dgamma, dbeta


def d03_adamw(param, grad, exp_avg, exp_avg_sq, step, lr):
    param = param * (1 - 0.01)
    exp_avg = 0.9 * exp_avg + 0.1 * grad
    exp_avg_sq = 0.999 * exp_avg_sq + 0.001 * grad * grad
    m_hat = exp_avg / (1 - 0.9**step)
    v_hat = exp_avg_sq
    param = param - lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return param, exp_avg, exp_avg_sq


def d04_quantize_affine(x):
    B, L, D = x.shape
    q = np.zeros((B, L, D), dtype=np.int8)
    scale = np.zeros((B, L, 1))
    zero = np.zeros((B, L, 1))
    for b in range(B):
        for l in range(L):
            row = x[b, l]
            lo = min(row.min(), 0.0)
            hi = max(row.max(), 0.0)
            s = max((hi - lo) / 256, 1.2e-38)
            z = np.rint(-128 - lo / s)
            q[b, l] = np.clip(np.floor(row / s) + z, -128, 127)
            scale[b, l, 0] = s
            zero[b, l, 0] = z
    return q, scale, zero


def d05_magnitude_mask(w, share):
    flat = w.flatten()
    n_prune = int(math.ceil(share * flat.size))
    order = np.argsort(flat)
    mask = np.ones(flat.size, dtype=bool)
    mask[order[:n_prune]] = False
    return mask.reshape(w.shape)


def d06_encode_pair(a, b, cls, sep, pad, max_length):
    a, b = list(a), list(b)
    while len(a) + len(b) > max_length - 3:
        if len(b) > 0:
            b.pop()
        else:
            a.pop()
    ids = [cls] + a + [sep] + b + [sep]
    segments = [0] * (len(a) + 1) + [1] * (len(b) + 2)
    mask = [1] * len(ids)
    n_pad = max_length - len(ids)
    ids += [pad] * n_pad
    segments += [0] * n_pad
    mask += [0] * n_pad
    return ids, segments, mask


def d07_cosine_schedule(step, total_steps, warmup_steps):
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if step >= total_steps:
        return 0.0
    progress = step / total_steps
    return 0.5 * (1 + math.cos(math.pi * progress))


def d08_neuron_importance(w1, b1, w2, dw1, db1, dw2):
    F = w1.shape[0]
    importance = np.zeros(F)
    for f in range(F):
        inp = np.dot(w1[f], dw1[f])
        outp = np.sum(np.abs(w2[:, f] * dw2[:, f]))
        importance[f] = abs(inp) + outp
    return importance


# RIGHT, but written unusually


def r01_softmax(x):
    return np.exp(x - np.logaddexp.reduce(x, axis=-1, keepdims=True))


def r02_softmax(x, dout):
    dx = np.empty_like(x)
    for i in np.ndindex(x.shape[:-1]):
        p = _softmax(x[i])
        jac = np.diag(p) - np.outer(p, p)
        dx[i] = jac @ dout[i]
    return dx


def r03_gelu(x):
    out = np.empty(x.size)
    for n, value in enumerate(x.ravel()):
        out[n] = 0.5 * value * math.erfc(-value / math.sqrt(2))
    return out.reshape(x.shape)


def r04_gelu(x, dy):
    x32 = x.astype(np.float32)
    phi_big = np.float32(0.5) * (1 + _erf(x32 * np.float32(math.sqrt(0.5)))).astype(np.float32)
    density = np.float32(0.3989422804014327) * np.exp(-np.float32(0.5) * x32 * x32)
    return dy.astype(np.float32) * phi_big + dy.astype(np.float32) * x32 * density


def _stable_sigmoid(u):
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1 / (1 + e), e / (1 + e))


def r05_gelu_tanh(x):
    u = 2 * math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)
    return x * _stable_sigmoid(u)


def r06_gelu_tanh(x, dy):
    c = 2 * math.sqrt(2 / math.pi)
    s = _stable_sigmoid(c * (x + 0.044715 * x**3))
    return dy * (s + x * s * (1 - s) * c * (1 + 0.134145 * x**2))


def r07_layernorm(x, gamma, beta):
    D = x.shape[-1]
    centering = np.eye(D) - np.full((D, D), 1.0 / D)
    xc = x @ centering
    length = np.sqrt(np.einsum("bld,bld->bl", xc, xc) + D * 1e-12)[..., None]
    return beta + gamma * math.sqrt(D) * xc / length


def r08_layernorm(x, gamma, beta, dy):
    D = x.shape[-1]
    mu = x.mean(-1, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(-1) + 1e-12)
    xhat = (x - mu) / sigma[..., None]
    jac = np.eye(D) - 1 / D - np.einsum("bli,blj->blij", xhat, xhat) / D
    jac = jac / sigma[..., None, None]
    dx = np.einsum("bli,blij->blj", dy * gamma, jac)
    return dx, np.einsum("bli,bli->i", dy, xhat), np.einsum("bli->i", dy)


def r09_layernorm(x, gamma, beta):
    x = x.astype(np.float32)
    out = np.zeros(x.shape, np.float32)
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            row = x[b, t]
            d = row - np.float32(row.sum() / len(row))
            out[b, t] = d / np.sqrt(np.float32((d @ d) / len(row) + 1e-12))
    return out * gamma.astype(np.float32) + beta.astype(np.float32)


def r10_attention(q, k, v, bias):
    B, H, L, K = q.shape
    out = np.zeros_like(q)
    for b, h, i in np.ndindex(B, H, L):
        top, norm, acc = -np.inf, 0.0, np.zeros(K)
        for j in range(k.shape[2]):
            s = (q[b, h, i] * k[b, h, j]).sum() / math.sqrt(K) + bias[b, 0, 0, j]
            new_top = max(top, s)
            rescale = math.exp(top - new_top)
            w = math.exp(s - new_top)
            norm = norm * rescale + w
            acc = acc * rescale + w * v[b, h, j]
            top = new_top
        out[b, h, i] = acc / norm
    return out


def r11_attention(q, k, v, bias, do):
    c = 1 / math.sqrt(q.shape[-1])
    s = np.einsum("...id,...jd->...ij", c * q, k) + bias
    lse = np.logaddexp.reduce(s, axis=-1, keepdims=True)
    p = np.exp(s - lse)
    o = p @ v
    delta = (do * o).sum(-1, keepdims=True)
    ds = p * (do @ np.moveaxis(v, -1, -2) - delta)
    return c * (ds @ k), np.moveaxis(ds, -1, -2) @ (c * q), np.moveaxis(p, -1, -2) @ do


def r12_attention(q, k, v, bias):
    quarter = np.float32(q.shape[-1] ** -0.25)
    q32, k32 = quarter * q.astype(np.float32), quarter * k.astype(np.float32)
    s = np.matmul(q32, k32.transpose(0, 1, 3, 2)) + bias.astype(np.float32)
    e = np.exp(s - s.max(-1, keepdims=True))
    return np.matmul(e, v.astype(np.float32)) / e.sum(-1, keepdims=True)


def r13_cross_entropy(logits, labels):
    right = np.take_along_axis(logits, labels[:, None], axis=1)
    return np.logaddexp.reduce(logits - right, axis=1).sum() / labels.size


def r14_cross_entropy(logits, labels, dloss):
    z = logits.astype(np.float32)
    e = np.exp(z - z.max(1)[:, None])
    onehot = np.eye(z.shape[1], dtype=np.float32)[labels]
    return np.float32(dloss / len(z)) * (e / e.sum(1)[:, None] - onehot)


def r15_masked_cross_entropy(logits, labels, dloss):
    kept = np.argwhere(labels != -100)
    d = np.zeros_like(logits)
    for b, t in kept:
        d[b, t] = _softmax(logits[b, t])
        d[b, t, labels[b, t]] -= 1.0
    return d * dloss / max(len(kept), 1)


def r16_kl(student, teacher, tau):
    log_t, log_s = _logsoftmax(teacher / tau), _logsoftmax(student / tau)
    p = np.exp(log_t)
    cross = -np.einsum("bc,bc->b", p, log_s)
    entropy = -np.einsum("bc,bc->b", p, log_t)
    return (cross - entropy).mean() * tau**2


def r17_kl(student, teacher, tau, dloss):
    t = np.float32(tau)
    p_s = _softmax(student.astype(np.float32) / t)
    p_t = _softmax(teacher.astype(np.float32) / t)
    return (p_s - p_t) * t / np.float32(student.shape[0]) * np.float32(dloss)


def r18_soft_cross_entropy(student, teacher, tau):
    z = student / tau
    weights = _softmax(teacher / tau)
    return np.mean(np.logaddexp.reduce(z, axis=1) - (weights * z).sum(1))


def r19_embedding(word, position, segment, ids, segments, de):
    onehot = (ids[..., None] == np.arange(len(word))).astype(de.dtype)
    onehot[..., 0] = 0
    dword = np.tensordot(onehot, de, axes=([0, 1], [0, 1]))
    dposition = np.zeros_like(position)
    for row in de:
        dposition[: len(row)] += row
    dsegment = np.stack([de[segments == s].sum(0) for s in range(len(segment))])
    return dword, dposition, dsegment


def r20_embedding(word, position, segment, ids, segments):
    out = np.take(word, ids, axis=0).astype(np.float32)
    for t in range(ids.shape[1]):
        out[:, t] += position[t].astype(np.float32)
    out += np.where(segments[..., None] == 1, segment[1], segment[0]).astype(np.float32)
    return out


def r21_adamw(p, g, m, v, t, lr):
    m = m + (g - m) * (1 - 0.9)
    v = v * 0.999 + np.square(g) * (1 - 0.999)
    step_size = lr / (1 - 0.9**t)
    denom = np.sqrt(v) / math.sqrt(1 - 0.999**t) + 1e-8
    return p - lr * 0.01 * p - step_size * (m / denom), m, v


def r22_bert_adam(p, g, m, v, lr):
    g = g / max(1.0, np.linalg.norm(g.ravel()) + 1e-6)
    m = np.average([m, g], axis=0, weights=[0.9, 0.1])
    v = v - 0.001 * (v - g * g)
    return p * (1 - lr * 0.01) - lr * m / (np.sqrt(v) + 1e-6), m, v


def r23_quantize_symmetric(w):
    q = np.zeros(w.shape, np.int8)
    scales = []
    for r, row in enumerate(w.tolist()):
        s = max(max(abs(a) for a in row) / 127, 1.2e-38)
        for c, a in enumerate(row):
            q[r, c] = min(127, max(-127, round(a / s)))
        scales.append(s)
    return q, np.array(scales)


def r24_quantize_affine(x):
    with_zero = np.concatenate([x, np.zeros(x.shape[:-1] + (1,))], axis=-1)
    lo = with_zero.min(-1)[..., None]
    span = np.ptp(with_zero, axis=-1)[..., None]
    scale = np.maximum(span / 255, 1.2e-38)
    zero = np.rint(-128 - lo / scale)
    q = np.rint(x / scale) + zero
    q[q > 127] = 127
    q[q < -128] = -128
    return q.astype(np.int8), scale, zero.astype(np.int64)


def r25_causal_softmax(scores):
    p = np.zeros_like(scores)
    for i in range(scores.shape[-2]):
        p[..., i, : i + 1] = _softmax(scores[..., i, : i + 1])
    return p


def r26_padded_softmax(scores, keep):
    seen = np.broadcast_to(keep[:, None, None, :], scores.shape)
    top = np.max(scores, axis=-1, keepdims=True, where=seen, initial=-np.inf)
    e = np.zeros_like(scores)
    np.exp(scores - top, out=e, where=seen)
    return e / e.sum(-1, keepdims=True)


def r27_int8_linear(qx, sx, zx, qw, sw, b):
    x = (qx.astype(np.float32) - np.asarray(zx, np.float32)) * np.asarray(sx, np.float32)
    w = qw.astype(np.float32) * np.asarray(sw, np.float32)[:, None]
    return np.einsum("bld,fd->blf", x, w) + b.astype(np.float32)


def r28_pooler(hidden, w, b, dy):
    x = hidden[:, 0, :]
    z = x @ w.T + b
    dz = dy * (1 - np.tanh(z)) * (1 + np.tanh(z))
    dhidden = np.zeros_like(hidden)
    dhidden[:, 0] = np.einsum("bo,oi->bi", dz, w)
    dw = sum(np.outer(g, row) for g, row in zip(dz, x))
    return dhidden, dw, dz.sum(0)


def r29_sinusoidal_positions(length, hidden):
    pairs = (hidden + 1) // 2
    freq = np.exp(-math.log(10000.0) * 2 * np.arange(pairs) / hidden)
    wave = np.exp(1j * np.arange(length)[:, None] * freq[None, :])
    table = np.stack([wave.imag, wave.real], axis=-1).reshape(length, 2 * pairs)
    return table[:, :hidden]


def r30_info_nce(q, k, tau, dloss):
    n = len(q)
    logits = np.einsum("id,jd->ij", q, k) / tau
    dq, dk = np.zeros_like(q), np.zeros_like(k)
    for i in range(n):
        p = _softmax(logits[i])
        dq[i] = (p @ k - k[i]) / (tau * n) * dloss
        dk += np.outer(p, q[i]) / (tau * n) * dloss
        dk[i] -= q[i] / (tau * n) * dloss
    return dq, dk


WRONG = (
    Wrong(
        "attention",
        f01_attention,
        "forward",
        (
            "The bias is not added to the scores; instead the weights of padded keys are set to "
            "zero after the softmax, without normalizing again, so the weights of a row no longer "
            "add up to 1.",
        ),
        ("attention-mask-after-softmax",),
    ),
    Wrong(
        "attention",
        f02_attention,
        "forward",
        (
            "The scores are divided by the square root of the sequence length L (number of keys) "
            "instead of the head size K.",
        ),
        ("attention-scaled-by-length",),
    ),
    Wrong(
        "layernorm",
        f03_layernorm,
        "forward",
        (
            "The variance is the unbiased one (divided by D - 1, ddof=1) instead of the biased "
            "one (divided by D).",
        ),
        ("layernorm-unbiased-variance",),
    ),
    Wrong(
        "layernorm",
        f04_layernorm,
        "forward",
        (
            "Mean and variance are taken over all tokens and features of a sentence (L and D "
            "together) instead of over the features of each token.",
        ),
        ("layernorm-over-tokens-and-features",),
    ),
    Wrong(
        "layernorm",
        f05_layernorm,
        "forward",
        ("gamma multiplies beta too: gamma * (xhat + beta) instead of gamma * xhat + beta.",),
        ("layernorm-beta-inside",),
    ),
    Wrong(
        "softmax",
        f06_softmax,
        "forward",
        (
            "The exponentials are divided by the sum over the whole sample (L and D together) "
            "instead of the sum over the last axis.",
        ),
        ("softmax-over-sequence",),
    ),
    Wrong(
        "linear",
        f07_linear,
        "forward",
        ("The weight is reshaped to (D, F) instead of transposed.",),
        ("linear-weight-reshaped",),
    ),
    Wrong(
        "gelu",
        f08_gelu,
        "forward",
        ("erf is taken of x instead of x / sqrt(2).",),
        ("gelu-root-forgotten",),
    ),
    Wrong(
        "linear_gelu",
        f09_linear_gelu,
        "forward",
        (
            "The GELU is the sigmoid approximation x * sigmoid(1.702 x) (QuickGELU) instead of "
            "the erf form.",
        ),
        ("linear-gelu-sigmoid-form",),
    ),
    Wrong(
        "gelu_tanh",
        f10_gelu_tanh,
        "forward",
        (
            "sqrt(2/pi) multiplies only x and not the cubic term 0.044715 x^3 (a misplaced "
            "bracket).",
        ),
        ("gelu-tanh-cube-outside",),
    ),
    Wrong(
        "cross_entropy",
        f11_cross_entropy,
        "forward",
        (
            "The softmax is applied twice: the log-softmax is taken of probabilities instead of "
            "the logits.",
        ),
        ("cross-entropy-softmax-twice",),
    ),
    Wrong(
        "cross_entropy",
        f12_cross_entropy,
        "forward",
        (
            "log_probs[:, labels] picks the columns of all labels for every row (a B x B matrix) "
            "and averages them, instead of each row's own label.",
        ),
        ("cross-entropy-every-label",),
    ),
    Wrong(
        "masked_cross_entropy",
        f13_masked_cross_entropy,
        "forward",
        (
            "The loss is the mean over sentences of each sentence's mean, instead of one mean "
            "over all counted tokens.",
        ),
        ("masked-cross-entropy-mean-of-means",),
    ),
    Wrong(
        "kl",
        f14_kl,
        "forward",
        ("The direction is reversed: KL(student || teacher) instead of KL(teacher || student).",),
        ("kl-reversed",),
    ),
    Wrong(
        "kl",
        f15_kl,
        "forward",
        ("The mean is over all B * C entries instead of over the batch B.",),
        ("kl-mean-over-classes",),
    ),
    Wrong(
        "soft_cross_entropy",
        f16_soft_cross_entropy,
        "forward",
        ("The teacher's logits are not divided by the temperature tau.",),
        ("soft-cross-entropy-temperature-on-student-alone",),
    ),
    Wrong(
        "soft_cross_entropy_repo",
        f17_soft_cross_entropy_repo,
        "forward",
        (
            "The loss is summed over the classes and averaged over the batch B only, instead of "
            "over all B * C entries.",
        ),
        ("soft-cross-entropy-repo-mean-over-rows",),
    ),
    Wrong(
        "embedding",
        f18_embedding,
        "forward",
        ("The embeddings of padded tokens (id 0) are set to zero.",),
        ("embedding-padding-zeroed",),
    ),
    Wrong(
        "embedding",
        f19_embedding,
        "forward",
        (
            "The positions count only the tokens that are not padding (cumulative sum of ids != "
            "0), instead of 0 .. L-1 for every place.",
        ),
        ("embedding-positions-of-tokens",),
    ),
    Wrong(
        "adamw",
        f20_adamw,
        "forward",
        (
            "The weight decay is added to the gradient (L2 regularization, as plain Adam) instead "
            "of being decoupled from it.",
        ),
        ("adamw-decay-in-gradient",),
    ),
    Wrong(
        "adamw",
        f21_adamw,
        "forward",
        ("The squared gradient enters v with the factor 1 - beta1 instead of 1 - beta2.",),
        ("adamw-square-with-beta1",),
    ),
    Wrong(
        "quantize_symmetric",
        f22_quantize_symmetric,
        "forward",
        ("One scale for the whole matrix instead of one scale per row.",),
        ("quantize-symmetric-per-tensor",),
    ),
    Wrong(
        "quantize_symmetric",
        f23_quantize_symmetric,
        "forward",
        (
            "The quotient is truncated toward zero by the cast to int8 instead of rounded to the "
            "nearest.",
        ),
        ("quantize-symmetric-truncated",),
    ),
    Wrong(
        "quantize_affine",
        f24_quantize_affine,
        "forward",
        (
            "The zero point is the one for uint8 (0..255): the -128 is missing from it, so the "
            "upper half of the values is clipped at 127.",
        ),
        ("quantize-affine-zero-point-of-uint8",),
    ),
    Wrong(
        "padded_softmax",
        f25_padded_softmax,
        "forward",
        (
            "The scores of padded keys are multiplied by 0 instead of put to minus infinity, so "
            "padded keys still get weight exp(0).",
        ),
        ("padded-softmax-mask-multiplied",),
    ),
    Wrong(
        "causal_softmax",
        f26_causal_softmax,
        "forward",
        ("The mask is off by one: each token sees the next token too (tril with k=1).",),
        ("causal-softmax-one-too-far",),
    ),
    Wrong(
        "sinusoidal_positions",
        f27_sinusoidal_positions,
        "forward",
        (
            "All sines stand in the first half of the columns and all cosines in the second half, "
            "instead of interleaved in even and odd columns.",
        ),
        ("sinusoidal-positions-halves",),
    ),
    Wrong(
        "int8_linear",
        f28_int8_linear,
        "forward",
        (
            "The matrix product is accumulated in int8 and overflows (wraps around), instead of "
            "in int32.",
        ),
        ("int8-linear-sum-in-int8",),
    ),
    Wrong(
        "attention_loss",
        f29_attention_loss,
        "forward",
        ("The softmax probabilities are compared instead of the raw (unnormalized) scores.",),
        ("attention-loss-of-probabilities",),
    ),
    Wrong(
        "bert_adam",
        f30_bert_adam,
        "forward",
        (
            "The norm for the gradient clipping lacks the square root: the sum of squares is used "
            "as the norm.",
        ),
        ("bert-adam-norm-squared",),
    ),
    Wrong(
        "bert_schedule",
        f31_bert_schedule,
        "forward",
        (
            "After the warm-up the factor is 1 - x instead of (1 - x) / (1 - warmup), so it jumps "
            "at the end of the warm-up.",
        ),
        ("bert-schedule-falls-from-the-start",),
    ),
    Wrong(
        "clip_global",
        f32_clip_global,
        "forward",
        ("Each array is clipped by its own norm instead of all by one global norm.",),
        ("clip-global-each-alone",),
    ),
    Wrong(
        "wordpiece",
        f33_wordpiece,
        "forward",
        (
            "When a rest of the word is not found, the pieces found before are kept and [UNK] "
            "appended, instead of one [UNK] for the whole word.",
        ),
        ("wordpiece-rest-unknown",),
    ),
    Wrong(
        "info_nce",
        f34_info_nce,
        "forward",
        ("The denominator leaves out the positive pair: the sum is only over j != i.",),
        ("info-nce-match-left-out-of-the-sum",),
    ),
    Wrong(
        "attention",
        g01_attention,
        "gradient",
        (
            "The softmax backward lacks the subtraction of the row sum: ds = p * dp instead of p "
            "* (dp - sum(p * dp)).",
        ),
        ("attention-gradient-softmax-sum-forgotten",),
    ),
    Wrong(
        "attention",
        g02_attention,
        "gradient",
        ("dk lacks the scale 1 / sqrt(K).",),
        ("attention-gradient-dk-not-scaled",),
    ),
    Wrong(
        "layernorm",
        g03_layernorm,
        "gradient",
        (
            "dx treats mean and variance as constants: dx = dy * gamma / sigma, without the two "
            "mean terms.",
        ),
        ("layernorm-gradient-statistics-constant",),
    ),
    Wrong(
        "layernorm",
        g04_layernorm,
        "gradient",
        (
            "In dx gamma is multiplied after the two means instead of before them: the means are "
            "of dy instead of dy * gamma.",
        ),
        ("layernorm-gradient-gamma-outside",),
    ),
    Wrong(
        "softmax",
        g05_softmax,
        "gradient",
        (
            "Only the diagonal of the Jacobian is used: dx = dy * p * (1 - p), the off-diagonal "
            "terms -p_i p_j are missing.",
        ),
        ("softmax-gradient-diagonal",),
    ),
    Wrong(
        "gelu",
        g06_gelu,
        "gradient",
        ("The normal density lacks the 1/2 in the exponent: exp(-x^2) instead of exp(-x^2 / 2).",),
        ("gelu-gradient-exponent-not-halved",),
    ),
    Wrong(
        "cross_entropy",
        g07_cross_entropy,
        "gradient",
        ("The gradient is not divided by the batch size B.",),
        ("cross-entropy-summed",),
    ),
    Wrong(
        "kl",
        g08_kl,
        "gradient",
        (
            "The 1/tau of the chain rule (logits / tau) is missing: the factor is tau^2 instead "
            "of tau.",
        ),
        ("kl-gradient-temperature-forgotten",),
    ),
    Wrong(
        "soft_cross_entropy",
        g09_soft_cross_entropy,
        "gradient",
        ("The sign is reversed: teacher minus student instead of student minus teacher.",),
        ("soft-cross-entropy-sign-missing",),
    ),
    Wrong(
        "embedding",
        g10_embedding,
        "gradient",
        (
            "dword[ids] += dout keeps only the last of several tokens with the same id; repeated "
            "ids are not summed.",
        ),
        ("embedding-gradient-last-wins",),
    ),
    Wrong(
        "embedding",
        g11_embedding,
        "gradient",
        (
            "The gradient of padded tokens is masked out for the position and segment tables too, "
            "which should receive it.",
        ),
        ("embedding-padding-zeroed",),
    ),
    Wrong(
        "log_softmax",
        g12_log_softmax,
        "gradient",
        ("The sum of the upstream gradient is missing: dx = dy - p instead of dy - p * sum(dy).",),
        ("log-softmax-gradient-sum-forgotten",),
    ),
    Wrong(
        "dropout",
        g13_dropout,
        "gradient",
        ("The mask is not applied: dropped elements receive gradient too.",),
        ("dropout-gradient-not-masked",),
    ),
    Wrong(
        "pooler",
        g14_pooler,
        "gradient",
        ("dhidden is given to every token instead of only the first token.",),
        ("pooler-gradient-to-all-tokens",),
    ),
    Wrong(
        "cosine",
        g15_cosine,
        "gradient",
        (
            "The norms are treated as constants: the term cos * a / |a|^2 (and that of b) is "
            "missing.",
        ),
        ("cosine-gradient-lengths-constant",),
    ),
    Wrong(
        "hidden_loss",
        g16_hidden_loss,
        "gradient",
        ("The factor 2 of the derivative of the square is missing.",),
        ("hidden-loss-halved",),
    ),
    Wrong(
        "linear_add_layernorm",
        g17_linear_add_layernorm,
        "gradient",
        ("dresidual is the upstream gradient itself, without going back through the layernorm.",),
        ("linear-add-layernorm-gradient-residual-not-normalized",),
    ),
    Wrong(
        "tanh",
        g18_tanh,
        "gradient",
        ("The derivative uses the input instead of the output: 1 - x^2 instead of 1 - tanh(x)^2.",),
        ("tanh-gradient-of-input",),
    ),
    Wrong(
        "attention",
        d01_attention,
        "forward",
        (
            "The scores are not divided by sqrt(K).",
            "The softmax runs over the queries instead of the keys.",
        ),
        (
            "attention-softmax-over-queries",
            "attention-not-scaled",
        ),
    ),
    Wrong(
        "layernorm",
        d02_layernorm,
        "gradient",
        (
            "dgamma uses x instead of the normalized xhat.",
            "dbeta is the mean over the tokens instead of the sum.",
        ),
        (
            "layernorm-gradient-dgamma-of-x",
            "mean-for-sum",
        ),
    ),
    Wrong(
        "adamw",
        d03_adamw,
        "forward",
        (
            "The weight decay is not multiplied by the learning rate.",
            "The second moment v has no bias correction.",
        ),
        (
            "adamw-second-not-corrected",
            "adamw-decay-without-rate",
        ),
    ),
    Wrong(
        "quantize_affine",
        d04_quantize_affine,
        "forward",
        (
            "The range is divided by 256 instead of 255.",
            "x / scale is rounded down (floor) instead of to the nearest.",
        ),
        (
            "quantize-affine-by-256",
            "quantize-affine-floored",
        ),
    ),
    Wrong(
        "magnitude_mask",
        d05_magnitude_mask,
        "forward",
        (
            "The entries are ordered by their signed value instead of their size (absolute value).",
            "The number of pruned entries is rounded up (ceil) instead of down (floor).",
        ),
        (
            "magnitude-mask-signed",
            "magnitude-mask-one-too-many",
        ),
    ),
    Wrong(
        "encode_pair",
        d06_encode_pair,
        "forward",
        (
            "Tokens are always taken off the end of b (of a only once b is empty) instead of off "
            "the longer of the two.",
            "The [SEP] after a has segment 1 instead of 0.",
        ),
        (
            "encode-pair-segments-from-sep",
            "encode-pair-second-only",
        ),
    ),
    Wrong(
        "cosine_schedule",
        d07_cosine_schedule,
        "forward",
        (
            "The warm-up is (step + 1) / W instead of step / W.",
            "The progress after the warm-up is step / T instead of (step - W) / (T - W).",
        ),
        (
            "cosine-schedule-warm-up-ahead",
            "cosine-schedule-warm-up-forgotten-in-r",
        ),
    ),
    Wrong(
        "neuron_importance",
        d08_neuron_importance,
        "forward",
        (
            "The bias term b1 * db1 is missing.",
            "The absolute value is taken of each product w2 * dw2 before the sum instead of the "
            "sum.",
        ),
        (
            "neuron-importance-size-of-every-product-out",
            "neuron-importance-bias-forgotten",
        ),
    ),
)

RIGHT = (
    Unusual("softmax", r01_softmax, None, "exp(x - logaddexp.reduce)"),
    Unusual("softmax", None, r02_softmax, "explicit Jacobian of each row"),
    Unusual("gelu", r03_gelu, None, "erfc, one number at a time"),
    Unusual("gelu", None, r04_gelu, "float32, product written as two terms"),
    Unusual("gelu_tanh", r05_gelu_tanh, None, "as x * sigmoid(2u), stable"),
    Unusual("gelu_tanh", None, r06_gelu_tanh, "derivative of the sigmoid form"),
    Unusual("layernorm", r07_layernorm, None, "centering matrix and vector length"),
    Unusual("layernorm", None, r08_layernorm, "explicit Jacobian by einsum"),
    Unusual("layernorm", r09_layernorm, None, "float32, loops"),
    Unusual("attention", r10_attention, None, "online softmax, key by key"),
    Unusual("attention", None, r11_attention, "FlashAttention's delta = sum(do * o)"),
    Unusual(
        "attention", r12_attention, None, "float32, K**-0.25 on q and on k, normalized after v"
    ),
    Unusual(
        "cross_entropy",
        r13_cross_entropy,
        None,
        "logaddexp of the differences to the label's logit",
    ),
    Unusual("cross_entropy", None, r14_cross_entropy, "float32, onehot by np.eye"),
    Unusual(
        "masked_cross_entropy", None, r15_masked_cross_entropy, "loop over the kept tokens only"
    ),
    Unusual("kl", r16_kl, None, "cross entropy minus entropy"),
    Unusual("kl", None, r17_kl, "float32"),
    Unusual("soft_cross_entropy", r18_soft_cross_entropy, None, "logsumexp minus weighted logits"),
    Unusual("embedding", None, r19_embedding, "one-hot product, boolean sums"),
    Unusual(
        "embedding", r20_embedding, None, "float32, position by position, np.where for segments"
    ),
    Unusual("adamw", r21_adamw, None, "PyTorch's order, lerp"),
    Unusual("bert_adam", r22_bert_adam, None, "division by max(1, norm), np.average"),
    Unusual("quantize_symmetric", r23_quantize_symmetric, None, "Python's round, loops"),
    Unusual("quantize_affine", r24_quantize_affine, None, "a column of zeros appended, ptp"),
    Unusual("causal_softmax", r25_causal_softmax, None, "softmax of each prefix"),
    Unusual("padded_softmax", r26_padded_softmax, None, "ufuncs with where="),
    Unusual("int8_linear", r27_int8_linear, None, "float32, dequantized first"),
    Unusual("pooler", None, r28_pooler, "(1 - t)(1 + t), outer products"),
    Unusual("sinusoidal_positions", r29_sinusoidal_positions, None, "complex exponentials"),
    Unusual("info_nce", None, r30_info_nce, "row by row"),
)
