"""TinyBERT's losses and layer maps, in loops.

A student and a teacher hold ``hidden``, M + 1 and N + 1 arrays (B,L,D), and ``scores``, M and N
arrays (B,H,L,L). `spec` is a `minibert.distill.TinyBertSpec`.
"""

import numpy as np

# mode -> the names of (W, b) by which each loss projects
PROJECTIONS = {
    "paper": {
        "hidden": ("distill.hidden.weight", None),
        "embedding": ("distill.embedding.weight", None),
    },
    "repo": {
        "hidden": ("distill.fit_dense.weight", "distill.fit_dense.bias"),
        "embedding": ("distill.fit_dense.weight", "distill.fit_dense.bias"),
    },
}


def uniform_map(n_student, n_teacher):
    """g(m): the last teacher layer that is no deeper, relative to the whole, than layer m is."""
    found = []
    for m in range(1, n_student + 1):
        g = 1
        while (g + 1) * n_student <= m * n_teacher:  # (g + 1) / N <= m / M
            g += 1
        found.append(g)
    return tuple(found)


def top_map(n_student, n_teacher):
    """The teacher's last layers, counted down from its last."""
    found = []
    for back in range(n_student):
        found.insert(0, n_teacher - back)
    return tuple(found)


def bottom_map(n_student, n_teacher):
    """The teacher's first layers."""
    found = []
    for m in range(1, n_student + 1):
        found.append(m)
    return tuple(found)


def attention_loss_forward(a_s, a_t, keep):
    """Mean of (a_s - a_t)^2, scores (B,H,L,L), over pairs of tokens that keep (B,L) both has."""
    B, H, L, _ = a_s.shape
    total, n = 0.0, 0
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(L):
                    if keep[b, i] and keep[b, j]:
                        total += (a_s[b, h, i, j] - a_t[b, h, i, j]) ** 2
                        n += 1
    return total / n


def attention_loss_backward(a_s, a_t, keep):
    """da_s = 2 (a_s - a_t) / n where the pair counts, else 0."""
    B, H, L, _ = a_s.shape
    n = H * sum(int(kept.sum()) ** 2 for kept in keep)
    da = np.zeros_like(a_s)
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(L):
                    if keep[b, i] and keep[b, j]:
                        da[b, h, i, j] = 2 * (a_s[b, h, i, j] - a_t[b, h, i, j]) / n
    return da


def cleaned_scores(a, keep):
    """The released code's scores: -10000 on padded keys, then 0 for all that is <= -100."""
    B, H, L, _ = a.shape
    cleaned = np.zeros_like(a)
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(L):
                    score = a[b, h, i, j] - (0 if keep[b, j] else 10000)
                    if score > -100:
                        cleaned[b, h, i, j] = score
    return cleaned


def cleaned_scores_backward(dcleaned, a, keep):
    """da = dcleaned where the score stood, 0 where it was put to 0."""
    B, H, L, _ = a.shape
    da = np.zeros_like(a)
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(L):
                    if a[b, h, i, j] - (0 if keep[b, j] else 10000) > -100:
                        da[b, h, i, j] = dcleaned[b, h, i, j]
    return da


def hidden_loss_forward(h_s, h_t, w, bias, keep):
    """Mean over kept tokens and D_t of (h_s W^T + b - h_t)^2; W (D_t,D_s), b (D_t,)."""
    B, L, D_s = h_s.shape
    total, n = 0.0, 0
    for b in range(B):
        for t in range(L):
            if keep[b, t]:
                for d in range(len(w)):
                    p = bias[d]
                    for e in range(D_s):
                        p += h_s[b, t, e] * w[d, e]
                    total += (p - h_t[b, t, d]) ** 2
                    n += 1
    return total / n


def hidden_loss_backward(h_s, h_t, w, bias, keep):
    """dh_s, dW, db: dp = 2 (p - h_t) / n goes to each product h w in p, times the other factor."""
    B, L, D_s = h_s.shape
    n = int(keep.sum()) * len(w)
    dh, dw, dbias = np.zeros_like(h_s), np.zeros_like(w), np.zeros_like(w[:, 0])
    for b in range(B):
        for t in range(L):
            if keep[b, t]:
                for d in range(len(w)):
                    p = bias[d]
                    for e in range(D_s):
                        p += h_s[b, t, e] * w[d, e]
                    dp = 2 * (p - h_t[b, t, d]) / n
                    dbias[d] += dp
                    for e in range(D_s):
                        dh[b, t, e] += dp * w[d, e]
                        dw[d, e] += dp * h_s[b, t, e]
    return dh, dw, dbias


def tinybert_loss_forward(student, teacher, keep, proj, spec):
    """The losses of all layers, added."""
    counted = keep if spec.pad == "exact" else np.ones_like(keep)
    loss = 0.0
    for m, g in _pairs(spec, "attention"):
        a_s, a_t = student.scores[m - 1], teacher.scores[g - 1]
        if spec.mode == "repo":
            a_s, a_t = cleaned_scores(a_s, keep), cleaned_scores(a_t, keep)
        loss += attention_loss_forward(a_s, a_t, counted)
    for part in ("hidden", "embedding"):
        for m, g in _pairs(spec, part):
            w, bias = _projection(proj, spec, part)
            loss += hidden_loss_forward(student.hidden[m], teacher.hidden[g], w, bias, counted)
    return loss


def tinybert_loss_backward(dloss, student, teacher, keep, proj, spec):
    """dhidden and dscores, None where no loss is; dproj, added where a projection is shared."""
    counted = keep if spec.pad == "exact" else np.ones_like(keep)
    dhidden, dscores = [None] * len(student.hidden), [None] * len(student.scores)
    dproj = {}
    for m, g in _pairs(spec, "attention"):
        a_s, a_t = student.scores[m - 1], teacher.scores[g - 1]
        if spec.mode == "repo":
            c_s, c_t = cleaned_scores(a_s, keep), cleaned_scores(a_t, keep)
            da = attention_loss_backward(c_s, c_t, counted)
            dscores[m - 1] = dloss * cleaned_scores_backward(da, a_s, keep)
        else:
            dscores[m - 1] = dloss * attention_loss_backward(a_s, a_t, counted)
    for part in ("hidden", "embedding"):
        for m, g in _pairs(spec, part):
            w, bias = _projection(proj, spec, part)
            h_s, h_t = student.hidden[m], teacher.hidden[g]
            dh, dw, dbias = hidden_loss_backward(h_s, h_t, w, bias, counted)
            dhidden[m] = dloss * dh
            for name, grad in zip(PROJECTIONS[spec.mode][part], (dw, dbias), strict=True):
                if name is not None:
                    dproj[name] = dproj.get(name, 0) + dloss * grad
    return dhidden, dscores, dproj


def _pairs(spec, part):
    """(m, g(m)) of the layers that a loss compares; g(0) = 0."""
    if not getattr(spec, part):
        return []
    return [(0, 0)] if part == "embedding" else list(enumerate(spec.layer_map, 1))


def _projection(proj, spec, part):
    """W, and b or zeros."""
    weight, bias = PROJECTIONS[spec.mode][part]
    w = proj[weight]
    return w, np.zeros(len(w)) if bias is None else proj[bias]
