"""Layer normalization, and what goes wrong in it.

The numbers are those of `minibert.ops.layernorm`: (1) mean and variance, (2) normalized, (3) scaled
and shifted, and (3'), (2') on the way back.
"""

import numpy as np

from minibert.check.cases.case import SQUARE
from minibert.check.cases.inputs import gamma, hidden
from minibert.check.mistakes.notation import mean, rows, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    x = hidden(rng, z.B, z.L, z.D)
    if z == SQUARE:
        x[0, 0] *= 3e-9  # a token whose variance is below eps: where eps stands shows here
    return {"x": x, "gamma": gamma(rng, z.D), "beta": rng.standard_normal(z.D)}


def _over(axis):
    """The steps of statistics over other axes than the last, forward and backward."""
    return {
        "mu": lambda x: mean(x, axis),
        "var": lambda centred: mean(centred**2, axis),
        "mean_g": lambda g: mean(g, axis),
        "mean_gx": lambda g, xhat: mean(g * xhat, axis),
    }


# What is wrong in `fused` as well, in the same words.
UNBIASED_VARIANCE = mistake(
    "unbiased-variance",
    "The variance is divided by D - 1 instead of D.",
    "It describes these D features and estimates nothing: ddof=0, unbiased=False.",
    var=lambda centred: total(centred**2) / (centred.shape[-1] - 1),
    mean_gx=lambda g, xhat: total(g * xhat) / (xhat.shape[-1] - 1),
)
EPS_1E_5 = mistake(
    "eps-1e-5",
    "eps is 1e-5 instead of 1e-12.",
    "1e-5 is PyTorch's default; BERT's layers are made with 1e-12.",
    eps=lambda: 1e-5,
)
EPS_1E_6 = mistake(
    "eps-1e-6",
    "eps is 1e-6 instead of 1e-12.",
    "1e-6 belongs to other models; BERT's layers are made with 1e-12.",
    eps=lambda: 1e-6,
)
GAMMA_AND_BETA_EXCHANGED = mistake(
    "gamma-and-beta-exchanged",
    "gamma and beta have changed places: y = beta * xhat + gamma.",
    "gamma is the factor and starts at 1; beta is added and starts at 0.",
    y=lambda gamma, xhat, beta: beta * xhat + gamma,
    dgamma=lambda dy: rows(dy).sum(0),
    dbeta=lambda dy, xhat: rows(dy * xhat).sum(0),
    g=lambda dy, beta: dy * beta,
)

FORMULAS = (
    Steps(
        op="layernorm",
        formula="layernorm",
        signature="x (B,L,D), gamma (D), beta (D) -> y (B,L,D)",
        gradient="dx, dgamma, dbeta",
        make=_inputs,
        steps=(
            Step("eps", "(2)", lambda: 1e-12),
            Step("mu", "(1)", lambda x: mean(x)),
            Step("centred", "(1)", lambda x, mu: x - mu),
            Step("var", "(1)", lambda centred: mean(centred**2)),
            Step("sigma", "(2)", lambda var, eps: np.sqrt(var + eps)),
            Step("xhat", "(2)", lambda centred, sigma: centred / sigma),
            Step("y", "(3)", lambda gamma, xhat, beta: gamma * xhat + beta),
            Step("dgamma", "(3')", lambda dy, xhat: rows(dy * xhat).sum(0)),
            Step("dbeta", "(3')", lambda dy: rows(dy).sum(0)),
            Step("g", "(3')", lambda dy, gamma: dy * gamma),
            Step("mean_g", "(2')", lambda g: mean(g)),
            Step("mean_gx", "(2')", lambda g, xhat: mean(g * xhat)),
            Step(
                "dx",
                "(2')",
                lambda g, mean_g, xhat, mean_gx, sigma: (g - mean_g - xhat * mean_gx) / sigma,
            ),
        ),
        mistakes=(
            UNBIASED_VARIANCE,
            EPS_1E_5,
            EPS_1E_6,
            mistake(
                "eps-outside-root",
                "eps is added to the standard deviation instead of to the variance.",
                "sigma is sqrt(var + eps), which is at least sqrt(eps) = 1e-6.",
                sigma=lambda var, eps: np.sqrt(var) + eps,
                dx=lambda g, mean_g, centred, var, mean_gx, sigma: (
                    (g - mean_g - centred / np.sqrt(var) * mean_gx) / sigma
                ),
            ),
            mistake(
                "eps-forgotten",
                "There is no eps.",
                "A token of equal features has variance 0, and 0/0 is NaN.",
                eps=lambda: 0.0,
            ),
            mistake(
                "variance-for-sigma",
                "The root is missing: x - mu is divided by the variance.",
                "Only divided by the standard deviation do the features get the variance 1.",
                sigma=lambda var, eps: var + eps,
                dx=lambda g, mean_g, centred, mean_gx, sigma: (
                    (g - mean_g - 2 * centred * mean_gx) / sigma
                ),
            ),
            mistake(
                "over-everything",
                "Mean and variance are taken over the whole array: the axis is missing.",
                "Every token has its own: axis -1, with keepdims=True.",
                **_over(None),
            ),
            mistake(
                "over-tokens",
                "Mean and variance run over the tokens (axis 1) instead of the features.",
                "A token is normalized by itself, whatever stands beside it: axis -1.",
                **_over(1),
            ),
            mistake(
                "over-tokens-and-features",
                "Each sequence has one mean and one variance, over tokens and features (L and D).",
                "Every token has its own, over its D features alone.",
                **_over((1, 2)),
            ),
            mistake(
                "over-batch-and-tokens",
                "Each feature is normalized over batch and tokens, as in batch normalization.",
                "Layer normalization is the other way round: each token, over its features.",
                **_over((0, 1)),
            ),
            mistake(
                "mean-not-subtracted",
                "The mean is not subtracted from x before the division.",
                "xhat is (x - mu) / sigma; the mean belongs in the numerator, too.",
                xhat=lambda x, sigma: x / sigma,
                dx=lambda g, centred, mean_gx, sigma: (g - centred / sigma * mean_gx) / sigma,
            ),
            mistake(
                "no-mean-at-all",
                "The mean is subtracted nowhere, as in RMSNorm: sigma is the root of mean(x^2).",
                "RMSNorm came later, in other models; BERT's layers subtract the mean.",
                mu=lambda x: np.zeros_like(mean(x)),
                mean_g=lambda g: np.zeros_like(mean(g)),
            ),
            GAMMA_AND_BETA_EXCHANGED,
            mistake(
                "beta-inside",
                "beta is added before the product: y = gamma * (xhat + beta).",
                "beta is the new mean, and gamma does not scale it.",
                y=lambda gamma, xhat, beta: gamma * (xhat + beta),
                dgamma=lambda dy, xhat, beta: rows(dy * (xhat + beta)).sum(0),
                dbeta=lambda dy, gamma: rows(dy * gamma).sum(0),
            ),
            mistake(
                "gamma-and-beta-forgotten",
                "gamma and beta are not used: the result is xhat.",
                "The last step is (3), y = gamma * xhat + beta.",
                y=lambda xhat: xhat,
                dgamma=lambda gamma: np.zeros_like(gamma),
                dbeta=lambda beta: np.zeros_like(beta),
                g=lambda dy: dy,
            ),
            mistake(
                "variance-not-centred",
                "The variance is the mean of x^2: the mean is not taken off there.",
                "It is mean((x - mu)^2), or mean(x^2) - mu^2.",
                var=lambda x: mean(x**2),
                dx=lambda g, mean_g, x, mean_gx, sigma: (g - mean_g - x / sigma * mean_gx) / sigma,
            ),
            mistake(
                "sum-for-variance",
                "The squares are summed and not divided by D: each token gets the length 1.",
                "The variance is the mean of the squares.",
                var=lambda centred: total(centred**2),
                mean_gx=lambda g, xhat: total(g * xhat),
            ),
            mistake(
                "variance-over-everything",
                "The mean is each token's own, but one variance of the whole array divides all.",
                "Both are over axis -1, with keepdims=True.",
                var=lambda centred: mean(centred**2, None),
                mean_gx=lambda g, xhat: mean(g * xhat, None),
            ),
            mistake(
                "mean-over-everything",
                "One mean of the whole array is subtracted; only the variance is each token's own.",
                "Both are over axis -1, with keepdims=True.",
                mu=lambda x: mean(x, None),
                mean_g=lambda g, xhat, mean_gx, sigma: (
                    sigma * mean((g - xhat * mean_gx) / sigma, None)
                ),
            ),
            mistake(
                "beta-forgotten",
                "beta is not added.",
                "The last step is (3), y = gamma * xhat + beta.",
                y=lambda gamma, xhat: gamma * xhat,
                dbeta=lambda beta: np.zeros_like(beta),
            ),
            mistake(
                "gamma-forgotten",
                "xhat is not multiplied by gamma: y = xhat + beta.",
                "The last step is (3), y = gamma * xhat + beta.",
                y=lambda xhat, beta: xhat + beta,
                dgamma=lambda gamma: np.zeros_like(gamma),
                g=lambda dy: dy,
            ),
            mistake(
                "gradient-statistics-constant",
                "dx is g / sigma, as if mean and variance did not depend on x.",
                "Every feature moves mu and sigma, which adds the two means of (2').",
                mean_g=lambda g: np.zeros_like(mean(g)),
                mean_gx=lambda g: np.zeros_like(mean(g)),
            ),
            mistake(
                "gradient-mean-forgotten",
                "mean(g) is missing in dx, which is the gradient through mu.",
                "Every x of the token moves mu, and with it every xhat.",
                mean_g=lambda g: np.zeros_like(mean(g)),
            ),
            mistake(
                "gradient-sigma-forgotten",
                "xhat * mean(g * xhat) is missing in dx, which is the gradient through sigma.",
                "Every x of the token moves sigma, and with it every xhat.",
                mean_gx=lambda g: np.zeros_like(mean(g)),
            ),
            mistake(
                "gradient-gamma-outside",
                "gamma stands outside both means in dx instead of inside.",
                "gamma differs from feature to feature: g = dy * gamma first, then the means.",
                g=lambda dy: dy,
                dx=lambda g, mean_g, xhat, mean_gx, sigma, gamma: (
                    gamma * (g - mean_g - xhat * mean_gx) / sigma
                ),
            ),
            mistake(
                "gradient-gamma-forgotten",
                "dx is computed from dy, without gamma.",
                "By (3) xhat's gradient is g = dy * gamma.",
                g=lambda dy: dy,
            ),
            mistake(
                "gradient-sums-for-means",
                "dx subtracts sums over the features where means belong.",
                "mu and var are means, so each x has 1/D of the influence.",
                mean_g=lambda g: total(g),
                mean_gx=lambda g, xhat: total(g * xhat),
            ),
            mistake(
                "gradient-not-divided",
                "dx is not divided by sigma.",
                "A division in the forward is a division in the backward.",
                dx=lambda g, mean_g, xhat, mean_gx: g - mean_g - xhat * mean_gx,
            ),
            mistake(
                "gradient-dgamma-without-xhat",
                "dgamma is the sum of dy, without xhat.",
                "gamma multiplies xhat in (3); the sum of dy alone is dbeta.",
                dgamma=lambda dy: rows(dy).sum(0),
            ),
            mistake(
                "gradient-dgamma-of-x",
                "dgamma is the sum of dy x instead of dy xhat.",
                "What gamma multiplies in (3) is xhat, the normalized x.",
                dgamma=lambda dy, x: rows(dy * x).sum(0),
            ),
            mistake(
                "gradient-over-batch-only",
                "dgamma and dbeta are summed over the batch alone and come out as (L,D).",
                "All tokens share gamma and beta: sum over every axis but the last.",
                dgamma=lambda dy, xhat: (dy * xhat).sum(0),
                dbeta=lambda dy: dy.sum(0),
            ),
            mistake(
                "gradient-dgamma-of-centred",
                "dgamma is the sum of dy (x - mu): the division by sigma is missing.",
                "What gamma multiplies in (3) is xhat, which is divided by sigma.",
                dgamma=lambda dy, centred: rows(dy * centred).sum(0),
            ),
            mistake(
                "gradient-dgamma-of-output",
                "dgamma is the sum of dy y instead of dy xhat.",
                "What gamma multiplies in (3) is xhat, before gamma and beta: cache that, not y.",
                dgamma=lambda dy, y: rows(dy * y).sum(0),
            ),
            mistake(
                "gradient-parameters-of-g",
                "dgamma and dbeta are sums of g = dy gamma instead of dy.",
                "gamma is the factor of xhat's gradient only, on the way to dx.",
                dgamma=lambda g, xhat: rows(g * xhat).sum(0),
                dbeta=lambda g: rows(g).sum(0),
            ),
            mistake(
                "gradient-parameters-averaged",
                "dgamma and dbeta are means over batch and tokens instead of sums.",
                "Each token adds its gradient; the loss does the averaging.",
                dgamma=lambda dy, xhat: rows(dy * xhat).mean(0),
                dbeta=lambda dy: rows(dy).mean(0),
            ),
            mistake(
                "gradient-parameters-averaged-over-batch",
                "dgamma and dbeta are divided by the batch size.",
                "Where the loss is a mean, dy has been divided already.",
                dgamma=lambda dy, xhat: rows(dy * xhat).sum(0) / len(dy),
                dbeta=lambda dy: rows(dy).sum(0) / len(dy),
            ),
            mistake(
                "gradient-over-batch-and-tokens",
                "The means in dx run over batch and tokens, as batch normalization's do.",
                "The backward averages over the axis that the forward normalized, the features.",
                mean_g=lambda g: mean(g, (0, 1)),
                mean_gx=lambda g, xhat: mean(g * xhat, (0, 1)),
            ),
            mistake(
                "gradient-sigma-added",
                "xhat mean(g xhat) is added in dx instead of subtracted.",
                "A larger x makes sigma larger, and every xhat of the token smaller.",
                mean_gx=lambda g, xhat: -mean(g * xhat),
            ),
            mistake(
                "gradient-divided-by-variance",
                "dx is divided by the variance instead of sigma.",
                "The forward divides by sigma, the root.",
                dx=lambda g, mean_g, xhat, mean_gx, sigma: (g - mean_g - xhat * mean_gx) / sigma**2,
            ),
            mistake(
                "gradient-centred-for-xhat",
                "dx has x - mu in both places where xhat belongs, without the division by sigma.",
                "Divide by sigma first; in (2') both factors are the normalized xhat.",
                dx=lambda g, mean_g, centred, sigma: (
                    (g - mean_g - centred * mean(g * centred)) / sigma
                ),
            ),
            mistake(
                "gradient-centred-for-one-xhat",
                "In one of the two factors xhat of dx stands x - mu: it lacks a division by sigma.",
                "In (2') both factors are the normalized xhat.",
                mean_gx=lambda g, centred: mean(g * centred),
            ),
        ),
    ),
)
