"""TinyBERT's losses inside the Transformer (Jiao et al. 2020, equations 7 to 9).

A_s, A_t are attention scores before the mask, H_s, H_t hidden states, g the layer map, and
P = H_s W^T the student's states at the teacher's width:

    (1)  attention = sum over m = 1..M of mean (A_s^m - A_t^g(m))^2
    (2)  hidden    = sum over m = 1..M of mean (P^m - H_t^g(m))^2,  W = W_h
    (3)  embedding = mean (P^0 - H_t^0)^2,  W = W_e

    (1') dA_s = 2 (A_s - A_t) / n
    (2') dP = 2 (P - H_t) / n,   dH_s = dP W,   dW = sum over m of dP^T H_s

with n the number of entries that the mean is over. `pad` says which these are: "all" takes every
entry of the padded arrays, as the formula reads; "exact" takes only tokens, and pairs of tokens,
that are there.

That is mode "paper". The code that its authors released departs from it, and mode "repo" follows:

    (4)  A = A - 10000 where the key is padding, then A = 0 where A <= -100, on each side, before
         (1): a real score that low is lost, and padded queries count against real keys
    (5)  P = H_s W^T + b with one W and one b for (2) and (3), even where the widths are equal

    (4') dA_s = 0 where A_s was put to 0
    (5') dW, db = the sums over m = 0..M of dP^T H_s and dP

The fourth loss, on the logits, is `ops.soft_cross_entropy`, with mean="batch" for the paper and
mean="all" for the released code, which in regression takes `ops.mse` to the true label instead.
"""

import numpy as np

from minibert import kernels as F
from minibert.distill.projections import PROJECTIONS
from minibert.model import Encoded, add_grads

PADDED = -10000.0  # added to the scores of padded keys
LOWEST = -100.0  # scores up to here are taken for padding


def tinybert_loss(student, teacher, keep, proj, spec):
    """The sum of the three losses, and its gradients.

    Parameters
    ----------
    student, teacher : Encoded
        With hidden states and scores; layers may be of different widths, heads must be equal in
        number.
    keep : ndarray of bool (B,L) or None
        True where there is a token; needed for pad="exact" and for mode="repo", where None means
        that nothing is padded.
    proj : dict of str to ndarray
        See `init_projections`.
    spec : TinyBertSpec

    Returns
    -------
    loss : float
    parts : dict of str to float
        The losses by name.
    d_student : Encoded
        Cotangents for `encoder_backward`.
    d_proj : dict of str to ndarray

    Raises
    ------
    ValueError
        The layer map does not fit the models, the numbers of heads differ, or the projections are
        those of the other mode.
    """
    M = _check(student, teacher, proj, spec)
    parts = {}
    dscores: list = [None] * M
    dhidden: list = [None] * (M + 1)
    d_proj = {}

    if spec.attention:
        parts["attention"] = 0.0
        for m, g in enumerate(spec.layer_map, 1):
            loss, dscores[m - 1] = _attention_loss(
                student.scores[m - 1], teacher.scores[g - 1], keep, spec
            )  # (1) (4)
            parts["attention"] += loss
    for m, g in (*enumerate(spec.layer_map, 1), (0, 0)):
        part = "hidden" if m else "embedding"
        if getattr(spec, part):
            loss, dhidden[m], grads = _hidden_loss(
                student.hidden[m], teacher.hidden[g], keep, proj, part, spec
            )  # (2) (3) (5)
            parts[part] = parts.get(part, 0.0) + loss
            add_grads(d_proj, grads)  # (2') (5')
    d_student = Encoded(tuple(dhidden), tuple(dscores), None)
    return sum(parts.values()), parts, d_student, d_proj


def _attention_loss(a_s, a_t, keep, spec):
    """(1), or (1) after (4), of one layer, and dA_s."""
    if a_s.shape != a_t.shape:
        raise ValueError(
            f"the student's scores are {a_s.shape}, the teacher's {a_t.shape}: the attention loss "
            "needs equally many heads; give the student the teacher's, or attention=False"
        )
    pairs = lost = None
    if spec.mode == "repo":
        (a_s, lost), (a_t, _) = _cleaned(a_s, keep), _cleaned(a_t, keep)  # (4)
    elif spec.pad == "exact" and keep is not None:
        pairs = np.broadcast_to(keep[:, None, :, None] & keep[:, None, None, :], a_s.shape)
    # One number an entry: the pairs are the rows that `keep` counts.
    loss, cache = F.mse_forward(a_s[..., None], a_t[..., None], pairs)  # (1)
    da = F.mse_backward(1.0, cache)[0][..., 0]  # (1')
    if lost is not None:
        da[lost] = 0.0  # (4')
    return float(loss), da


def _cleaned(a, keep):
    """Scores as the released code compares them, and where they were put to 0."""
    if keep is not None:
        a = a + np.where(keep, 0.0, PADDED).astype(a.dtype)[:, None, None, :]  # (B,H,L,L)
    lost = a <= LOWEST
    return np.where(lost, a.dtype.type(0), a), lost  # (4)


def _hidden_loss(h_s, h_t, keep, proj, part, spec):
    """(2) or (3) of one layer, dH_s, and the gradients of its projection by name."""
    weight, bias = PROJECTIONS[spec.mode][part]
    w = proj[weight]
    b = np.zeros(len(w), w.dtype) if bias is None else proj[bias]
    p, c_linear = F.linear_forward(h_s, w, b)  # (B,L,D_t)  (5)
    loss, c_mse = F.mse_forward(p, h_t, keep if spec.pad == "exact" else None)  # (2)
    dp, _ = F.mse_backward(1.0, c_mse)
    dh, dw, db = F.linear_backward(dp, c_linear)  # (2')
    return float(loss), dh, {weight: dw} if bias is None else {weight: dw, bias: db}


def _check(student, teacher, proj, spec):
    """M, the student's layers, where the spec fits the two sides and the projections."""
    M, N = len(student.hidden) - 1, len(teacher.hidden) - 1
    if not M or not N or (spec.attention and not (student.scores and teacher.scores)):
        raise ValueError(
            'the losses need all hidden states and scores: run encoder_forward with '
            'want={"hidden", "scores"} on both sides'
        )
    if len(spec.layer_map) != M or not all(1 <= g <= N for g in spec.layer_map):
        raise ValueError(
            f"layer_map is {spec.layer_map}; it names one teacher layer (1 to {N}) for each of "
            f"the student's {M}"
        )
    used = [names for part, names in PROJECTIONS[spec.mode].items() if getattr(spec, part)]
    missing = [name for names in used for name in names if name and name not in proj]
    if missing:
        raise ValueError(
            f"proj has {sorted(proj)} and lacks {missing[0]!r}: "
            f'make it with init_projections(..., mode="{spec.mode}")'
        )
    return M
