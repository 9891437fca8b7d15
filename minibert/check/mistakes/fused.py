"""The fused layers of a block, and what goes wrong in them.

They are those of `minibert.ops.fused`. In `linear_gelu` (1) is the linear layer and (2) GELU; in
`linear_add_layernorm` (1) is the sum, (2) the normalized and (3) the result; primed, backwards.
"""

import math

import numpy as np

from minibert import ops
from minibert.check.cases.inputs import gamma, hidden, weight
from minibert.check.mistakes.gelu import normal_cdf, normal_pdf, tanh_cdf, tanh_pdf
from minibert.check.mistakes.layernorm import (
    EPS_1E_5,
    EPS_1E_6,
    GAMMA_AND_BETA_EXCHANGED,
    UNBIASED_VARIANCE,
)
from minibert.check.mistakes.layers import linear_inputs
from minibert.check.mistakes.notation import mean, rows, sigmoid
from minibert.check.mistakes.steps import Step, Steps, mistake


def _add_inputs(rng, z):
    x, residual = hidden(rng, z.B, z.L, z.F), hidden(rng, z.B, z.L, z.D)
    b = 0.02 * rng.standard_normal(z.D)
    x[0, 0] *= 0.01  # a token of small variance: how large eps is shows here
    residual[0, 0] *= 0.01
    parameters = {"gamma": gamma(rng, z.D), "beta": rng.standard_normal(z.D)}
    return {"x": x, "w": weight(rng, z.D, z.F), "b": b, "residual": residual} | parameters


LINEAR_GELU = Steps(
    op="linear_gelu",
    formula="linear-gelu",
    signature="x (B,L,D), w (F,D), b (F) -> y (B,L,F)",
    gradient="dx, dw, db",
    make=linear_inputs,
    steps=(
        Step("product", "(1)", lambda x, w: x @ w.T),
        Step("h", "(1)", lambda product, b: product + b),
        Step("cdf", "(2)", lambda h: normal_cdf(h)),
        Step("y", "(2)", lambda h, cdf: h * cdf),
        Step("pdf", "(2')", lambda h: normal_pdf(h)),
        Step("slope", "(2')", lambda cdf, h, pdf: cdf + h * pdf),
        Step("dh", "(2')", lambda dy, slope: dy * slope),
        Step("dx", "(1')", lambda dh, w: dh @ w),
        Step("dw", "(1')", lambda dh, x: rows(dh).T @ rows(x)),
        Step("db", "(1')", lambda dh: rows(dh).sum(0)),
    ),
    mistakes=(
        mistake(
            "tanh-form",
            "GELU's tanh approximation, or its derivative, stands for the erf form.",
            "BERT's gelu is the erf form; the two differ by up to 4.7e-4.",
            cdf=lambda h: tanh_cdf(h),
            pdf=lambda h: tanh_pdf(h),
        ),
        mistake(
            "sigmoid-form",
            "The approximation h * sigmoid(1.702 h) stands for the erf form.",
            "It is off by up to 2e-2; BERT's gelu is the erf form.",
            cdf=lambda h: sigmoid(1.702 * h),
            pdf=lambda h, cdf: 1.702 * cdf * (1 - cdf),
        ),
        mistake(
            "relu",
            "The activation is relu instead of GELU.",
            "The first Transformer has relu here, BERT has GELU.",
            y=lambda h: np.maximum(h, 0),
            slope=lambda h: h > 0,
        ),
        mistake(
            "gelu-left-out",
            "GELU is left out, in the forward or on the way back.",
            "Forward h Phi(h); backward dy times Phi(h) + h phi(h), before the linear layer.",
            y=lambda h: h,
            slope=lambda h: np.ones_like(h),
        ),
        mistake(
            "gelu-first",
            "GELU is applied to x, before the linear layer instead of after it.",
            "The hidden layer, of size F, is what gets the activation.",
            product=lambda x, w: (x * normal_cdf(x)) @ w.T,
            y=lambda h: h,
            slope=lambda h: np.ones_like(h),
            dx=lambda dh, w, x: dh @ w * (normal_cdf(x) + x * normal_pdf(x)),
            dw=lambda dh, x: rows(dh).T @ rows(x * normal_cdf(x)),
        ),
        mistake(
            "bias-after",
            "The bias is added after GELU.",
            "It belongs to the linear layer: gelu(x W^T + b).",
            h=lambda product: product,
            y=lambda h, cdf, b: h * cdf + b,
            db=lambda dy: rows(dy).sum(0),
        ),
        mistake(
            "bias-forgotten",
            "The bias is not added.",
            "gelu(x W^T + b).",
            h=lambda product: product,
            db=lambda b: np.zeros_like(b),
        ),
        mistake(
            "root-forgotten",
            "erf gets h instead of h / sqrt(2).",
            "erf belongs to a spread of 1/sqrt(2); the normal distribution's spread is 1.",
            cdf=lambda h: normal_cdf(math.sqrt(2) * h),
            pdf=lambda h: math.sqrt(2) * normal_pdf(math.sqrt(2) * h),
        ),
        mistake(
            "root-outside",
            "erf(h) is divided by sqrt(2), instead of h before erf is taken.",
            "Phi(h) = (1 + erf(h / sqrt 2)) / 2: the root stands inside, beside h.",
            cdf=lambda h: 0.5 * (1 + ops.erf(h) / math.sqrt(2)),
            pdf=lambda h: normal_pdf(math.sqrt(2) * h),
        ),
        mistake(
            "gradient-phi-alone",
            "GELU's derivative is taken as Phi(h): the term h phi(h) is missing.",
            "The derivative of h Phi(h) has two terms.",
            slope=lambda cdf: cdf,
        ),
        mistake(
            "gradient-gelu-of-output",
            "GELU's derivative is taken at the result y instead of at its input h.",
            "Cache h, which went into GELU.",
            slope=lambda y: normal_cdf(y) + y * normal_pdf(y),
        ),
        mistake(
            "gradient-parameters-of-dy",
            "dw and db are computed from dy instead of dh.",
            "They are behind GELU, too: dh = dy times its derivative comes first.",
            dw=lambda dy, x: rows(dy).T @ rows(x),
            db=lambda dy: rows(dy).sum(0),
        ),
        mistake(
            "gradient-h-forgotten",
            "The second term of GELU's derivative is phi(h) instead of h phi(h).",
            "The derivative of h Phi(h) is Phi(h) + h phi(h).",
            slope=lambda cdf, pdf: cdf + pdf,
        ),
        mistake(
            "gradient-pdf-not-normalized",
            "The density phi(h) lacks its factor 1 / sqrt(2 pi).",
            "phi is the derivative of Phi: exp(-h^2/2) / sqrt(2 pi).",
            pdf=lambda h: np.exp(-(h**2) / 2),
        ),
        mistake(
            "gradient-two-pi-not-rooted",
            "The density phi(h) is divided by 2 pi instead of sqrt(2 pi).",
            "phi is the derivative of Phi: exp(-h^2/2) / sqrt(2 pi).",
            pdf=lambda h: np.exp(-(h**2) / 2) / (2 * math.pi),
        ),
        mistake(
            "gradient-averaged",
            "dw and db are divided by the batch size.",
            "Where the loss is a mean, dy has been divided already.",
            dw=lambda dh, x: rows(dh).T @ rows(x) / len(x),
            db=lambda dh: rows(dh).sum(0) / len(dh),
        ),
        mistake(
            "gradient-db-averaged",
            "db is the mean of dh over the rows instead of the sum.",
            "Each row adds its gradient; the loss does the averaging.",
            db=lambda dh: rows(dh).mean(0),
        ),
    ),
)

LINEAR_ADD_LAYERNORM = Steps(
    op="linear_add_layernorm",
    formula="linear-add-layernorm",
    signature="x (B,L,F), w (D,F), b (D), residual (B,L,D), gamma (D), beta (D) -> y (B,L,D)",
    gradient="dx, dw, db, dresidual, dgamma, dbeta",
    make=_add_inputs,
    steps=(
        Step("h", "(1)", lambda x, w, b: x @ w.T + b),
        Step("s", "(1)", lambda residual, h: residual + h),
        Step("eps", "(2)", lambda: 1e-12),
        Step("centred", "(2)", lambda s: s - mean(s)),
        Step("var", "(2)", lambda centred: mean(centred**2)),
        Step("sigma", "(2)", lambda var, eps: np.sqrt(var + eps)),
        Step("xhat", "(2)", lambda centred, sigma: centred / sigma),
        Step("y", "(3)", lambda gamma, xhat, beta: gamma * xhat + beta),
        Step("dgamma", "(3')", lambda dy, xhat: rows(dy * xhat).sum(0)),
        Step("dbeta", "(3')", lambda dy: rows(dy).sum(0)),
        Step("g", "(3')", lambda dy, gamma: dy * gamma),
        Step("mean_g", "(2')", lambda g: mean(g)),
        Step("mean_gx", "(2')", lambda g, xhat: mean(g * xhat)),
        Step(
            "ds",
            "(2')",
            lambda g, mean_g, xhat, mean_gx, sigma: (g - mean_g - xhat * mean_gx) / sigma,
        ),
        Step("dresidual", "(1')", lambda ds: ds),
        Step("dh", "(1')", lambda ds: ds),
        Step("dx", "(1')", lambda dh, w: dh @ w),
        Step("dw", "(1')", lambda dh, x: rows(dh).T @ rows(x)),
        Step("db", "(1')", lambda dh: rows(dh).sum(0)),
    ),
    mistakes=(
        mistake(
            "residual-forgotten",
            "The residual is not added.",
            "s = residual + x W^T + b is what gets normalized.",
            s=lambda h: h,
            dresidual=lambda residual: np.zeros_like(residual),
        ),
        mistake(
            "residual-after",
            "The residual is added after the LayerNorm instead of before it.",
            "BERT's blocks are post-LN: LayerNorm(residual + sublayer).",
            s=lambda h: h,
            y=lambda gamma, xhat, beta, residual: gamma * xhat + beta + residual,
            dresidual=lambda dy: dy,
        ),
        mistake(
            "residual-normalized",
            "The residual alone is normalized, and the linear layer's result added to that.",
            "The LayerNorm comes last, over the sum of both.",
            s=lambda residual: residual,
            y=lambda gamma, xhat, beta, h: gamma * xhat + beta + h,
            dh=lambda dy: dy,
        ),
        mistake(
            "layernorm-forgotten",
            "The sum is not normalized.",
            "Each half of BERT's blocks ends in a LayerNorm.",
            y=lambda s: s,
            dgamma=lambda gamma: np.zeros_like(gamma),
            dbeta=lambda beta: np.zeros_like(beta),
            ds=lambda dy: dy,
        ),
        mistake(
            "bias-forgotten",
            "The linear layer's bias is not added.",
            "s = residual + x W^T + b.",
            h=lambda x, w: x @ w.T,
            db=lambda b: np.zeros_like(b),
        ),
        EPS_1E_5,
        EPS_1E_6,
        UNBIASED_VARIANCE,
        mistake(
            "over-tokens",
            "Mean and variance run over the tokens (axis 1) instead of the features.",
            "A token is normalized by itself, whatever stands beside it: axis -1.",
            centred=lambda s: s - mean(s, 1),
            var=lambda centred: mean(centred**2, 1),
            mean_g=lambda g: mean(g, 1),
            mean_gx=lambda g, xhat: mean(g * xhat, 1),
        ),
        mistake(
            "over-everything",
            "Mean and variance are taken over the whole array: the axis is missing.",
            "Every token has its own: axis -1, with keepdims=True.",
            centred=lambda s: s - mean(s, None),
            var=lambda centred: mean(centred**2, None),
            mean_g=lambda g: mean(g, None),
            mean_gx=lambda g, xhat: mean(g * xhat, None),
        ),
        mistake(
            "variance-for-sigma",
            "The root is missing: s - mu is divided by the variance.",
            "Only divided by the standard deviation do the features get the variance 1.",
            sigma=lambda var, eps: var + eps,
            ds=lambda g, mean_g, centred, mean_gx, sigma: (
                (g - mean_g - 2 * centred * mean_gx) / sigma
            ),
        ),
        GAMMA_AND_BETA_EXCHANGED,
        mistake(
            "gradient-residual-not-normalized",
            "dresidual is dy, as if the residual went around the LayerNorm.",
            "The residual is inside: its gradient is that of the sum, ds.",
            dresidual=lambda dy: dy,
        ),
        mistake(
            "gradient-residual-forgotten",
            "The residual gets no gradient.",
            "A sum gives its gradient to both: dresidual = ds, like that of the linear layer.",
            dresidual=lambda residual: np.zeros_like(residual),
        ),
        mistake(
            "gradient-linear-of-dy",
            "dx, dw and db are computed from dy, without the LayerNorm's backward.",
            "First back through the LayerNorm, to ds; then through the linear layer.",
            dh=lambda dy: dy,
        ),
        mistake(
            "gradient-statistics-constant",
            "The LayerNorm's backward is g / sigma, as if mean and variance were constants.",
            "Every feature moves mu and sigma, which adds two means.",
            mean_g=lambda g: np.zeros_like(mean(g)),
            mean_gx=lambda g: np.zeros_like(mean(g)),
        ),
        mistake(
            "gradient-mean-forgotten",
            "mean(g) is missing in the LayerNorm's backward, the gradient through mu.",
            "Every feature of the sum moves mu, and with it every xhat.",
            mean_g=lambda g: np.zeros_like(mean(g)),
        ),
        mistake(
            "gradient-sigma-forgotten",
            "xhat * mean(g * xhat) is missing in the LayerNorm's backward.",
            "Every feature of the sum moves sigma, and with it every xhat.",
            mean_gx=lambda g: np.zeros_like(mean(g)),
        ),
        mistake(
            "gradient-gamma-forgotten",
            "The LayerNorm's backward goes on with dy, without gamma.",
            "By (3) xhat's gradient is g = dy * gamma.",
            g=lambda dy: dy,
        ),
        mistake(
            "gradient-dgamma-of-sum",
            "dgamma is the sum of dy s instead of dy xhat.",
            "What gamma multiplies in (3) is xhat, the normalized sum.",
            dgamma=lambda dy, s: rows(dy * s).sum(0),
        ),
        mistake(
            "gradient-dgamma-of-centred",
            "dgamma is the sum of dy (s - mu): the division by sigma is missing.",
            "What gamma multiplies in (3) is xhat, which is divided by sigma.",
            dgamma=lambda dy, centred: rows(dy * centred).sum(0),
        ),
        mistake(
            "gradient-residual-of-both",
            "dresidual is ds + dy, as if there were a second way around the LayerNorm.",
            "The residual is added once, before the LayerNorm: its gradient is ds.",
            dresidual=lambda ds, dy: ds + dy,
        ),
        mistake(
            "gradient-averaged",
            "dw and db are divided by the batch size.",
            "Where the loss is a mean, dy has been divided already.",
            dw=lambda dh, x: rows(dh).T @ rows(x) / len(x),
            db=lambda dh: rows(dh).sum(0) / len(dh),
        ),
    ),
)

FORMULAS = (LINEAR_GELU, LINEAR_ADD_LAYERNORM)
