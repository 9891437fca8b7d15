"""Masks: what a softmax makes of a bias, in every dtype the same."""

import numpy as np

from minibert import kernels as F
from minibert import ops
from minibert.check import spec
from minibert.check.cases.case import Formula, plain_case
from minibert.check.cases.model import LEVELS


def padded_softmax(scores, keep):
    """Attention's probabilities where padding is hidden."""
    return F.softmax_forward(scores + F.padding_bias(keep, scores.dtype))[0]


def causal_softmax(scores):
    """Attention's probabilities where the future is hidden."""
    return F.softmax_forward(scores + F.causal_bias(scores.shape[-1], scores.dtype))[0]


def _padded(rng, z, dtype):
    keep = np.arange(z.S) < np.array([[z.S - 4], [0]])  # the second is nothing but padding
    return (3 * rng.standard_normal((2, z.H, z.L, z.S)), keep), {}


def _square(rng, z, dtype):
    return (3 * rng.standard_normal((z.B, z.H, z.L, z.L)),), {}


def _case(mode, make, loops, function):
    return plain_case(
        f"{mode}-bias", mode, make, loops, function, levels=LEVELS, called="mask-bias"
    )


FORMULAS = (
    Formula(
        id="mask-bias",
        title="Masks as a bias on the scores",
        source="Vaswani et al. 2017, section 3.2.3; the most negative number instead of"
        " minus infinity",
        tex=(
            r"p_j = \frac{e^{s_j + b_j}}{\sum_k e^{s_k + b_k}} \quad b_j = 0 \quad "
            r"\mathrm{where} \quad j \quad \mathrm{is\ seen,\ else\ very\ negative}",
            r"p_j = \frac{1}{S} \quad \mathrm{if\ nothing\ is\ seen}",
        ),
        code=(ops.padding_bias, ops.causal_bias),
        loops=(spec.softmax_of_visible, spec.padded_softmax, spec.causal_softmax),
        cases=(
            _case("padding", _padded, spec.padded_softmax, padded_softmax),
            _case("causal", _square, spec.causal_softmax, causal_softmax),
        ),
    ),
)
