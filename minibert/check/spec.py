"""The loop form of every op: what one would compute by hand, one number at a time.

Nothing here is fast and nothing is clever; each function is its formula read aloud. The library's
ops are tested against these, and so is every accelerated kernel, of which this is version 0.
Differences to the ops: token-wise functions take rows (M, D), a backward takes the inputs instead
of a cache, and a bias on attention scores is given in full, (B,H,L,S). `linear`, `layernorm`,
`softmax`, `gelu` and `attention`, forward and backward, compile as they stand under ``numba.njit``.

Letters: B batch, L queries, S keys, D hidden, H heads, K head size, C classes, M rows,
V vocabulary, I inputs, O outputs.
"""

import math

import numpy as np

# ------------------------------------------------------------------------------------------- linear


def linear_forward(x, w, b):
    """y[m,o] = sum_i x[m,i] w[o,i] + b[o], for x (M,I), w (O,I), b (O,)."""
    y = np.empty((x.shape[0], w.shape[0]), x.dtype)
    for m in range(x.shape[0]):
        for o in range(w.shape[0]):
            total = b[o]
            for i in range(x.shape[1]):
                total += x[m, i] * w[o, i]
            y[m, o] = total
    return y


def linear_backward(dy, x, w):
    """dx (M,I), dw (O,I), db (O,): each product x w in y passes dy on, times the other factor."""
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(w[:, 0])
    for m in range(x.shape[0]):
        for o in range(w.shape[0]):
            db[o] += dy[m, o]
            for i in range(x.shape[1]):
                dx[m, i] += dy[m, o] * w[o, i]
                dw[o, i] += dy[m, o] * x[m, i]
    return dx, dw, db


# ---------------------------------------------------------------------------------------- layernorm


def layernorm_forward(x, gamma, beta, eps):
    """y = gamma (x - mu) / sqrt(var + eps) + beta in each row of x (M,D); var divides by D."""
    y = np.empty_like(x)
    D = x.shape[1]
    for m in range(x.shape[0]):
        mu = 0.0
        for d in range(D):
            mu += x[m, d] / D
        var = 0.0
        for d in range(D):
            var += (x[m, d] - mu) ** 2 / D
        sigma = math.sqrt(var + eps)
        for d in range(D):
            y[m, d] = gamma[d] * (x[m, d] - mu) / sigma + beta[d]
    return y


def layernorm_backward(dy, x, gamma, eps):
    """dx (M,D), dgamma (D,), dbeta (D,), by the Jacobian of xhat.

    d xhat[d] / d x[j] = ((d == j) - 1/D - xhat[d] xhat[j] / D) / sigma: moving x[j] moves its own
    entry, the mean of all, and the deviation of all.
    """
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros_like(gamma), np.zeros_like(gamma)
    D = x.shape[1]
    xhat = np.empty(D)
    for m in range(x.shape[0]):
        mu = 0.0
        for d in range(D):
            mu += x[m, d] / D
        var = 0.0
        for d in range(D):
            var += (x[m, d] - mu) ** 2 / D
        sigma = math.sqrt(var + eps)
        for d in range(D):
            xhat[d] = (x[m, d] - mu) / sigma
            dgamma[d] += dy[m, d] * xhat[d]
            dbeta[d] += dy[m, d]
        for d in range(D):
            for j in range(D):
                same = 1.0 if d == j else 0.0
                dx[m, j] += dy[m, d] * gamma[d] * (same - 1 / D - xhat[d] * xhat[j] / D) / sigma
    return dx, dgamma, dbeta


# -------------------------------------------------------------------------------------- activations


def gelu_forward(x):
    """y = x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2 the normal distribution; any shape."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape):
        y[i] = x[i] * 0.5 * (1 + math.erf(x[i] / math.sqrt(2)))
    return y


def gelu_backward(dy, x):
    """dx = dy (Phi(x) + x phi(x)), phi the normal density."""
    dx = np.empty_like(x)
    for i in np.ndindex(x.shape):
        Phi = 0.5 * (1 + math.erf(x[i] / math.sqrt(2)))
        phi = math.exp(-0.5 * x[i] * x[i]) / math.sqrt(2 * math.pi)
        dx[i] = dy[i] * (Phi + x[i] * phi)
    return dx


def gelu_tanh_forward(x):
    """y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): GPT-2's approximation, not BERT's GELU."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape):
        y[i] = 0.5 * x[i] * (1 + math.tanh(math.sqrt(2 / math.pi) * (x[i] + 0.044715 * x[i] ** 3)))
    return y


def tanh_forward(x):
    """y = (e^x - e^-x) / (e^x + e^-x)."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape):
        y[i] = math.tanh(x[i])
    return y


def relu_forward(x):
    """y = x where x > 0, else 0."""
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if x[i] > 0:
            y[i] = x[i]
    return y


# ------------------------------------------------------------------------------------------ softmax


def softmax_forward(s):
    """p[m,i] = exp(s[m,i]) / sum_j exp(s[m,j]), with the row's maximum taken off first."""
    p = np.empty_like(s)
    for m in range(s.shape[0]):
        top = s[m].max()
        total = 0.0
        for j in range(s.shape[1]):
            total += math.exp(s[m, j] - top)
        for i in range(s.shape[1]):
            p[m, i] = math.exp(s[m, i] - top) / total
    return p


def softmax_backward(dp, p):
    """ds[m,j] = sum_i dp[m,i] dp_i/ds_j, with dp_i/ds_j = p_i ((i == j) - p_j)."""
    ds = np.zeros_like(p)
    for m in range(p.shape[0]):
        for j in range(p.shape[1]):
            for i in range(p.shape[1]):
                same = 1.0 if i == j else 0.0
                ds[m, j] += dp[m, i] * p[m, i] * (same - p[m, j])
    return ds


def log_softmax_forward(s):
    """logp[m,i] = s[m,i] - log sum_j exp(s[m,j])."""
    logp = np.empty_like(s)
    for m in range(s.shape[0]):
        top = s[m].max()
        total = 0.0
        for j in range(s.shape[1]):
            total += math.exp(s[m, j] - top)
        for i in range(s.shape[1]):
            logp[m, i] = s[m, i] - top - math.log(total)
    return logp


# ------------------------------------------------------------------------------------------ dropout


def keep_mask(n, rate, k0, k1):
    """Which of n elements are kept: a hash of the index and two 32-bit keys, against rate 2^32."""
    keep = np.empty(n, np.bool_)
    for i in range(n):
        h = i ^ k0
        h ^= h >> 16
        h = h * 0x7FEB352D & 0xFFFFFFFF  # the lower 32 bits, as a uint32 would hold
        h ^= h >> 15 ^ k1
        h = h * 0x846CA68B & 0xFFFFFFFF
        h ^= h >> 16
        keep[i] = h >= round(rate * 2**32)
    return keep


def dropout_forward(x, keep, rate):
    """y = x / (1 - rate) where kept, else 0; for x and keep of one shape."""
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if keep[i]:
            y[i] = x[i] / (1 - rate)
    return y


# ---------------------------------------------------------------------------------------- embedding


def embedding_forward(word, position, segment, ids, segments):
    """e[b,l] = word[ids[b,l]] + position[l] + segment[segments[b,l]], for ids (B,L)."""
    B, L = ids.shape
    e = np.empty((B, L, word.shape[1]), word.dtype)
    for b in range(B):
        for t in range(L):
            for d in range(word.shape[1]):
                e[b, t, d] = word[ids[b, t], d] + position[t, d] + segment[segments[b, t], d]
    return e


def embedding_backward(de, word, position, segment, ids, segments, pad_id):
    """dword, dposition, dsegment: each use of a row adds to it; the pad word's row stays 0."""
    dword, dposition, dsegment = (
        np.zeros_like(word),
        np.zeros_like(position),
        np.zeros_like(segment),
    )
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            for d in range(word.shape[1]):
                if ids[b, t] != pad_id:
                    dword[ids[b, t], d] += de[b, t, d]
                dposition[t, d] += de[b, t, d]
                dsegment[segments[b, t], d] += de[b, t, d]
    return dword, dposition, dsegment


def sinusoidal_positions(L, D):
    """Columns 2i and 2i+1 are the sine and the cosine of l / 10000^(2i/D)."""
    table = np.empty((L, D))
    for t in range(L):
        for d in range(D):
            angle = t / 10000 ** (2 * (d // 2) / D)
            table[t, d] = math.sin(angle) if d % 2 == 0 else math.cos(angle)
    return table


# ---------------------------------------------------------------------------------------- attention


def attention_forward(q, k, v, bias, head_mask):
    """context (B,H,L,K) and scores (B,H,L,S) of q (B,H,L,K), k and v (B,H,S,K).

    scores = q k^T / sqrt K; p = softmax over the keys of scores + bias; context = head_mask p v.
    """
    B, H, L, K = q.shape
    S = k.shape[2]
    scores, context = np.zeros((B, H, L, S), q.dtype), np.zeros((B, H, L, K), q.dtype)
    p = np.empty(S)
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(S):
                    dot = 0.0
                    for c in range(K):
                        dot += q[b, h, i, c] * k[b, h, j, c]
                    scores[b, h, i, j] = dot / math.sqrt(K)
                top = (scores[b, h, i] + bias[b, h, i]).max()
                total = 0.0
                for j in range(S):
                    p[j] = math.exp(scores[b, h, i, j] + bias[b, h, i, j] - top)
                    total += p[j]
                for j in range(S):
                    for c in range(K):
                        context[b, h, i, c] += head_mask[h] * p[j] / total * v[b, h, j, c]
    return context, scores


def attention_backward(dcontext, dscores, q, k, v, bias, head_mask):
    """dq, dk, dv and dhead_mask (H,); dscores (B,H,L,S) is what a loss on the scores adds."""
    B, H, L, K = q.shape
    S = k.shape[2]
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    dhead_mask = np.zeros(H, q.dtype)
    s, p, dp = np.empty(S), np.empty(S), np.empty(S)
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(S):
                    s[j] = bias[b, h, i, j]
                    for c in range(K):
                        s[j] += q[b, h, i, c] * k[b, h, j, c] / math.sqrt(K)
                top, total = s.max(), 0.0
                for j in range(S):
                    p[j] = math.exp(s[j] - top)
                    total += p[j]
                mean_dp = 0.0
                for j in range(S):
                    p[j] /= total
                    dp[j] = 0.0
                    for c in range(K):
                        dhead_mask[h] += dcontext[b, h, i, c] * p[j] * v[b, h, j, c]
                        dv[b, h, j, c] += dcontext[b, h, i, c] * head_mask[h] * p[j]
                        dp[j] += dcontext[b, h, i, c] * head_mask[h] * v[b, h, j, c]
                    mean_dp += p[j] * dp[j]
                for j in range(S):
                    ds = p[j] * (dp[j] - mean_dp) + dscores[b, h, i, j]
                    for c in range(K):
                        dq[b, h, i, c] += ds * k[b, h, j, c] / math.sqrt(K)
                        dk[b, h, j, c] += ds * q[b, h, i, c] / math.sqrt(K)
    return dq, dk, dv, dhead_mask


# ------------------------------------------------------------------------------------------- losses


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
    return total / count


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
    """Mean over kept rows of 1 - a.b / (norm(a) norm(b)); a, b (M,D), keep (M,)."""
    total, count = 0.0, 0
    for m in range(a.shape[0]):
        if keep[m]:
            dot = aa = bb = 0.0
            for d in range(a.shape[1]):
                dot += a[m, d] * b[m, d]
                aa += a[m, d] ** 2
                bb += b[m, d] ** 2
            total += 1 - dot / (math.sqrt(aa) * math.sqrt(bb))
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
            na, nb = math.sqrt(aa), math.sqrt(bb)
            for d in range(a.shape[1]):
                da[m, d] = (dot / (na * nb) * a[m, d] / na - b[m, d] / nb) / (na * count)
                db[m, d] = (dot / (na * nb) * b[m, d] / nb - a[m, d] / na) / (nb * count)
    return da, db


# --------------------------------------------------------------------------------------------- int8


def quantize_symmetric(w):
    """q (O,I) in [-127,127] and scale (O,), w ~ scale q: a row's largest entry becomes 127."""
    q, scale = np.empty(w.shape, np.int8), np.empty(w.shape[0], np.float32)
    for o in range(w.shape[0]):
        top = np.float32(0)
        for i in range(w.shape[1]):
            top = max(top, abs(w[o, i]))
        scale[o] = max(top / np.float32(127), np.float32(1.2e-38))
        for i in range(w.shape[1]):
            q[o, i] = min(max(round(w[o, i] / scale[o]), -127), 127)  # round: half to even
    return q, scale


def quantize_affine(x):
    """q (M,I) in [-128,127], scale (M,) and zero (M,) with x ~ scale (q - zero).

    Each row's range, which always holds 0, becomes the 256 integers.
    """
    M = x.shape[0]
    q, scale, zero = np.empty(x.shape, np.int8), np.empty(M, np.float32), np.empty(M, np.int32)
    for m in range(M):
        low, high = np.float32(0), np.float32(0)
        for i in range(x.shape[1]):
            low, high = min(low, x[m, i]), max(high, x[m, i])
        scale[m] = max((high - low) / np.float32(255), np.float32(1.2e-38))
        zero[m] = round(-128 - low / scale[m])
        for i in range(x.shape[1]):
            q[m, i] = min(max(round(x[m, i] / scale[m]) + zero[m], -128), 127)
    return q, scale, zero


def int8_matmul(qx, qw):
    """acc[m,o] = sum_i qx[m,i] qw[o,i] in Python's integers, which never overflow."""
    acc = np.empty((qx.shape[0], qw.shape[0]), np.int32)
    for m in range(qx.shape[0]):
        for o in range(qw.shape[0]):
            acc[m, o] = sum(int(qx[m, i]) * int(qw[o, i]) for i in range(qx.shape[1]))
    return acc


def int8_linear_forward(x, w, b):
    """y = s_x s_w (acc - z_x r) + b with x and w quantized, r[o] = sum_i q_w[o,i]."""
    qx, s_x, z_x = quantize_affine(x)
    qw, s_w = quantize_symmetric(w)
    acc = int8_matmul(qx, qw)
    y = np.empty(acc.shape, x.dtype)
    for m in range(y.shape[0]):
        for o in range(y.shape[1]):
            r = sum(int(n) for n in qw[o])
            y[m, o] = s_x[m] * s_w[o] * (int(acc[m, o]) - int(z_x[m]) * r) + b[o]
    return y
