"""Attention as students hand it in."""

import math

import numpy as np


def row_softmax(row):
    e = np.exp(row - max(row))
    return e / e.sum()


def multi_head(q, k, v, bias):
    """Every head of every sentence in turn."""
    batch, heads, length, size = q.shape
    d_model = heads * size
    out = np.zeros_like(q)
    for b in range(batch):
        for h in range(heads):
            att = np.dot(q[b, h], k[b, h].T) / np.sqrt(d_model)
            att = att + bias[b, 0]
            for i in range(length):
                weights = row_softmax(att[i])
                out[b, h, i] = np.dot(weights, v[b, h])
    return out


def scaled_dot_product(q, k, v, bias):
    d_k = k.shape[-1]
    logits = np.einsum("bhid,bhjd->bhij", q, k) / d_k**0.5
    logits = logits + bias
    logits -= logits.max(axis=2, keepdims=True)
    attn = np.exp(logits)
    attn /= attn.sum(axis=2, keepdims=True)
    return np.einsum("bhij,bhjd->bhid", attn, v)


def attend_visible(q, k, v, bias):
    """Attention in single precision."""
    Q, K, V = [a.astype(np.float32) for a in (q, k, v)]
    visible = bias > -1.0
    sim = np.matmul(Q, np.transpose(K, (0, 1, 3, 2)))
    sim = sim / np.float32(math.sqrt(Q.shape[3]))
    sim = np.exp(sim - np.max(sim, axis=3, keepdims=True))
    probs = sim / np.sum(sim, axis=3, keepdims=True)
    probs = np.where(visible, probs, np.float32(0.0))
    return np.matmul(probs, V)


def attend_one_query_at_a_time(q, k, v, bias):
    all_sentences = []
    for b in range(q.shape[0]):
        all_heads = []
        for h in range(q.shape[1]):
            context = []
            for query in q[b, h]:
                energies = np.array([np.dot(query, key) for key in k[b, h]])
                alpha = row_softmax(energies)
                c = np.zeros(v.shape[-1])
                for a, value in zip(alpha, v[b, h], strict=True):
                    c = c + a * value
                context.append(c)
            all_heads.append(context)
        all_sentences.append(all_heads)
    return np.array(all_sentences)


def causal_weights(scores):
    """Each token looks at itself and at what came before it."""
    low = np.tril(scores)
    low = low - low.max(axis=-1)[..., None]
    e = np.exp(low)
    return e / e.sum(axis=-1)[..., None]


def padding_weights(scores, keep):
    n_batch, n_heads, n_tok, _ = scores.shape
    probs = np.empty(scores.shape)
    for b in range(n_batch):
        for h in range(n_heads):
            s = scores[b, h].copy()
            for i in range(n_tok):
                if not keep[b, i]:
                    s[i] = -1e9
            for i in range(n_tok):
                probs[b, h, i] = row_softmax(s[i])
    return probs


def attention_gradient(q, k, v, bias, dout):
    """Backward pass, head by head."""
    B, H, L, d = q.shape
    dq, dk, dv = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)
    for b in range(B):
        for h in range(H):
            S = q[b, h].dot(k[b, h].T) / math.sqrt(d) + bias[b, 0]
            A = np.stack([row_softmax(S[i]) for i in range(L)])
            dv[b, h] = A.T.dot(dout[b, h])
            dA = dout[b, h].dot(v[b, h].T)
            dS = A * dA
            dq[b, h] = dS.dot(k[b, h]) / math.sqrt(d)
            dk[b, h] = dS.T.dot(q[b, h]) / math.sqrt(d)
    return dq, dk, dv


def attention_backward_einsum(q, k, v, bias, grad_out):
    q = q.astype("float32")
    k = k.astype("float32")
    v = v.astype("float32")
    grad_out = grad_out.astype("float32")
    root = np.float32(q.shape[-1]) ** np.float32(0.5)
    z = np.einsum("bhqd,bhkd->bhqk", q, k) / root + bias.astype("float32")
    z = np.exp(z - z.max(-1, keepdims=True))
    p = z / z.sum(-1, keepdims=True)
    grad_v = np.einsum("bhqk,bhqd->bhkd", p, grad_out)
    grad_p = np.einsum("bhqd,bhkd->bhqk", grad_out, v)
    inner = np.einsum("bhqk,bhqk->bhq", grad_p, p)
    grad_z = p * (grad_p - inner[..., None])
    grad_q = np.einsum("bhqk,bhkd->bhqd", grad_z, k)
    grad_k = np.einsum("bhqk,bhqd->bhkd", grad_z, q)
    return grad_q, grad_k, grad_v


class SelfAttention:
    """Keeps what the backward pass needs."""

    def forward(self, q, k, v, bias):
        self.q, self.k, self.v = q, k, v
        self.factor = q.shape[-1] ** -0.5
        raw = (q * self.factor) @ np.swapaxes(k, 2, 3) + bias
        e = np.exp(raw - raw.max(axis=-1, keepdims=True))
        self.attn = e / np.sum(e, axis=-1, keepdims=True)
        return self.attn @ v

    def backward(self, dctx):
        d_attn = dctx @ np.swapaxes(self.v, 2, 3)
        total = np.sum(d_attn * self.attn, axis=-1, keepdims=True)
        d_raw = self.attn * d_attn - self.attn * total
        d_q = np.matmul(d_raw, self.k) * self.factor
        d_k = np.matmul(d_raw, self.q) * self.factor
        d_v = np.matmul(np.swapaxes(self.attn, 2, 3), dctx)
        return d_q, d_k, d_v


def self_attention_gradient(q, k, v, bias, dctx):
    layer = SelfAttention()
    layer.forward(q, k, v, bias)
    return layer.backward(dctx)


def attention_gradient_by_softmax_jacobian(q, k, v, bias, dy):
    """Writes out the Jacobian of the softmax of every query."""
    dq, dk, dv = [np.zeros_like(a) for a in (q, k, v)]
    for b, h in np.ndindex(q.shape[:2]):
        s = q[b, h] @ k[b, h].T / np.sqrt(q.shape[-1]) + bias[b, 0, 0]
        w = np.array([row_softmax(r) for r in s])
        dw = dy[b, h] @ v[b, h].T
        ds = np.zeros_like(s)
        for i in range(len(s)):
            jac = np.diag(w[i]) - np.outer(w[i], w[i])
            ds[i] = jac @ dw[i]
        dq[b, h] = ds @ k[b, h]
        dk[b, h] = ds.T @ q[b, h]
        dv[b, h] = w @ dy[b, h]
    return dq, dk, dv
