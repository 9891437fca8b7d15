"""The first held-out functions; their table is at the end."""

# ruff: noqa: B905, RUF005, RUF059

import math
import string
import unicodedata
from collections import Counter

import numpy as np

from ..unusual import Unusual
from ..wrong import Wrong

verf = np.vectorize(math.erf, otypes=[float])


# ---------------------------------------------------------------- helpers (all of these are right)


def my_softmax(z):
    z = z - np.max(z, axis=-1, keepdims=True)
    e = np.exp(z)
    return e / np.sum(e, axis=-1, keepdims=True)


def my_log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def normal_cdf(x):
    return 0.5 * (1 + verf(x / math.sqrt(2)))


def f32(*arrays):
    return [np.asarray(a, dtype=np.float32) for a in arrays]


def is_punct(ch):
    cp = ord(ch)
    if 33 <= cp <= 47 or 58 <= cp <= 64 or 91 <= cp <= 96 or 123 <= cp <= 126:
        return True
    return unicodedata.category(ch).startswith("P")


def is_cjk(ch):
    cp = ord(ch)
    for lo, hi in [
        (0x4E00, 0x9FFF),
        (0x3400, 0x4DBF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2CEAF),
        (0xF900, 0xFAFF),
        (0x2F800, 0x2FA1F),
    ]:
        if lo <= cp <= hi:
            return True
    return False


def clean(text):
    out = []
    for ch in text:
        if ch in "\t\n\r" or unicodedata.category(ch)[0] == "Z":
            out.append(" ")
        elif ch == "\ufffd" or unicodedata.category(ch) in ("Cc", "Cf", "Co", "Cs"):
            continue
        else:
            out.append(ch)
    return "".join(out)


def wf_linear(x, w, b):
    B, L, D = x.shape
    F = w.shape[0]
    out = np.zeros((B, L, F))
    for i in range(B):
        for t in range(L):
            for f in range(F):
                for d in range(D):
                    out[i, t, f] += x[i, t, d] * w[f, d] + b[f]
    return out


def wf_layernorm(x, gamma, beta):
    x, gamma, beta = f32(x, gamma, beta)
    mean = x.mean(axis=2, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=2, keepdims=True)
    normed = (x - mean) / np.sqrt(var + np.float32(1e-12))
    return (normed + beta) * gamma


def wf_gelu(x):
    out = []
    for v in x.reshape(-1):
        cdf = 0.5 * (1.0 + math.erf(v) / math.sqrt(2.0))
        out.append(v * cdf)
    return np.array(out).reshape(x.shape)


def wf_softmax(x):
    m = np.max(x, axis=1, keepdims=True)
    e = np.exp(x - m)
    return e / e.sum(axis=2, keepdims=True)


def wf_log_softmax(x):
    x = x.astype(np.float32)
    biggest = x.max(axis=-1, keepdims=True)
    lse = np.log(np.exp(x).sum(axis=-1, keepdims=True))
    return x - biggest - lse


def wf_attention(q, k, v, bias):
    q, k, v, bias = f32(q, k, v, bias)
    scores = np.einsum("bhik,bhjk->bhij", q, k) / np.sqrt(np.float32(q.shape[-1]))
    probs = my_softmax(scores)
    probs = np.where(bias < -1, np.float32(0), probs)
    return np.einsum("bhij,bhjk->bhik", probs, v)


def wf_padded_softmax(scores, keep):
    masked = np.where(keep[:, None, :, None], scores, -1e9)
    return my_softmax(masked)


def wf_causal_softmax(scores):
    n = scores.shape[-1]
    allowed = np.tril(np.ones((n, n)), k=1)
    s = np.where(allowed == 1, scores, -np.inf)
    return my_softmax(s)


def wf_pooler(hidden, w, b):
    last = hidden[:, -1]
    rows = []
    for h in last:
        rows.append(np.tanh(np.dot(w, h) + b))
    return np.stack(rows)


def wf_embedding(word, position, segment, ids, segments):
    B, L = ids.shape
    d_model = word.shape[1]
    tok = word[ids] * math.sqrt(d_model)
    pos = position[:L].reshape(1, L, d_model)
    seg = segment[segments]
    return tok + pos + seg


def wf_linear_add_layernorm(x, w, b, residual, gamma, beta):
    x, w, b, residual, gamma, beta = f32(x, w, b, residual, gamma, beta)
    h = np.matmul(x, w.T) + b
    mu = h.mean(-1)[..., None]
    sd = np.sqrt(h.var(-1)[..., None] + np.float32(1e-12))
    return residual + gamma * (h - mu) / sd + beta


def wf_cross_entropy(logits, labels):
    p = my_softmax(logits)
    correct = []
    for i, y in enumerate(labels):
        correct.append(p[i, y])
    return -np.log(np.mean(correct))


def wf_masked_cross_entropy(logits, labels):
    logp = my_log_softmax(logits)
    per_sentence = []
    for b in range(labels.shape[0]):
        losses = [-logp[b, t, labels[b, t]] for t in range(labels.shape[1]) if labels[b, t] != -100]
        if losses:
            per_sentence.append(sum(losses) / len(losses))
    return sum(per_sentence) / len(per_sentence)


def wf_smoothed_cross_entropy(logits, labels, smoothing):
    n, c = logits.shape
    target = np.full((n, c), smoothing / (c - 1))
    target[np.arange(n), labels] = 1 - smoothing
    return -(target * my_log_softmax(logits)).sum() / n


def wf_soft_cross_entropy(student, teacher, tau):
    student, teacher = f32(student, teacher)
    t = np.float32(tau)
    soft_targets = my_softmax(teacher)
    logq = my_log_softmax(student / t)
    return -(soft_targets * logq).sum(axis=1).mean()


def wf_cosine(a, b):
    a, b = f32(a, b)
    a_n = a / np.linalg.norm(a)
    b_n = b / np.linalg.norm(b)
    sim = (a_n * b_n).sum(-1)
    return np.mean(1 - sim)


def wf_info_nce(q, k, tau):
    q = q / np.linalg.norm(q, axis=1, keepdims=True)
    k = k / np.linalg.norm(k, axis=1, keepdims=True)
    sims = q @ k.T / tau
    loss = 0.0
    for i in range(len(q)):
        row = sims[i]
        top = row.max()
        loss += top + np.log(np.exp(row - top).sum()) - row[i]
    return loss / len(q)


def wf_attention_loss_exact(student, teacher, keep):
    B, H, L, _ = student.shape
    m = keep.astype(float)[:, None, None, :]
    sq = (student - teacher) ** 2 * m
    return sq.sum() / (H * sum(int(r.sum()) ** 2 for r in keep))


def wf_attention_loss_repo(student, teacher, keep):
    bias = (1.0 - keep[:, None, None, :]) * -10000.0
    s, t = student + bias, teacher + bias
    s = np.where(s <= -1e2, 0.0, s)
    t = np.where(t <= -1e2, 0.0, t)
    count = (s != 0).sum()
    return ((s - t) ** 2).sum() / count


def wf_hidden_loss(student, teacher, w):
    student, teacher, w = f32(student, teacher, w)
    diff = np.einsum("bld,fd->blf", student, w) - teacher
    per_token = np.square(diff).sum(axis=-1)
    return per_token.mean()


def wf_uniform_map(n_student, n_teacher):
    every = n_teacher // n_student
    return [m * every for m in range(1, n_student + 1)]


def wf_adamw(p, g, m, v, t, lr):
    beta1, beta2, eps, wd = 0.9, 0.999, 1e-8, 0.01
    p = p - lr * wd * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    p = p - lr * m_hat / (v_hat + eps)
    return p, m, v


def wf_bert_adam(p, g, m, v, lr):
    norm = np.sqrt((g * g).sum())
    if norm + 1e-6 > 1.0:
        g = g / (norm + 1e-6)
    g = g + 0.01 * p
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    update = m / (np.sqrt(v) + 1e-6)
    return p - lr * update, m, v


def wf_clip_global(grads, max_norm):
    total = 0.0
    for name in grads:
        total += np.linalg.norm(grads[name])
    coef = max_norm / (total + 1e-6)
    if coef < 1:
        return {name: g * coef for name, g in grads.items()}
    return dict(grads)


def wf_cosine_schedule(step, total_steps, warmup_steps):
    if step < warmup_steps:
        return step / warmup_steps
    if step >= total_steps:
        return 0.0
    progress = step / total_steps
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def wf_bert_schedule(step, total_steps, warmup):
    x = step / total_steps
    if x < warmup:
        return x / warmup
    return max(0.0, 1.0 - x)


def wf_quantize_affine(x):
    lo = np.minimum(x.min(axis=-1, keepdims=True), 0)
    hi = np.maximum(x.max(axis=-1, keepdims=True), 0)
    scale = (hi - lo) / 255
    zero = np.rint(-128 - lo / scale)
    q = np.trunc(x / scale) + zero
    q = np.clip(q, -128, 127)
    return q.astype(np.int8), scale, zero.astype(np.int32)


def wf_int8_linear(qx, sx, zx, qw, sw, b):
    acc = np.matmul(qx, qw.T)
    r = qw.astype(np.int32).sum(axis=1)
    acc = acc.astype(np.float64) - zx * r
    return acc * sx * sw + b


def wf_wordpiece(word, vocab):
    if len(word) > 100:
        return ["[UNK]"]
    tokens = []
    start = 0
    while start < len(word):
        end = len(word)
        found = None
        while start < end:
            sub = word[start:end]
            if start > 0:
                sub = "##" + sub
            if sub in vocab:
                found = sub
                break
            end -= 1
        if found is None:
            tokens.append("[UNK]")
            break
        tokens.append(found)
        start = end
    return tokens


def wf_basic_tokenize(text):
    text = clean(text)
    text = "".join(c.lower() for c in text)
    text = unicodedata.normalize("NFD", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    spaced = ""
    for ch in text:
        if ch in string.punctuation or is_cjk(ch):
            spaced += " " + ch + " "
        else:
            spaced += ch
    return spaced.split()


def wf_f1_macro(predicted, labels):
    precisions, recalls = [], []
    for c in sorted(set(predicted.tolist()) | set(labels.tolist())):
        tp = np.sum((predicted == c) & (labels == c))
        n_pred = np.sum(predicted == c)
        n_true = np.sum(labels == c)
        precisions.append(tp / n_pred if n_pred else 0.0)
        recalls.append(tp / n_true if n_true else 0.0)
    P, R = np.mean(precisions), np.mean(recalls)
    return 2 * P * R / (P + R) if P + R > 0 else 0.0


def wf_neuron_importance(w1, b1, w2, dw1, db1, dw2):
    F = w1.shape[0]
    scores = np.zeros(F)
    for f in range(F):
        inn = abs(b1[f] * db1[f])
        for d in range(w1.shape[1]):
            inn += abs(w1[f, d] * dw1[f, d])
        out = 0.0
        for d in range(w2.shape[0]):
            out += w2[d, f] * dw2[d, f]
        scores[f] = inn + abs(out)
    return scores


def wg_linear(x, w, b, dy):
    B, L, D = x.shape
    dx = dy @ w
    dw = np.zeros_like(w)
    for i in range(B):
        dw += dy[i].T @ x[i]
    db = dy.sum(axis=1).mean(axis=0)
    return dx, dw, db


def wg_layernorm(x, gamma, beta, dy):
    mu = x.mean(-1, keepdims=True)
    xc = x - mu
    std = np.sqrt((xc**2).mean(-1, keepdims=True) + 1e-12)
    xhat = xc / std
    dgamma = (dy * xc).sum(axis=(0, 1))
    dbeta = dy.sum(axis=(0, 1))
    dxhat = dy * gamma
    N = x.shape[-1]
    dx = (
        N * dxhat - dxhat.sum(-1, keepdims=True) - xhat * (dxhat * xhat).sum(-1, keepdims=True)
    ) / (N * std)
    return dx, dgamma, dbeta


def wg_gelu(x, dy):
    x, dy = f32(x, dy)
    cdf = normal_cdf(x).astype(np.float32)
    pdf = np.exp(-x * x / 2) / np.float32(2 * np.pi)
    return dy * (cdf + x * pdf)


def wg_gelu_tanh(x, dy):
    c = np.sqrt(2 / np.pi)
    inner = c * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    sech2 = 1 - t**2
    dinner = c * (1 + 0.044715 * x**2)
    return dy * (0.5 * (1 + t) + 0.5 * x * sech2 * dinner)


def wg_softmax(x, dy):
    p = my_softmax(x)
    return p * (dy - dy.sum(axis=-1, keepdims=True))


def wg_log_softmax(x, dy):
    p = np.exp(my_log_softmax(x))
    dx = np.empty_like(x)
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            dx[b, t] = dy[b, t] - p[b, t]
    return dx


def wg_attention_a(q, k, v, bias, dout):
    q, k, v, bias, dout = f32(q, k, v, bias, dout)
    root = np.float32(math.sqrt(q.shape[-1]))
    p = my_softmax(q @ k.transpose(0, 1, 3, 2) / root + bias)
    dv = p.transpose(0, 1, 3, 2) @ dout
    dp = dout @ v.transpose(0, 1, 3, 2)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    dq = ds @ k / root
    dk = ds.transpose(0, 1, 3, 2) @ q
    return dq, dk, dv


def wg_attention_b(q, k, v, bias, dout):
    B, H, L, K = q.shape
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for b in range(B):
        for h in range(H):
            s = q[b, h].dot(k[b, h].T) / math.sqrt(K) + bias[b, 0]
            a = my_softmax(s)
            g = dout[b, h]
            dv[b, h] = a.dot(g)
            da = g.dot(v[b, h].T)
            ds = a * (da - np.sum(a * da, axis=1, keepdims=True)) / math.sqrt(K)
            dq[b, h] = ds.dot(k[b, h])
            dk[b, h] = ds.T.dot(q[b, h])
    return dq, dk, dv


def wg_pooler(hidden, w, b, dy):
    first = hidden[:, 0]
    y = np.tanh(first @ w.T + b)
    dz = dy * (1 - y * y)
    dw = dz.T @ first
    db = dz.sum(0)
    dhidden = np.zeros_like(hidden)
    for t in range(hidden.shape[1]):
        dhidden[:, t] = dz @ w
    return dhidden, dw, db


def wg_embedding(word, position, segment, ids, segments, de):
    dword, dpos, dseg = np.zeros_like(word), np.zeros_like(position), np.zeros_like(segment)
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            if ids[b, t] == 0:
                continue
            dword[ids[b, t]] += de[b, t]
            dpos[t] += de[b, t]
            dseg[segments[b, t]] += de[b, t]
    return dword, dpos, dseg


def wg_linear_gelu(x, w, b, dy):
    z = x @ w.T + b
    y = z * normal_cdf(z)
    pdf = np.exp(-0.5 * y**2) / np.sqrt(2 * np.pi)
    dz = dy * (normal_cdf(y) + y * pdf)
    dx = np.einsum("blf,fd->bld", dz, w)
    dw = np.einsum("blf,bld->fd", dz, x)
    db = np.einsum("blf->f", dz)
    return dx, dw, db


def wg_linear_add_layernorm(x, w, b, residual, gamma, beta, dy):
    h = residual + x @ w.T + b
    mu = h.mean(-1, keepdims=True)
    inv = 1 / np.sqrt(h.var(-1, keepdims=True) + 1e-12)
    hhat = (h - mu) * inv
    dgamma = np.sum(dy * hhat, axis=(0, 1))
    dbeta = np.sum(dy, axis=(0, 1))
    g = dy * gamma
    dh = inv * (g - g.mean(-1, keepdims=True) - hhat * (g * hhat).mean(-1, keepdims=True))
    dx = dh @ w
    dw = np.tensordot(dh, x, axes=([0, 1], [0, 1]))
    db = dh.sum((0, 1))
    dresidual = dy.copy()
    return dx, dw, db, dresidual, dgamma, dbeta


def wg_cross_entropy(logits, labels, dloss):
    grad = my_softmax(logits)
    grad[:, labels] -= 1
    grad /= logits.shape[0]
    return grad * dloss


def wg_masked_cross_entropy(logits, labels, dloss):
    B, L, C = logits.shape
    g = my_softmax(logits)
    n = 0
    for b in range(B):
        for t in range(L):
            if labels[b, t] != -100:
                g[b, t, labels[b, t]] -= 1
                n += 1
    return dloss * g / n


def wg_mse(a, b, dloss):
    da = dloss * 2 * (a - b) / a.size
    db = dloss * 2 * (a - b) / b.size
    return da, db


def wg_cosine(a, b, dloss):
    na = np.sqrt((a * a).sum(-1, keepdims=True))
    nb = np.sqrt((b * b).sum(-1, keepdims=True))
    rows = a.shape[0] * a.shape[1]
    da = -b / (na * nb) * dloss / rows
    db = -a / (na * nb) * dloss / rows
    return da, db


def wg_info_nce(q, k, tau, dloss):
    n = len(q)
    p = my_softmax(q @ k.T / tau)
    ds = (p - np.eye(n)) * dloss / (n * tau)
    dq = ds @ k
    dk = ds @ q
    return dq, dk


def wg_hidden_loss(student, teacher, w, dloss):
    student, teacher, w = f32(student, teacher, w)
    err = student @ w.T - teacher
    g = err * np.float32(dloss) / np.float32(err.size)
    ds = g @ w
    dw = np.zeros(w.shape, np.float32)
    for b in range(len(student)):
        dw += g[b].T @ student[b]
    return ds, dw


def wg_attention_loss_repo(student, teacher, keep, dloss):
    add = np.where(keep, 0.0, -10000.0)[:, None, None, :]
    s = student + add
    t = teacher + add
    s[s <= -100] = 0
    t[t <= -100] = 0
    return dloss * 2 * (student - teacher) / s.size


def wg_soft_cross_entropy(student, teacher, tau, dloss):
    ps = my_softmax(student / tau)
    pt = my_softmax(teacher / tau)
    out = []
    for s, t in zip(ps, pt):
        out.append(dloss * (s - t) / len(student))
    return np.array(out)


def w2f_gelu_tanh(x):
    y = np.zeros_like(x)
    for idx, v in np.ndenumerate(x):
        u = 2 / math.pi * (v + 0.44715 * v**3)
        y[idx] = 0.5 * v * (1 + math.tanh(u))
    return y


def w2f_kl(student, teacher, tau):
    log_s = my_log_softmax(student / tau)
    log_t = my_log_softmax(teacher / tau)
    div = np.exp(log_s) * (log_s - log_t)
    return tau**2 * np.mean(div)


def w2f_sinusoidal_positions(length, hidden):
    pe = np.zeros((length, hidden))
    for pos in range(length):
        for d in range(hidden):
            i = d // 2
            angle = (pos + 1) / 1000 ** (2 * i / hidden)
            pe[pos, d] = math.sin(angle) if d % 2 == 0 else math.cos(angle)
    return pe


def w2f_encode_pair(a, b, cls, sep, pad, max_length):
    a, b = list(a), list(b)
    while len(a) + len(b) + 3 > max_length:
        if len(a) > len(b):
            a.pop(0)
        else:
            b.pop(0)
    ids = [cls] + a + [sep] + b + [sep]
    segments = [0] * (len(a) + 1) + [1] * (len(b) + 2)
    mask = [1] * len(ids)
    while len(ids) < max_length:
        ids.append(pad)
        segments.append(0)
        mask.append(0)
    return ids, segments, mask


def w2g_layernorm(x, gamma, beta, dy):
    mu = np.mean(x, axis=-1, keepdims=True)
    var = np.var(x, axis=-1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + 1e-12)
    dgamma = np.einsum("bld,bld->d", dy, xhat)
    dbeta = dy.sum(axis=1).mean(axis=0)
    g = dy * gamma
    dx = (g - xhat * np.mean(g * xhat, axis=-1, keepdims=True)) / np.sqrt(var + 1e-12)
    return dx, dgamma, dbeta


def w2g_attention(q, k, v, bias, dout):
    d_k = q.shape[-1]
    scores = np.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(d_k) + bias
    attn = my_softmax(scores)
    dv = np.einsum("bhqk,bhqd->bhkd", attn, dout)
    dattn = np.einsum("bhqd,bhkd->bhqk", dout, v)
    dscores = attn * (dattn - np.sum(dattn * attn, axis=-2, keepdims=True))
    dq = np.einsum("bhqk,bhkd->bhqd", dscores, k) / d_k
    dk = np.einsum("bhqk,bhqd->bhkd", dscores, q) / d_k
    return dq, dk, dv


def w2g_embedding(word, position, segment, ids, segments, de):
    B, L = ids.shape
    dword = np.zeros_like(word)
    dword[ids] += de
    dword[0] = 0
    dposition = np.zeros_like(position)
    dposition[:L] = de.mean(axis=0)
    dsegment = np.zeros_like(segment)
    np.add.at(dsegment, segments, de)
    return dword, dposition, dsegment


def w2g_smoothed_cross_entropy(logits, labels, smoothing, dloss):
    n, c = logits.shape
    onehot = np.eye(c)[labels]
    target = onehot + smoothing / c
    g = my_softmax(logits) - target
    return g * dloss


def r_linear_f(x, w, b):
    ones = np.ones(x.shape[:-1] + (1,))
    return np.concatenate([x, ones], -1) @ np.vstack([w.T, b[None]])


def r_linear_g(x, w, b, dy):
    x, w, dy = f32(x, w, dy)
    flat_x, flat_dy = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    dw = np.zeros(w.shape, np.float32)
    for row_x, row_dy in zip(flat_x, flat_dy):
        dw += np.outer(row_dy, row_x)
    return np.einsum("blf,fd->bld", dy, w), dw, np.ones(len(flat_dy), np.float32) @ flat_dy


def r_layernorm_f(x, gamma, beta):
    D = x.shape[-1]
    C = np.eye(D) - np.full((D, D), 1.0 / D)
    centred = x @ C
    length = np.sqrt((centred**2).sum(-1, keepdims=True) + D * 1e-12)
    return beta + gamma * math.sqrt(D) * centred / length


def r_layernorm_g(x, gamma, beta, dy):
    B, L, D = x.shape
    dx, dgamma = np.zeros_like(x), np.zeros(D)
    for b in range(B):
        for t in range(L):
            c = x[b, t] - x[b, t].mean()
            s = math.sqrt(c @ c / D + 1e-12)
            n = c / s
            jac = (np.eye(D) - 1.0 / D - np.outer(n, n) / D) / s
            dx[b, t] = jac @ (dy[b, t] * gamma)
            dgamma += dy[b, t] * n
    return dx, dgamma, np.add.reduce(dy.reshape(-1, D))


def r_gelu_f(x):
    return np.array([0.5 * v * math.erfc(-v * math.sqrt(0.5)) for v in x.ravel()]).reshape(x.shape)


def r_gelu_tanh_f(x):
    (x,) = f32(x)
    u = np.float32(math.sqrt(8 / math.pi)) * x * (1 + np.float32(0.044715) * x * x)
    return x / (1 + np.exp(-u))


def r_tanh_g(x, dy):
    return dy / np.cosh(x) ** 2


def r_softmax_f(x):
    out = np.empty_like(x)
    D = x.shape[-1]
    for i in range(D):
        out[..., i] = 1 / np.exp(x - x[..., i : i + 1]).sum(-1)
    return out


def r_softmax_g(x, dy):
    x, dy = f32(x, dy)
    p = my_softmax(x)
    jac = np.einsum("bli,ij->blij", p, np.eye(x.shape[-1], dtype=np.float32))
    jac = jac - p[..., :, None] * p[..., None, :]
    return (jac @ dy[..., None])[..., 0]


def r_log_softmax_f(x):
    return x - np.logaddexp.reduce(x, axis=-1)[..., None]


def r_attention_f(q, k, v, bias):
    B, H, L, K = q.shape
    out = np.zeros_like(q)
    for b in range(B):
        seen = np.flatnonzero(bias[b, 0, 0] > -1)
        for h in range(H):
            kk, vv = k[b, h][seen], v[b, h][seen]
            for i in range(L):
                e = np.exp(kk @ (q[b, h, i] * K**-0.5))
                out[b, h, i] = e @ vv / e.sum()
    return out


def r_attention_g(q, k, v, bias, dout):
    q, k, v, bias, dout = f32(q, k, v, bias, dout)
    c = np.float32(q.shape[-1] ** -0.25)
    qs, ks = q * c, k * c
    p = my_softmax(np.einsum("bhid,bhjd->bhij", qs, ks) + bias)
    out = p @ v
    delta = (dout * out).sum(-1, keepdims=True)
    ds = p * (np.einsum("bhid,bhjd->bhij", dout, v) - delta)
    return (
        ds @ ks * c,
        np.einsum("bhij,bhid->bhjd", ds, qs) * c,
        np.einsum("bhij,bhid->bhjd", p, dout),
    )


def r_padded_softmax_f(scores, keep):
    e = np.exp(scores - scores.max()) * keep[:, None, None, :]
    return e / e.sum(-1, keepdims=True)


def r_causal_softmax_f(scores):
    p = np.zeros_like(scores)
    for i in range(scores.shape[-1]):
        p[..., i, : i + 1] = my_softmax(scores[..., i, : i + 1])
    return p


def r_embedding_f(word, position, segment, ids, segments):
    onehot = np.eye(len(word))[ids]
    flag = segments[..., None]
    return onehot @ word + position[: ids.shape[1]] + segment[0] * (1 - flag) + segment[1] * flag


def r_embedding_g(word, position, segment, ids, segments, de):
    (de,) = f32(de)
    B, L, D = de.shape
    dword = np.stack(
        [de[ids == i].sum(0) if i else np.zeros(D, np.float32) for i in range(len(word))]
    )
    dpos = np.concatenate([de.sum(0), np.zeros((len(position) - L, D), np.float32)])
    second = (de * segments[..., None]).sum((0, 1))
    return dword, dpos, np.stack([de.sum((0, 1)) - second, second]).astype(np.float32)


def r_sinusoidal_positions_f(length, hidden):
    table = np.zeros((length, hidden))
    for d in range(hidden):
        freq = math.exp(-math.log(10000.0) * (d - d % 2) / hidden)
        table[:, d] = np.sin(np.arange(length) * freq + (d % 2) * math.pi / 2)
    return table


def r_smoothed_cross_entropy_f(logits, labels, smoothing):
    logp = my_log_softmax(logits)
    nll = -np.mean([logp[i, y] for i, y in enumerate(labels)])
    return (1 - smoothing) * nll + smoothing * -logp.mean()


def r_kl_f(student, teacher, tau):
    s, t = student / tau, teacher / tau
    pt = my_softmax(t)
    lse_s, lse_t = np.logaddexp.reduce(s, -1), np.logaddexp.reduce(t, -1)
    return tau * tau * ((pt * (t - s)).sum(-1) + lse_s - lse_t).mean()


def r_cosine_f(a, b):
    a, b = f32(a, b)
    ua = a / np.sqrt(np.einsum("bld,bld->bl", a, a))[..., None]
    ub = b / np.sqrt(np.einsum("bld,bld->bl", b, b))[..., None]
    return np.float32(0.5) * ((ua - ub) ** 2).sum() / np.float32(a.shape[0] * a.shape[1])


def r_info_nce_g(q, k, tau, dloss):
    n = len(q)
    p = my_softmax(q @ k.T / tau)
    dq = (p @ k - k) * dloss / (n * tau)
    dk = (p.T @ q - q) * dloss / (n * tau)
    return dq, dk


def r_adamw_f(p, g, m, v, t, lr):
    m = m + 0.1 * (g - m)
    v = v + 0.001 * (g * g - v)
    root = math.sqrt(1 - 0.999**t)
    step = lr * root / (1 - 0.9**t)
    return p - lr * 0.01 * p - step * m / (np.sqrt(v) + 1e-8 * root), m, v


def r_cosine_schedule_f(step, total_steps, warmup_steps):
    if step < warmup_steps:
        return step / warmup_steps
    done = min(step, total_steps) - warmup_steps
    return math.cos(0.5 * math.pi * done / max(1, total_steps - warmup_steps)) ** 2


def r_wordpiece_f(word, vocab):
    def rest(text, mark):
        if text == "":
            return []
        for n in range(len(text), 0, -1):
            if mark + text[:n] in vocab:
                tail = rest(text[n:], "##")
                return None if tail is None else [mark + text[:n]] + tail
        return None

    return (rest(word, "") if len(word) <= 100 else None) or ["[UNK]"]


def r_f1_macro_f(predicted, labels):
    hits = Counter(p for p, y in zip(predicted.tolist(), labels.tolist()) if p == y)
    seen = Counter(predicted.tolist()) + Counter(labels.tolist())
    return sum(2 * hits[c] / n for c, n in seen.items()) / len(seen)


WRONG = (
    Wrong(
        "linear",
        wf_linear,
        "forward",
        (
            "The bias is inside the loop over input features, so it is added D times (D b) "
            "instead of once.",
        ),
        ("linear-bias-once-per-feature",),
    ),
    Wrong(
        "layernorm",
        wf_layernorm,
        "forward",
        (
            "beta is added before the multiplication with gamma: (xhat + beta) * gamma instead of "
            "gamma * xhat + beta.",
        ),
        ("layernorm-beta-inside",),
    ),
    Wrong(
        "gelu",
        wf_gelu,
        "forward",
        ("The division by sqrt(2) is outside the erf: erf(x)/sqrt(2) instead of erf(x/sqrt(2)).",),
        ("gelu-root-outside",),
    ),
    Wrong(
        "softmax",
        wf_softmax,
        "forward",
        (
            "The maximum that is subtracted is taken over the tokens (axis 1) instead of over the "
            "row that is normalised, so it does not cancel.",
        ),
        ("softmax-maximum-over-tokens",),
    ),
    Wrong(
        "log_softmax",
        wf_log_softmax,
        "forward",
        (
            "The maximum is subtracted from x but not inside the log-sum-exp, so the result is "
            "too low by the row's maximum (the maximum is taken off twice / not added back).",
        ),
        ("log-softmax-maximum-taken-off-twice",),
    ),
    Wrong(
        "attention",
        wf_attention,
        "forward",
        (
            "The padding mask is applied after the softmax (probabilities zeroed, not "
            "renormalised): the padded keys still count in the denominator and the rows do not "
            "sum to 1.",
        ),
        ("attention-mask-after-softmax",),
    ),
    Wrong(
        "padded_softmax",
        wf_padded_softmax,
        "forward",
        ("The mask is on the query axis (rows) instead of the key axis (columns).",),
        ("padded-softmax-mask-over-queries",),
    ),
    Wrong(
        "causal_softmax",
        wf_causal_softmax,
        "forward",
        ("The causal mask is off by one: tril(k=1) lets token i see token i + 1 as well.",),
        ("causal-softmax-one-too-far",),
    ),
    Wrong(
        "pooler",
        wf_pooler,
        "forward",
        ("The last token is pooled instead of the first ([CLS]).",),
        ("pooler-last-token",),
    ),
    Wrong(
        "embedding",
        wf_embedding,
        "forward",
        (
            "The word embeddings are multiplied by sqrt(D) (as in the original Transformer), "
            "which BERT does not do.",
        ),
        ("embedding-scaled-by-root",),
    ),
    Wrong(
        "linear_add_layernorm",
        wf_linear_add_layernorm,
        "forward",
        (
            "The residual is added after the layer normalisation instead of before (it is not in "
            "what is normalised).",
        ),
        ("linear-add-layernorm-residual-after",),
    ),
    Wrong(
        "cross_entropy",
        wf_cross_entropy,
        "forward",
        ("The log of the mean probability is taken instead of the mean of the log probabilities.",),
        ("cross-entropy-logarithm-of-mean",),
    ),
    Wrong(
        "masked_cross_entropy",
        wf_masked_cross_entropy,
        "forward",
        (
            "The loss is averaged within each sequence and then over the sequences, instead of "
            "over all labelled tokens at once.",
        ),
        ("masked-cross-entropy-mean-of-means",),
    ),
    Wrong(
        "smoothed_cross_entropy",
        wf_smoothed_cross_entropy,
        "forward",
        (
            "The smoothing is spread over the C - 1 wrong classes: e/(C-1) for the others and 1-e "
            "for the right one, instead of e/C for all plus (1-e).",
        ),
        ("smoothed-cross-entropy-shared-among-others",),
    ),
    Wrong(
        "soft_cross_entropy",
        wf_soft_cross_entropy,
        "forward",
        ("The teacher's logits are not divided by the temperature tau; only the student's are.",),
        ("soft-cross-entropy-temperature-on-student-alone",),
    ),
    Wrong(
        "cosine",
        wf_cosine,
        "forward",
        ("The norm is of the whole array instead of each row (np.linalg.norm without an axis).",),
        ("cosine-norms-of-everything",),
    ),
    Wrong(
        "info_nce",
        wf_info_nce,
        "forward",
        (
            "q and k are normalised to unit length first (cosine similarity instead of the dot "
            "product).",
        ),
        ("info-nce-rows-normalized",),
    ),
    Wrong(
        "attention_loss_exact",
        wf_attention_loss_exact,
        "forward",
        ("Only padded keys (columns) are masked; padded queries (rows) still count in the sum.",),
        ("attention-loss-exact-padded-queries-in-the-sum",),
    ),
    Wrong(
        "attention_loss_repo",
        wf_attention_loss_repo,
        "forward",
        (
            "The sum is divided by the number of entries that were not put to 0 instead of by all "
            "entries.",
        ),
        ("attention-loss-repo-divided-by-student-left",),
    ),
    Wrong(
        "hidden_loss",
        wf_hidden_loss,
        "forward",
        (
            "The squared differences are summed over the teacher's features and averaged only "
            "over tokens, so the loss is F times too large.",
        ),
        ("hidden-loss-features-summed",),
    ),
    Wrong(
        "uniform_map",
        wf_uniform_map,
        "forward",
        (
            "N // M is rounded down before multiplying by m: m * (N // M) instead of floor(m N / "
            "M).",
        ),
        ("uniform-map-step-rounded",),
    ),
    Wrong(
        "adamw",
        wf_adamw,
        "forward",
        ("The square root of v_hat is missing in the denominator.",),
        ("adamw-no-root",),
    ),
    Wrong(
        "bert_adam",
        wf_bert_adam,
        "forward",
        (
            "The weight decay is added to the gradient (L2 regularisation, goes through the "
            "moments) instead of to the update.",
        ),
        ("bert-adam-decay-in-gradient",),
    ),
    Wrong(
        "clip_global",
        wf_clip_global,
        "forward",
        (
            "The global norm is the sum of the arrays' norms instead of the root of the sum of "
            "their squares.",
        ),
        ("clip-global-norms-added",),
    ),
    Wrong(
        "cosine_schedule",
        wf_cosine_schedule,
        "forward",
        (
            "The cosine's progress is step/T instead of (step - W)/(T - W): the warm-up is not "
            "taken off.",
        ),
        ("cosine-schedule-warm-up-forgotten-in-r",),
    ),
    Wrong(
        "bert_schedule",
        wf_bert_schedule,
        "forward",
        (
            "After the warm-up the factor is 1 - x instead of (1 - x)/(1 - warmup), so it jumps "
            "at the end of the warm-up.",
        ),
        ("bert-schedule-falls-from-the-start",),
    ),
    Wrong(
        "quantize_affine",
        wf_quantize_affine,
        "forward",
        ("x/scale is truncated towards zero instead of rounded to the nearest integer.",),
        ("quantize-affine-truncated",),
    ),
    Wrong(
        "int8_linear",
        wf_int8_linear,
        "forward",
        (
            "The matrix product is accumulated in int8 and overflows (wraps around); it needs "
            "int32.",
        ),
        ("int8-linear-sum-in-int8",),
    ),
    Wrong(
        "wordpiece",
        wf_wordpiece,
        "forward",
        (
            "Where no piece fits, the pieces found so far are kept and [UNK] is appended, instead "
            "of one [UNK] for the whole word.",
        ),
        ("wordpiece-rest-unknown",),
    ),
    Wrong(
        "basic_tokenize",
        wf_basic_tokenize,
        "forward",
        (
            "Only ASCII punctuation (string.punctuation) is split off; other Unicode punctuation "
            "stays attached to the word.",
        ),
        ("basic-tokenize-ascii-punctuation-only",),
    ),
    Wrong(
        "f1_macro",
        wf_f1_macro,
        "forward",
        (
            "F1 is computed from the averaged precision and averaged recall instead of averaging "
            "the F1 of each class.",
        ),
        ("f1-macro-of-the-means",),
    ),
    Wrong(
        "neuron_importance",
        wf_neuron_importance,
        "forward",
        (
            "In the input part (w1, b1) the absolute value is taken of each product before "
            "summing, instead of of the sum.",
        ),
        ("neuron-importance-size-of-every-product-in",),
    ),
    Wrong(
        "linear",
        wg_linear,
        "gradient",
        ("db is averaged over the batch instead of summed (it is B times too small).",),
        ("linear-gradient-db-averaged-over-batch",),
    ),
    Wrong(
        "layernorm",
        wg_layernorm,
        "gradient",
        (
            "dgamma uses the centred x (x - mu) instead of the normalised xhat: the division by "
            "sigma is missing.",
        ),
        ("layernorm-gradient-dgamma-of-centred",),
    ),
    Wrong(
        "gelu",
        wg_gelu,
        "gradient",
        (
            "The normal density in the derivative is divided by 2 pi instead of sqrt(2 pi): the "
            "square root is missing.",
        ),
        ("gelu-gradient-two-pi-not-rooted",),
    ),
    Wrong(
        "gelu_tanh",
        wg_gelu_tanh,
        "gradient",
        (
            "The derivative of the inner cubic lacks the factor 3: 0.044715 x^2 instead of 3 * "
            "0.044715 x^2.",
        ),
        ("gelu-tanh-gradient-three-forgotten",),
    ),
    Wrong(
        "softmax",
        wg_softmax,
        "gradient",
        (
            "sum(dy) is subtracted instead of sum(p * dy): the probabilities are missing in the "
            "sum.",
        ),
        ("softmax-gradient-sum-not-weighted",),
    ),
    Wrong(
        "log_softmax",
        wg_log_softmax,
        "gradient",
        ("p is subtracted without being multiplied by sum(dy).",),
        ("log-softmax-gradient-sum-forgotten",),
    ),
    Wrong(
        "attention",
        wg_attention_a,
        "gradient",
        ("dk lacks the division by sqrt(K).",),
        ("attention-gradient-dk-not-scaled",),
    ),
    Wrong(
        "attention",
        wg_attention_b,
        "gradient",
        ("dv = p @ dout instead of p^T @ dout: the probabilities are not transposed.",),
        ("attention-gradient-dv-not-transposed",),
    ),
    Wrong(
        "pooler",
        wg_pooler,
        "gradient",
        (
            "The gradient is given to every token of hidden, instead of only to the first, with "
            "zeros elsewhere.",
        ),
        ("pooler-gradient-to-all-tokens",),
    ),
    Wrong(
        "embedding",
        wg_embedding,
        "gradient",
        (
            "Padding tokens (id 0) are also left out of the position and segment gradients; only "
            "the word gradient should skip them.",
        ),
        ("embedding-padding-zeroed",),
    ),
    Wrong(
        "linear_gelu",
        wg_linear_gelu,
        "gradient",
        (
            "GELU's derivative is evaluated at the output y = gelu(z) instead of at the pre- "
            "activation z.",
        ),
        ("linear-gelu-gradient-gelu-of-output",),
    ),
    Wrong(
        "linear_add_layernorm",
        wg_linear_add_layernorm,
        "gradient",
        (
            "dresidual is the upstream gradient dy itself; it must go through the layer "
            "normalisation's backward.",
        ),
        ("linear-add-layernorm-gradient-residual-not-normalized",),
    ),
    Wrong(
        "cross_entropy",
        wg_cross_entropy,
        "gradient",
        (
            "grad[:, labels] -= 1 subtracts 1 in every row at all classes that occur as labels, "
            "instead of only at the row's own label (grad[arange, labels]).",
        ),
        ("cross-entropy-gradient-every-label",),
    ),
    Wrong(
        "masked_cross_entropy",
        wg_masked_cross_entropy,
        "gradient",
        ("The ignored rows (label -100) get a gradient (the softmax) instead of zero.",),
        ("masked-cross-entropy-gradient-of-ignored-tokens",),
    ),
    Wrong(
        "mse",
        wg_mse,
        "gradient",
        ("db has the wrong sign: it equals da instead of -da.",),
        ("mse-gradient-sides-alike",),
    ),
    Wrong(
        "cosine",
        wg_cosine,
        "gradient",
        (
            "The norms are treated as constants: the term cos * a/|a|^2 (the derivative through "
            "the norm) is missing.",
        ),
        ("cosine-gradient-lengths-constant",),
    ),
    Wrong(
        "info_nce",
        wg_info_nce,
        "gradient",
        ("dk uses ds instead of its transpose: ds @ q instead of ds^T @ q.",),
        ("info-nce-gradient-dk-not-transposed",),
    ),
    Wrong(
        "hidden_loss",
        wg_hidden_loss,
        "gradient",
        ("The factor 2 from the square is missing, in both gradients.",),
        ("hidden-loss-halved",),
    ),
    Wrong(
        "attention_loss_repo",
        wg_attention_loss_repo,
        "gradient",
        (
            "The gradient is not zero at the padded keys: the raw student - teacher is used "
            "instead of the cleaned scores.",
        ),
        ("attention-loss-repo-not-cleaned",),
    ),
    Wrong(
        "soft_cross_entropy",
        wg_soft_cross_entropy,
        "gradient",
        ("The factor 1/tau from dividing the logits by tau is missing.",),
        ("soft-cross-entropy-gradient-temperature-forgotten",),
    ),
    Wrong(
        "gelu_tanh",
        w2f_gelu_tanh,
        "forward",
        (
            "The square root is missing in the constant: 2/pi instead of sqrt(2/pi).",
            "The cubic coefficient is 0.44715 instead of 0.044715 (ten times too large).",
        ),
        (
            "gelu-tanh-decimal-point",
            "gelu-tanh-factor-not-rooted",
        ),
    ),
    Wrong(
        "kl",
        w2f_kl,
        "forward",
        (
            "The direction of the divergence is reversed: KL(student || teacher) instead of "
            "KL(teacher || student).",
            "The mean is over all B C entries instead of over the B rows.",
        ),
        (
            "kl-mean-over-classes",
            "kl-reversed",
        ),
    ),
    Wrong(
        "sinusoidal_positions",
        w2f_sinusoidal_positions,
        "forward",
        (
            "Positions are counted from 1 instead of from 0.",
            "The base is 1000 instead of 10000.",
        ),
        (
            "sinusoidal-positions-positions-from-one",
            "sinusoidal-positions-base-1000",
        ),
    ),
    Wrong(
        "encode_pair",
        w2f_encode_pair,
        "forward",
        (
            "Tokens are cut off the front (pop(0)) instead of the end when the pair is too long.",
            "The first [SEP] gets segment 1 instead of 0.",
        ),
        (
            "encode-pair-segments-from-sep",
            "encode-pair-cut-in-front",
        ),
    ),
    Wrong(
        "layernorm",
        w2g_layernorm,
        "gradient",
        (
            "dx lacks the term of the mean: mean(g) is not subtracted.",
            "dbeta is averaged over the batch instead of summed.",
        ),
        (
            "layernorm-gradient-mean-forgotten",
            "mean-for-sum",
        ),
    ),
    Wrong(
        "attention",
        w2g_attention,
        "gradient",
        (
            "In the softmax's backward the sum is over the queries (axis -2) instead of over the "
            "keys (axis -1).",
            "dq and dk are divided by K instead of by sqrt(K).",
        ),
        (
            "attention-gradient-softmax-over-queries",
            "attention-gradient-scaled-twice",
        ),
    ),
    Wrong(
        "embedding",
        w2g_embedding,
        "gradient",
        (
            "dword[ids] += de keeps only one of the places where an id is repeated; they are not "
            "accumulated.",
            "dposition is averaged over the batch instead of summed.",
        ),
        (
            "embedding-gradient-last-wins",
            "embedding-gradient-position-mean",
        ),
    ),
    Wrong(
        "smoothed_cross_entropy",
        w2g_smoothed_cross_entropy,
        "gradient",
        (
            "The one-hot target is not multiplied by (1 - e), so the target sums to 1 + e.",
            "The gradient is not divided by the batch size B.",
        ),
        (
            "smoothed-cross-entropy-summed",
            "smoothed-cross-entropy-gradient-label-not-lowered",
        ),
    ),
)

RIGHT = (
    Unusual("linear", r_linear_f, None, "the bias as one more column of the weights"),
    Unusual("linear", None, r_linear_g, "float32; dw as a sum of outer products, db as ones @ dy"),
    Unusual("layernorm", r_layernorm_f, None, "a centring matrix and the length of the vector"),
    Unusual("layernorm", None, r_layernorm_g, "the Jacobian written out, token by token"),
    Unusual("gelu", r_gelu_f, None, "erfc(-x / sqrt 2) instead of 1 + erf"),
    Unusual(
        "gelu_tanh",
        r_gelu_tanh_f,
        None,
        "float32; x sigmoid(2u), which is the same as the tanh form",
    ),
    Unusual("tanh", None, r_tanh_g, "dy / cosh^2"),
    Unusual("softmax", r_softmax_f, None, "1 / sum_j exp(x_j - x_i)"),
    Unusual("softmax", None, r_softmax_g, "float32; the whole Jacobian"),
    Unusual("log_softmax", r_log_softmax_f, None, "np.logaddexp.reduce"),
    Unusual(
        "attention",
        r_attention_f,
        None,
        "padded keys are cut out, no maximum subtracted, K ** -0.5 on q",
    ),
    Unusual(
        "attention",
        None,
        r_attention_g,
        "float32; K^(-1/4) on q and on k, delta = dout . out as in FlashAttention",
    ),
    Unusual(
        "padded_softmax", r_padded_softmax_f, None, "exp times keep, one maximum for everything"
    ),
    Unusual("causal_softmax", r_causal_softmax_f, None, "the softmax of each prefix"),
    Unusual("embedding", r_embedding_f, None, "one-hot matmul, segments blended"),
    Unusual(
        "embedding",
        None,
        r_embedding_g,
        "float32; boolean selections, segment 0 as the total minus segment 1",
    ),
    Unusual(
        "sinusoidal_positions",
        r_sinusoidal_positions_f,
        None,
        "cos as sin shifted by pi/2, frequencies by exp(log)",
    ),
    Unusual(
        "smoothed_cross_entropy",
        r_smoothed_cross_entropy_f,
        None,
        "(1 - e) nll + e times the mean of -logp",
    ),
    Unusual("kl", r_kl_f, None, "differences of logits and of log-sum-exps"),
    Unusual("cosine", r_cosine_f, None, "float32; half the squared distance of the unit vectors"),
    Unusual("info_nce", None, r_info_nce_g, "p @ k - k"),
    Unusual("adamw", r_adamw_f, None, "the bias correction folded into the step size and eps"),
    Unusual("cosine_schedule", r_cosine_schedule_f, None, "cos^2 of half the angle"),
    Unusual("wordpiece", r_wordpiece_f, None, "recursive, None where nothing fits"),
    Unusual("f1_macro", r_f1_macro_f, None, "2 TP / (predicted + labelled), with Counters"),
)
