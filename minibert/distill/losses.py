"""TinyBERT's losses inside the Transformer (Jiao et al. 2020, equations 7 to 9).

A_s, A_t are attention scores before the mask, H_s, H_t hidden states, g the layer map:

    (1)  attention = sum over m = 1..M of mean (A_s^m - A_t^g(m))^2
    (2)  hidden    = sum over m = 1..M of mean (H_s^m W_h^T - H_t^g(m))^2
    (3)  embedding = mean (H_s^0 W_e^T - H_t^0)^2

    (1') dA_s = 2 (A_s - A_t) / n
    (2') dP = 2 (P - H_t) / n,   dH_s = dP W_h,   dW_h = sum over m of dP^T H_s

with P = H_s W^T and n the number of entries that the mean is over. `pad` says which these are:
"all" takes every entry of the padded arrays, as the formula reads; "exact" takes only tokens, and
pairs of tokens, that are there. The fourth loss, on the logits, is `ops.soft_cross_entropy`.
"""

from dataclasses import dataclass

import numpy as np

from minibert import kernels as F
from minibert.distill.projections import EMBEDDING, HIDDEN
from minibert.model import Encoded


@dataclass(frozen=True)
class TinyBertSpec:
    """Which losses, between which layers.

    Parameters
    ----------
    layer_map : tuple of int
        g(1), ..., g(M); see `uniform_map`.
    attention, hidden, embedding : bool
        Whether the loss is part of the sum.
    pad : {"all", "exact"}
        Whether padding counts.
    """

    layer_map: tuple[int, ...]
    attention: bool = True
    hidden: bool = True
    embedding: bool = True
    pad: str = "all"

    def __post_init__(self):
        if self.pad not in ("all", "exact"):
            raise ValueError(f'pad is {self.pad!r}; it is "all" or "exact"')


def tinybert_loss(student, teacher, keep, proj, spec):
    """The sum of the three losses, and its gradients.

    Parameters
    ----------
    student, teacher : Encoded
        With hidden states and scores; layers may be of different widths, heads must be equal in
        number.
    keep : ndarray of bool (B,L) or None
        True where there is a token; needed for pad="exact".
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
        The layer map does not fit the models, or the numbers of heads differ.
    """
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
    keep = None if spec.pad == "all" else keep
    parts = {}
    dscores: list = [None] * M
    dhidden: list = [None] * (M + 1)
    d_proj = {}

    if spec.attention:
        parts["attention"] = 0.0
        for m, g in enumerate(spec.layer_map, 1):
            loss, dscores[m - 1] = _attention_loss(
                student.scores[m - 1], teacher.scores[g - 1], keep
            )  # (1)
            parts["attention"] += loss
    if spec.hidden:
        parts["hidden"] = 0.0
        d_proj[HIDDEN] = np.zeros_like(proj[HIDDEN])
        for m, g in enumerate(spec.layer_map, 1):
            loss, dhidden[m], dw = _hidden_loss(
                student.hidden[m], teacher.hidden[g], keep, proj[HIDDEN]
            )  # (2)
            parts["hidden"] += loss
            d_proj[HIDDEN] += dw
    if spec.embedding:
        parts["embedding"], dhidden[0], d_proj[EMBEDDING] = _hidden_loss(
            student.hidden[0], teacher.hidden[0], keep, proj[EMBEDDING]
        )  # (3)
    d_student = Encoded(tuple(dhidden), tuple(dscores), None)
    return sum(parts.values()), parts, d_student, d_proj


def _attention_loss(a_s, a_t, keep):
    if a_s.shape != a_t.shape:
        raise ValueError(
            f"the student's scores are {a_s.shape}, the teacher's {a_t.shape}: the attention loss "
            "needs equally many heads; give the student the teacher's, or attention=False"
        )
    pairs = None
    if keep is not None:
        pairs = np.broadcast_to(keep[:, None, :, None] & keep[:, None, None, :], a_s.shape)
    # One number an entry: the pairs are the rows that `keep` counts.
    loss, cache = F.mse_forward(a_s[..., None], a_t[..., None], pairs)  # (1)
    da, _ = F.mse_backward(1.0, cache)
    return float(loss), da[..., 0]  # (1')


def _hidden_loss(h_s, h_t, keep, w):
    no_bias = np.zeros(len(w), w.dtype)
    p, c_linear = F.linear_forward(h_s, w, no_bias)  # (B,L,D_t)
    loss, c_mse = F.mse_forward(p, h_t, keep)  # (2)
    dp, _ = F.mse_backward(1.0, c_mse)
    dh, dw, _ = F.linear_backward(dp, c_linear)  # (2')
    return float(loss), dh, dw
