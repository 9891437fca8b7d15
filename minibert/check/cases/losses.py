"""Losses: cross-entropies, Hinton's distillation loss, distances."""

import numpy as np

from minibert import ops
from minibert.check import spec
from minibert.check.cases.case import Case, Formula
from minibert.check.cases.inputs import hidden, keep_tokens
from minibert.check.cases.loops import rows


def _labels(ignore=False, smoothing=0.0, ignore_index=-100, nothing_counts=False):
    def make(rng, z, dtype):
        labels = rng.integers(0, z.C, (z.B, z.L))
        if ignore:
            labels[0, 1:3] = ignore_index
        if nothing_counts:
            labels[:] = ignore_index
        kwargs = {"ignore_index": ignore_index} if ignore_index != -100 else {}
        return (2 * rng.standard_normal((z.B, z.L, z.C)), labels), kwargs | (
            {"smoothing": smoothing} if smoothing else {}
        )

    return make


def _two_logits(by_token=False, **options):
    def make(rng, z, dtype):
        shape = (z.B, z.L, z.C) if by_token else (z.B + 3, z.C)
        return tuple(2 * rng.standard_normal(shape) for _ in "st"), options

    return make


def _two_hidden(keep=False):
    def make(rng, z, dtype):
        a, b = (hidden(rng, z.B, z.L, z.D) for _ in "ab")
        return (a, b), {"keep": keep_tokens(rng, z.B, z.L)} if keep else {}

    return make


def _rows_of_zeros(rng, z, dtype):
    """In each of the two one row without direction."""
    a, b = (hidden(rng, z.B, z.L, z.D) for _ in "ab")
    a[0, 1] = b[1, 2] = 0.0
    return (a, b), {}


def _loops_cross_entropy(logits, labels, *, ignore_index=-100, smoothing=0.0):
    flat = labels.reshape(-1)
    return spec.softmax_cross_entropy_forward(rows(logits), flat, ignore_index, smoothing)


def _loops_cross_entropy_backward(dloss, logits, labels, *, ignore_index=-100, smoothing=0.0):
    flat = labels.reshape(-1)
    dz = spec.softmax_cross_entropy_backward(rows(logits), flat, ignore_index, smoothing)
    return (dloss * dz.reshape(logits.shape),)


def _count(student, mean):
    return student.size if mean == "all" else len(rows(student))


def _loops_soft(student, teacher, *, tau=1.0, mean="batch"):
    n = _count(student, mean)
    return spec.soft_cross_entropy_forward(rows(student), rows(teacher), tau, n)


def _loops_soft_backward(dloss, student, teacher, *, tau=1.0, mean="batch"):
    n = _count(student, mean)
    dz = spec.soft_cross_entropy_backward(rows(student), rows(teacher), tau, n)
    return (dloss * dz.reshape(student.shape),)


def _loops_kl(student, teacher, *, tau=1.0):
    return spec.kl_forward(rows(student), rows(teacher), tau)


def _loops_kl_backward(dloss, student, teacher, *, tau=1.0):
    dz = spec.kl_backward(rows(student), rows(teacher), tau)
    return (dloss * dz.reshape(student.shape),)


def _loops_of_rows(function):
    def forward(a, b, keep=None):
        kept = np.ones(rows(a).shape[0], bool) if keep is None else keep.reshape(-1)
        return function(rows(a), rows(b), kept)

    return forward


def _loops_of_rows_backward(function):
    def backward(dloss, a, b, keep=None):
        kept = np.ones(rows(a).shape[0], bool) if keep is None else keep.reshape(-1)
        return tuple(dloss * g.reshape(a.shape) for g in function(rows(a), rows(b), kept))

    return backward


def _labelled_case(mode, **options):
    return Case(
        "softmax_cross_entropy", mode, _labels(**options), (0,),
        _loops_cross_entropy, _loops_cross_entropy_backward, called="cross-entropy",
    )


def _soft_case(mode, **options):
    return Case(
        "soft_cross_entropy", mode, _two_logits(**options), (0,),
        _loops_soft, _loops_soft_backward,
    )


_KL = (0,), _loops_kl, _loops_kl_backward
_MSE = (0, 1), _loops_of_rows(spec.mse_forward), _loops_of_rows_backward(spec.mse_backward)
_COSINE = (
    (0, 1), _loops_of_rows(spec.cosine_forward), _loops_of_rows_backward(spec.cosine_backward)
)
_ZEROS = {"exact": False, "why_inexact": "of a row of zeros it holds within 1e-8 alone"}

FORMULAS = (
    Formula(
        id="cross-entropy",
        title="Cross-entropy with hard labels",
        source="label smoothing: Szegedy et al. 2016, section 7; ignored rows count nowhere",
        tex=(
            r"L = \frac{1}{n} \sum_{\mathrm{rows}} \left( -\sum_c t_c \log p_c \right) \qquad"
            r" p = \mathrm{softmax}(z)",
            r"t_c = (1 - \epsilon) [c = \mathrm{label}] + \frac{\epsilon}{C} \qquad"
            r" dz = \frac{dL}{n} (p - t)",
        ),
        code=(ops.softmax_cross_entropy_forward, ops.softmax_cross_entropy_backward),
        loops=(spec.softmax_cross_entropy_forward, spec.softmax_cross_entropy_backward),
        cases=(
            _labelled_case(""),
            _labelled_case("ignore", ignore=True),
            _labelled_case("nothing-counts", nothing_counts=True),
            _labelled_case("ignore-index-0", ignore=True, ignore_index=0),
            _labelled_case("ignore-index-0-smoothing", ignore=True, ignore_index=0, smoothing=0.1),
            _labelled_case("smoothing", smoothing=0.1),
            _labelled_case("ignore-smoothing", ignore=True, smoothing=0.2),
        ),
    ),
    Formula(
        id="soft-cross-entropy",
        title="Cross-entropy with a teacher's probabilities",
        source="TinyBERT: Jiao et al. 2020, equation 10; no factor tau^2;"
        ' "all" divides by the classes too, as the released code does',
        tex=(
            r"L = -\frac{1}{n} \sum_{\mathrm{rows}} \sum_c p^T_c \log p^S_c \qquad"
            r" p = \mathrm{softmax}(z / \tau)",
            r"dz^S = \frac{dL}{\tau n} \left( p^S - p^T \right)",
        ),
        code=(ops.soft_cross_entropy_forward, ops.soft_cross_entropy_backward),
        loops=(spec.soft_cross_entropy_forward, spec.soft_cross_entropy_backward),
        cases=(
            _soft_case(""),
            _soft_case("tau", tau=3.0),
            _soft_case("low-tau", tau=0.5),
            _soft_case("tokens", by_token=True),
            _soft_case("all", mean="all"),
            _soft_case("tau-all", tau=0.5, mean="all"),
        ),
    ),
    Formula(
        id="kl",
        title="Hinton's distillation loss",
        source="Hinton, Vinyals and Dean 2015, section 2",
        tex=(
            r"L = \frac{\tau^2}{n} \sum_{\mathrm{rows}} \sum_c p^T_c"
            r" \left( \log p^T_c - \log p^S_c \right) \qquad p = \mathrm{softmax}(z / \tau)",
            r"dz^S = dL\, \frac{\tau}{n} \left( p^S - p^T \right)",
        ),
        code=(ops.kl_forward, ops.kl_backward),
        loops=(spec.kl_forward, spec.kl_backward),
        cases=(
            Case("kl", "", _two_logits(), *_KL),
            Case("kl", "tokens", _two_logits(by_token=True), *_KL),
            Case("kl", "tau", _two_logits(tau=3.0), *_KL),
            Case("kl", "low-tau", _two_logits(tau=0.5), *_KL),
        ),
    ),
    Formula(
        id="mse",
        title="Mean squared error",
        source="its definition; TinyBERT's distance (Jiao et al. 2020, equations 7 to 9)",
        tex=(
            r"L = \frac{1}{n} \sum_i (a_i - b_i)^2",
            r"da = \frac{2\, dL}{n} (a - b) \qquad db = -da",
        ),
        code=(ops.mse_forward, ops.mse_backward),
        loops=(spec.mse_forward, spec.mse_backward),
        cases=(
            Case("mse", "", _two_hidden(), *_MSE),
            Case("mse", "keep", _two_hidden(keep=True), *_MSE),
        ),
    ),
    Formula(
        id="cosine",
        title="Cosine distance",
        source="DistilBERT: Sanh et al. 2019, section 2; norms are at least 1e-8, as in PyTorch",
        tex=(
            r"L = \frac{1}{n} \sum_{\mathrm{rows}} (1 - \cos) \qquad"
            r" \cos = \frac{a \cdot b}{r_a\, r_b} \qquad r_a = \max(|a|, 10^{-8})",
            r"da = -\frac{dL}{n\, r_a} \left( \frac{b}{r_b} - \cos \frac{a}{r_a} \right)",
        ),
        code=(ops.cosine_forward, ops.cosine_backward),
        loops=(spec.cosine_forward, spec.cosine_backward),
        cases=(
            Case("cosine", "", _two_hidden(), *_COSINE),
            Case("cosine", "keep", _two_hidden(keep=True), *_COSINE),
            Case("cosine", "zeros", _rows_of_zeros, *_COSINE, **_ZEROS),
        ),
    ),
)
