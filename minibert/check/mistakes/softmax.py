"""Softmax and its logarithm, and what goes wrong in them.

The numbers are those of `minibert.ops.softmax`: (1) softmax, (2) its logarithm, (1') and (2') their
gradients. What is called s there is x here.
"""

import math

import numpy as np

from minibert.check.mistakes.notation import log_softmax, softmax, softmax_gradient, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    x = 0.5 + 1.5 * rng.standard_normal((z.B, z.L, z.D))
    x[0, 0, 0] = -14.0  # a very small probability, which a number added to it covers up
    return {"x": x}


def _largest(x, axis=-1):
    """1 at the largest entry along an axis: the gradient of the maximum."""
    return x == x.max(axis, keepdims=True)


def _shift_gradient(d, largest, axis=-1):
    """The gradient of x less its maximum, which does not cancel in what follows."""
    return d - largest * total(d, axis)


def _softmax_over(axis):
    """The steps of softmax over other axes than the last, forward and backward."""
    return {
        "shifted": lambda x: x - x.max(axis, keepdims=True),
        "divisor": lambda e: total(e, axis),
        "dot": lambda dp, p: total(dp * p, axis),
    }


def _log_softmax_over(axis):
    """The steps of log-softmax over other axes than the last, forward and backward."""
    return {
        "shifted": lambda x: x - x.max(axis, keepdims=True),
        "divisor": lambda e: total(e, axis),
        "all_dlogp": lambda dlogp: total(dlogp, axis),
    }


SOFTMAX = Steps(
    op="softmax",
    formula="softmax",
    signature="x (B,L,D) -> p (B,L,D)",
    gradient="dx",
    make=_inputs,
    steps=(
        Step("shifted", "(1)", lambda x: x - x.max(-1, keepdims=True)),
        Step("e", "(1)", lambda shifted: np.exp(shifted)),
        Step("divisor", "(1)", lambda e: total(e)),
        Step("p", "(1)", lambda e, divisor: e / divisor),
        Step("dot", "(1')", lambda dp, p: total(dp * p)),
        Step("dx", "(1')", lambda p, dp, dot: p * (dp - dot)),
    ),
    mistakes=(
        mistake(
            "over-everything",
            "One sum over the whole array divides every entry: the axis is missing.",
            "Each row sums to 1 by itself: sum over axis -1, with keepdims=True.",
            **_softmax_over(None),
        ),
        mistake(
            "over-sequence",
            "One sum over a whole sequence, tokens and features, divides its entries.",
            "Each row, axis -1, is a distribution of its own: sum over that axis alone.",
            **_softmax_over((-2, -1)),
        ),
        mistake(
            "over-tokens",
            "The softmax runs over axis 1 instead of the last axis.",
            "The rows, axis -1, have to sum to 1, not the columns.",
            **_softmax_over(1),
        ),
        mistake(
            "over-batch",
            "The softmax runs over the batch (axis 0) instead of the last axis.",
            "Examples do not compete with one another: give the sum its axis, -1.",
            **_softmax_over(0),
        ),
        mistake(
            "not-normalized",
            "The exponentials are not divided by their sum.",
            "Probabilities sum to 1: divide exp(x) by its sum over the row.",
            p=lambda x: np.exp(x),
            dx=lambda p, dp: p * dp,
        ),
        mistake(
            "maximum-above-only",
            "The maximum is taken off above the fraction bar, but not below it.",
            "It cancels only if numerator and denominator have it: compute exp(x - max) once.",
            divisor=lambda x: total(np.exp(x)),
            dx=lambda p, dp, dot, x, divisor: p * dp - (np.exp(x) / divisor + _largest(x)) * dot,
        ),
        mistake(
            "sum-before-exp",
            "The sum comes before the exp: exp(x) / exp(sum of x).",
            "The exponentials are what is summed; exp of a sum is a product of them.",
            p=lambda x: np.exp(x - total(x)),
            dx=lambda p, dp, dot: p * dp - dot,
        ),
        mistake(
            "sigmoid",
            "Every entry gets a sigmoid of its own.",
            "A sigmoid answers yes or no for each; a softmax shares out 1 among all.",
            p=lambda x: 1 / (1 + np.exp(-x)),
            dx=lambda p, dp: dp * p * (1 - p),
        ),
        mistake(
            "base-2",
            "Powers of 2 stand for powers of e.",
            "The exponential is np.exp; base 2 is a softmax at another temperature, 1 / log 2.",
            e=lambda shifted: 2.0**shifted,
            dx=lambda p, dp, dot: math.log(2) * p * (dp - dot),
        ),
        mistake(
            "sign-flipped",
            "The exponent is -x, so that the smallest score gets the most.",
            "The exponent is x - max, not max - x.",
            shifted=lambda x: x.min(-1, keepdims=True) - x,
            dx=lambda p, dp, dot: p * (dot - dp),
        ),
        mistake(
            "sum-over-everything",
            "The maximum is each row's, but the sum is of the whole array: e / e.sum().",
            "Each row sums to 1 by itself: sum over axis -1, with keepdims=True.",
            divisor=lambda e: total(e, None),
            dx=lambda p, dp, x: _shift_gradient(p * (dp - total(dp * p, None)), _largest(x)),
        ),
        mistake(
            "sum-over-tokens",
            "The maximum is over the last axis, but the sum over the tokens (axis 1).",
            "Both are over axis -1, with keepdims=True.",
            divisor=lambda e: total(e, 1),
            dx=lambda p, dp, x: _shift_gradient(p * (dp - total(dp * p, 1)), _largest(x)),
        ),
        mistake(
            "maximum-over-tokens",
            "The maximum that is taken off runs over the tokens (axis 1), the sum over axis -1.",
            "The maximum cancels only if it is one number for a whole row of the sum.",
            shifted=lambda x: x - x.max(1, keepdims=True),
            dx=lambda p, dp, dot, x: _shift_gradient(p * (dp - dot), _largest(x, 1), 1),
        ),
        mistake(
            "maximum-over-batch",
            "The maximum that is taken off runs over the batch (axis 0), the sum over axis -1.",
            "The maximum cancels only if it is one number for a whole row of the sum.",
            shifted=lambda x: x - x.max(0, keepdims=True),
            dx=lambda p, dp, dot, x: _shift_gradient(p * (dp - dot), _largest(x, 0), 0),
        ),
        mistake(
            "mean-for-sum",
            "The exponentials are divided by their mean instead of their sum.",
            "Divided by the mean, a row sums to the number of its entries instead of 1.",
            divisor=lambda e: e.mean(-1, keepdims=True),
            dot=lambda dp, p: (dp * p).mean(-1, keepdims=True),
        ),
        mistake(
            "exp-forgotten",
            "There is no exp: x - max is divided by its sum.",
            "exp makes every entry positive, and the largest score the largest probability.",
            e=lambda shifted: shifted,
            dx=lambda dp, dot, divisor, x: _shift_gradient((dp - dot) / divisor, _largest(x)),
        ),
        mistake(
            "gradient-diagonal",
            "Only the diagonal of the derivative is used: dx = dp p (1 - p).",
            "Every score moves every probability of its row: subtract sum(dp p).",
            dx=lambda p, dp: dp * p * (1 - p),
        ),
        mistake(
            "gradient-sum-forgotten",
            "The sum is missing: dx = p dp.",
            "Raising one score lowers the other probabilities, which is the sum in (1').",
            dot=lambda p: 0 * total(p),
        ),
        mistake(
            "gradient-sum-not-weighted",
            "The sum of dp is subtracted instead of the sum of dp p.",
            "In (1') the row's sum is weighted with the probabilities.",
            dot=lambda dp: total(dp),
        ),
        mistake(
            "gradient-over-tokens",
            "The sum in the gradient runs over axis 1 instead of the last axis.",
            "The backward sums over the axis that the forward normalized.",
            dot=lambda dp, p: total(dp * p, 1),
        ),
        mistake(
            "gradient-of-cross-entropy",
            "dx is p - dp, as if dp were labels.",
            "p - labels is the gradient of softmax and cross-entropy together.",
            dx=lambda p, dp: p - dp,
        ),
        mistake(
            "gradient-p-forgotten",
            "The factor p is missing: dx = dp - sum(dp p).",
            "In (1') the whole bracket is multiplied by p.",
            dx=lambda dp, dot: dp - dot,
        ),
        mistake(
            "gradient-bracket",
            "The sum is not multiplied by p: dx = p dp - sum(dp p).",
            "In (1') the whole bracket is multiplied by p.",
            dx=lambda p, dp, dot: p * dp - dot,
        ),
        mistake(
            "gradient-over-everything",
            "The sum in the gradient runs over the whole array: the axis is missing.",
            "The backward sums over the axis that the forward normalized.",
            dot=lambda dp, p: total(dp * p, None),
        ),
        mistake(
            "gradient-averaged",
            "The mean of dp p is subtracted instead of the sum.",
            "The probabilities are the weights already; they sum to 1.",
            dot=lambda dp, p: (dp * p).mean(-1, keepdims=True),
        ),
        mistake(
            "gradient-upstream-forgotten",
            "dx is p (1 - p), without dp.",
            "A backward returns the loss's gradient: (1') has dp in both places.",
            dx=lambda p: p * (1 - p),
        ),
    ),
)

LOG_SOFTMAX = Steps(
    op="log_softmax",
    formula="log-softmax",
    signature="x (B,L,D) -> logp (B,L,D)",
    gradient="dx",
    make=_inputs,
    steps=(
        Step("shifted", "(2)", lambda x: x - x.max(-1, keepdims=True)),
        Step("e", "(2)", lambda shifted: np.exp(shifted)),
        Step("divisor", "(2)", lambda e: total(e)),
        Step("logp", "(2)", lambda shifted, divisor: shifted - np.log(divisor)),
        Step("p", "(2')", lambda e, divisor: e / divisor),
        Step("all_dlogp", "(2')", lambda dlogp: total(dlogp)),
        Step("dx", "(2')", lambda dlogp, p, all_dlogp: dlogp - p * all_dlogp),
    ),
    mistakes=(
        mistake(
            "over-everything",
            "One sum over the whole array serves every row: the axis is missing.",
            "Each row's probabilities sum to 1: sum over axis -1, with keepdims=True.",
            **_log_softmax_over(None),
        ),
        mistake(
            "over-sequence",
            "One sum over a whole sequence, tokens and features, divides its entries.",
            "Each row, axis -1, is a distribution of its own: sum over that axis alone.",
            **_log_softmax_over((-2, -1)),
        ),
        mistake(
            "over-tokens",
            "The sum runs over axis 1 instead of the last axis.",
            "The rows, axis -1, have to sum to 1, not the columns.",
            **_log_softmax_over(1),
        ),
        mistake(
            "maximum-not-added-again",
            "The maximum is taken off inside log(sum(exp)), but not added again after it.",
            "log sum exp(x) is max + log sum exp(x - max); or use x - max in both places.",
            logp=lambda x, divisor: x - np.log(divisor),
            dx=lambda dlogp, p, all_dlogp, x: dlogp - (p - _largest(x)) * all_dlogp,
        ),
        mistake(
            "number-added-to-p",
            "1e-9 is added to the probability before the logarithm.",
            "x - max - log(sum) needs no such guard, and is right for small probabilities, too.",
            logp=lambda p: np.log(p + 1e-9),
            dx=lambda dlogp, p: softmax_gradient(dlogp / (p + 1e-9), p),
        ),
        mistake(
            "no-logarithm",
            "The probabilities are returned instead of their logarithms.",
            "log_softmax is the logarithm of softmax.",
            logp=lambda p: p,
            dx=lambda dlogp, p: softmax_gradient(dlogp, p),
        ),
        mistake(
            "base-2",
            "The logarithm is to base 2.",
            "Losses are in natural logarithms: np.log, not np.log2.",
            logp=lambda p: np.log2(p),
            dx=lambda dlogp, p, all_dlogp: (dlogp - p * all_dlogp) / math.log(2),
        ),
        mistake(
            "sign-flipped",
            "The result is -log p.",
            "Logarithms of probabilities are at most 0; the loss puts the minus sign.",
            logp=lambda shifted, divisor: np.log(divisor) - shifted,
            dx=lambda dlogp, p, all_dlogp: p * all_dlogp - dlogp,
        ),
        mistake(
            "maximum-taken-off-twice",
            "The maximum is taken off twice: x - max has it already, and it is subtracted again.",
            "log p is x - log sum exp(x), where log sum exp(x) = max + log sum exp(x - max).",
            logp=lambda shifted, divisor, x: shifted - x.max(-1, keepdims=True) - np.log(divisor),
            dx=lambda dlogp, p, all_dlogp, x: dlogp - (p + _largest(x)) * all_dlogp,
        ),
        mistake(
            "sum-over-everything",
            "The maximum is each row's own, but one sum over the whole array serves all.",
            "Each row's probabilities sum to 1: sum over axis -1, with keepdims=True.",
            divisor=lambda e: total(e, None),
            dx=lambda dlogp, p, x: _shift_gradient(dlogp - p * total(dlogp, None), _largest(x)),
        ),
        mistake(
            "maximum-over-tokens",
            "The maximum that is taken off runs over the tokens (axis 1), the sum over axis -1.",
            "The maximum cancels only if it is one number for a whole row of the sum.",
            shifted=lambda x: x - x.max(1, keepdims=True),
            dx=lambda dlogp, p, all_dlogp, x: _shift_gradient(
                dlogp - p * all_dlogp, _largest(x, 1), 1
            ),
        ),
        mistake(
            "log-of-mean",
            "The logarithm is of the exponentials' mean instead of their sum.",
            "The probabilities sum to 1 only when divided by the sum.",
            logp=lambda shifted, e: shifted - np.log(e.mean(-1, keepdims=True)),
        ),
        mistake(
            "sum-of-logs",
            "The logarithm comes before the sum: the logarithms of the exponentials are summed.",
            "log undoes exp only without a sum between; first sum(exp(x - max)), then log.",
            logp=lambda shifted: shifted - total(shifted),
            dx=lambda dlogp, all_dlogp, x: (
                dlogp - all_dlogp + (x.shape[-1] - 1) * _largest(x) * all_dlogp
            ),
        ),
        mistake(
            "log-of-sum-forgotten",
            "The sum of the exponentials is subtracted, without its logarithm.",
            "log(e / sum) is x - max - log(sum).",
            logp=lambda shifted, divisor: shifted - divisor,
            dx=lambda dlogp, e, all_dlogp, x: _shift_gradient(dlogp - e * all_dlogp, _largest(x)),
        ),
        mistake(
            "softmax-twice",
            "The log-softmax is taken of the probabilities: softmax comes before it once more.",
            "log_softmax has the softmax in it, and takes the scores.",
            logp=lambda p: log_softmax(p),
            dx=lambda dlogp, p, all_dlogp: softmax_gradient(dlogp - softmax(p) * all_dlogp, p),
        ),
        mistake(
            "gradient-sum-forgotten",
            "The sum of dlogp is missing: dx = dlogp - p.",
            "p is multiplied by the row's sum of dlogp, which is seldom 1.",
            all_dlogp=lambda dlogp: np.ones_like(total(dlogp)),
        ),
        mistake(
            "gradient-sum-weighted",
            "The sum in the gradient is of dlogp p instead of dlogp.",
            "Weighted with p it is in softmax's gradient (1'); here it is the plain sum.",
            all_dlogp=lambda dlogp, p: total(dlogp * p),
        ),
        mistake(
            "gradient-logp-for-p",
            "The logarithms stand where the probabilities belong: dx = dlogp - logp sum(dlogp).",
            "The forward's result is log p: take exp of it first.",
            dx=lambda dlogp, logp, all_dlogp: dlogp - logp * all_dlogp,
        ),
        mistake(
            "gradient-over-tokens",
            "The sum of dlogp runs over axis 1 instead of the last axis.",
            "The backward sums over the axis that the forward normalized.",
            all_dlogp=lambda dlogp: total(dlogp, 1),
        ),
        mistake(
            "gradient-averaged",
            "The mean of dlogp is taken instead of the sum.",
            "Every dlogp of the row moves log sum exp(x), whose gradient is p: they add.",
            all_dlogp=lambda dlogp: dlogp.mean(-1, keepdims=True),
        ),
        mistake(
            "gradient-p-forgotten",
            "The sum is not multiplied by p: dx = dlogp - sum(dlogp).",
            "The gradient of log sum exp(x) is p, the factor of the sum.",
            dx=lambda dlogp, all_dlogp: dlogp - all_dlogp,
        ),
    ),
)

FORMULAS = (SOFTMAX, LOG_SOFTMAX)
