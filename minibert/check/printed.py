"""S1 to S7: the formulas of the two seed articles on TinyBERT, exactly as printed.

S1 to S5 are of the first article, S6 and S7 of the second. Only S6 is right. Each function is its
formula read literally, so that one can see what it does; its docstring begins with it, and says
what minibert uses instead. `PRINTED` is the same as a table: ``print(table())``.

Letters of the articles: Q, K, V queries, keys and values, a row for each of n tokens; d_k the head
size; X inputs; W weights.
"""

import math
from typing import NamedTuple

import numpy as np

from minibert import kernels as F


def s1_attention(Q, K, V):
    """Attention(Q, K, V) = (Q K^T / sqrt(d_k)) x V.

    There is no softmax. The weights are of both signs and their rows do not sum to 1, so the output
    is no average of the values. And it is linear in each of Q, K and V, which all come from the
    same X: twice the input is eight times the output.

    Used instead: softmax(Q K^T / sqrt(d_k)) V, `minibert.ops.attention_forward`.

    Parameters
    ----------
    Q, K, V : ndarray (n, d_k)

    Returns
    -------
    ndarray (n, d_k)

    Examples
    --------
    >>> X = np.array([[1.0, -0.5], [0.25, 2.0]])
    >>> s1_attention(2 * X, 2 * X, 2 * X) / s1_attention(X, X, X)
    array([[8., 8.],
           [8., 8.]])
    """
    return Q @ K.T / math.sqrt(K.shape[-1]) @ V


def s2_model_distillation(Q, K):
    """L = -sum_i log( exp(Q_i K^T) / sum_j exp(Q_i K_j^T) ).

    Called "model distillation". The K of the numerator has no index; read as the matching row K_i.
    (Read as a sum over all j, numerator and denominator are equal, and L is 0 whatever the model
    does.) It is then a contrastive loss, InfoNCE: it asks which row belongs to which. No teacher's
    probability occurs in it. It is a sum and not a mean, so it grows with the batch; and exp
    overflows above 709, in float64.

    Used instead: the soft cross-entropy of the logits, -sum_c p_t log p_s,
    `minibert.ops.soft_cross_entropy_forward`; for representations `minibert.ops.info_nce_forward`.

    Parameters
    ----------
    Q, K : ndarray (n, d_k)

    Returns
    -------
    L : scalar

    Examples
    --------
    >>> Q = np.zeros((4, 3))
    >>> bool(np.isclose(s2_model_distillation(Q, Q), 4 * np.log(4)))
    True
    """
    e = np.exp(Q @ K.T)
    return -np.log(np.diag(e) / e.sum(1)).sum()


def s3_prune(W, amount):
    """Prune(W) = W - lambda * W (.) Sign(W).

    W (.) Sign(W) is abs(W), so the same is subtracted on both sides of zero: positive weights
    shrink by the factor 1 - lambda, negative ones GROW by 1 + lambda. No weight becomes zero for
    0 < lambda < 1; at lambda = 1 every positive one does, and above 1 they turn negative.

    Used instead: the mask abs(W) > threshold, `minibert.prune.magnitude_masks`; or
    Sign(W) max(abs(W) - lambda, 0), `minibert.prune.soft_threshold`.

    Parameters
    ----------
    W : ndarray
    amount : float
        lambda.

    Returns
    -------
    ndarray, the shape of W

    Examples
    --------
    >>> s3_prune(np.array([2.0, 0.5, -0.5, -2.0]), 0.5)
    array([ 1.  ,  0.25, -0.75, -3.  ])
    """
    return W - amount * W * np.sign(W)


def s4_knowledge_distillation(Q, K):
    """L = -sum_i log( exp(Q_i K^T) / sum_j exp(Q_i K_j^T) ).

    The formula of S2 once more, now called "knowledge distillation", where the article means what
    the teacher knows beyond its answers.

    Used instead: TinyBERT's four losses, on embeddings, hidden states, attention scores and logits,
    `minibert.distill`.

    Parameters
    ----------
    Q, K : ndarray (n, d_k)

    Returns
    -------
    L : scalar
    """
    return s2_model_distillation(Q, K)


def s5_quantize(W, scale, quant_bits=8):
    """Quantize(W) = Sign(W) * min(abs(W) / scale, quant_bits - 1).

    Nothing is rounded, so the result is not an integer and needs as many bits as before. And it is
    cut off at the NUMBER of bits less one: 7 for 8 bits, where 8 bits reach 2^7 - 1 = 127.

    Used instead: Sign(W) min(round(abs(W) / scale), 127), scale = max abs(W) / 127 of each row,
    `minibert.ops.quantize_symmetric`.

    Parameters
    ----------
    W : ndarray
    scale : float
    quant_bits : int

    Returns
    -------
    ndarray, the shape of W

    Examples
    --------
    >>> s5_quantize(np.array([0.31, -0.62, 2.0, -12.7]), 0.1)
    array([ 3.1, -6.2,  7. , -7. ])
    """
    return np.sign(W) * np.minimum(np.abs(W) / scale, quant_bits - 1)


def s6_attention_weights(Q, K):
    """A = softmax(Q K^T / sqrt(d_k)).

    The formula is right. The text around it calls K "dense vectors" (they are the keys), introduces
    positions P that the formula never uses (swap two tokens, and their rows and columns swap), and
    writes A as n numbers where it has one for every pair of tokens, n x n.

    Used: this, with a bias that hides padding, inside `minibert.ops.attention_forward`.

    Parameters
    ----------
    Q, K : ndarray (n, d_k)

    Returns
    -------
    A : ndarray (n, n)

    Examples
    --------
    >>> s6_attention_weights(np.zeros((2, 3)), np.eye(2, 3))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return F.softmax_forward(Q @ K.T / math.sqrt(K.shape[-1]))[0]


def s7_self_attention(X, W_q):
    """A = softmax(X W_q^T / sqrt(d_k)).

    Called "self-attention". X is projected to queries, which are never compared with keys. A has a
    column for each of the d_k features, not for each token; a row knows nothing of other tokens.

    Used instead: Q = X W_q^T, K = X W_k^T, and then S6; `minibert.ops.qkv_forward` and
    `minibert.ops.attention_forward`.

    Parameters
    ----------
    X : ndarray (n, D)
    W_q : ndarray (d_k, D)

    Returns
    -------
    A : ndarray (n, d_k)

    Examples
    --------
    >>> X, W_q = np.ones((5, 3)), np.ones((2, 3))     # 5 tokens, d_k = 2
    >>> s7_self_attention(X, W_q).shape
    (5, 2)
    """
    return F.softmax_forward(X @ W_q.T / math.sqrt(W_q.shape[0]))[0]


class Printed(NamedTuple):
    """A row of the table: what it is called, what it does, what is used instead.

    `see` are the formulas of `minibert verify` that are used instead, `tex` is this one in TeX.
    """

    id: str
    title: str
    does: str
    instead: str
    see: str
    tex: str
    function: object

    @property
    def formula(self):
        """As printed: the first line of the function's docstring."""
        return self.function.__doc__.partition("\n")[0].removesuffix(".")

    @property
    def source(self):
        """Which article it is from."""
        article = "second" if self.id in ("S6", "S7") else "first"
        return f"the {article} seed article, as printed"


S2_TEX = r"L = -\sum_{i=1}^n \log \frac{\exp(Q_i K^T)}{\sum_j \exp(Q_i K_j^T)}"

PRINTED = (
    Printed(
        id="S1",
        title="Attention without softmax",
        does="no softmax: rows do not sum to 1, and f(2X) = 8 f(X)",
        instead="softmax(Q K^T / sqrt(d_k)) V: ops.attention_forward",
        see="attention",
        tex=r"\mathrm{Attention}(Q, K, V) = \frac{Q K^T}{\sqrt{d_k}} \times V",
        function=s1_attention,
    ),
    Printed(
        id="S2",
        title='"Model distillation"',
        does="contrastive, not distillation: a sum, without a teacher's probabilities",
        instead="soft cross-entropy of logits: ops.soft_cross_entropy_forward;"
        " ops.info_nce_forward",
        see="soft-cross-entropy, info-nce",
        tex=S2_TEX,
        function=s2_model_distillation,
    ),
    Printed(
        id="S3",
        title="Pruning that prunes nothing",
        does="positive weights shrink, negative ones grow; none becomes 0 for 0 < lambda < 1",
        instead="prune.magnitude_masks; Sign(W) max(|W| - lambda, 0): prune.soft_threshold",
        see="magnitude-mask, soft-threshold",
        tex=r"\mathrm{Prune}(W) = W - \lambda \cdot W \odot \mathrm{Sign}(W)",
        function=s3_prune,
    ),
    Printed(
        id="S4",
        title='"Knowledge distillation", S2 again',
        does="as S2",
        instead="losses on embeddings, hidden states, attention scores and logits:"
        " minibert.distill",
        see="tinybert-loss",
        tex=S2_TEX,
        function=s4_knowledge_distillation,
    ),
    Printed(
        id="S5",
        title="Quantization without rounding",
        does="does not round, and clips at 7 for 8 bits",
        instead="Sign(W) min(round(|W| / scale), 127): ops.quantize_symmetric",
        see="quantize-symmetric",
        tex=r"\mathrm{Quantize}(W) = \mathrm{Sign}(W) \times"
        r" \min\left( \frac{|W|}{\mathrm{scale}}, \mathrm{quant\_bits} - 1 \right)",
        function=s5_quantize,
    ),
    Printed(
        id="S6",
        title="Attention weights",
        does="right; but K are keys, P is never used, and A is n x n",
        instead="the same, with a bias for padding: ops.attention_forward",
        see="",
        tex=r"A = \mathrm{softmax} \left( \frac{Q K^T}{\sqrt{d_k}} \right)",
        function=s6_attention_weights,
    ),
    Printed(
        id="S7",
        title="Self-attention without keys",
        does="compares no token with another; A is n x d_k",
        instead="Q = X W_q^T, K = X W_k^T, then S6: ops.qkv_forward, ops.attention_forward",
        see="qkv, S6",
        tex=r"A = \mathrm{softmax} \left( \frac{X W_q^T}{\sqrt{d_k}} \right)",
        function=s7_self_attention,
    ),
)


def table():
    """`PRINTED` as text, three lines a formula."""
    return "\n".join(
        f"{row.id}  {row.formula}\n    does: {row.does}\n    used: {row.instead}" for row in PRINTED
    )
