"""The fused layers of a block, and what goes wrong in them.

They are those of `minibert.ops.fused`. In `linear_gelu` (1) is the linear layer and (2) GELU; in
`linear_add_layernorm` (1) is the sum, (2) the normalized and (3) the result; primed, backwards.
"""

import math

import numpy as np

from minibert import ops
from minibert.check.cases.inputs import gamma, hidden, weight
from minibert.check.mistakes.activations import tanh_cdf, tanh_pdf
from minibert.check.mistakes.layers import linear_inputs
from minibert.check.mistakes.notation import mean, rows, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _add_inputs(rng, z):
    x, residual = hidden(rng, z.B, z.L, z.F), hidden(rng, z.B, z.L, z.D)
    b = 0.02 * rng.standard_normal(z.D)
    x[0, 0] *= 0.01  # a token of small variance: how large eps is shows here
    residual[0, 0] *= 0.01
    parameters = {"gamma": gamma(rng, z.D), "beta": rng.standard_normal(z.D)}
    return {"x": x, "w": weight(rng, z.D, z.F), "b": b, "residual": residual} | parameters


def _cdf(x):
    return 0.5 * (1 + ops.erf(x / math.sqrt(2)))


def _pdf(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


LINEAR_GELU = Steps(
    op="linear_gelu",
    formula="linear-gelu",
    signature="x (B,L,D), w (F,D), b (F) -> y (B,L,F)",
    gradient="dx, dw, db",
    make=linear_inputs,
    steps=(
        Step("product", "(1)", lambda x, w: x @ w.T),
        Step("h", "(1)", lambda product, b: product + b),
        Step("cdf", "(2)", lambda h: _cdf(h)),
        Step("y", "(2)", lambda h, cdf: h * cdf),
        Step("pdf", "(2')", lambda h: _pdf(h)),
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
            product=lambda x, w: (x * _cdf(x)) @ w.T,
            y=lambda h: h,
            slope=lambda h: np.ones_like(h),
            dx=lambda dh, w, x: dh @ w * (_cdf(x) + x * _pdf(x)),
            dw=lambda dh, x: rows(dh).T @ rows(x * _cdf(x)),
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
            "gradient-phi-alone",
            "GELU's derivative is taken as Phi(h): the term h phi(h) is missing.",
            "The derivative of h Phi(h) has two terms.",
            slope=lambda cdf: cdf,
        ),
        mistake(
            "gradient-gelu-of-output",
            "GELU's derivative is taken at the result y instead of at its input h.",
            "Cache h, which went into GELU.",
            slope=lambda y: _cdf(y) + y * _pdf(y),
        ),
        mistake(
            "gradient-parameters-of-dy",
            "dw and db are computed from dy instead of dh.",
            "They are behind GELU, too: dh = dy times its derivative comes first.",
            dw=lambda dy, x: rows(dy).T @ rows(x),
            db=lambda dy: rows(dy).sum(0),
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
        mistake(
            "eps-1e-5",
            "eps is 1e-5 instead of 1e-12.",
            "1e-5 is PyTorch's default; BERT's layers are made with 1e-12.",
            eps=lambda: 1e-5,
        ),
        mistake(
            "unbiased-variance",
            "The variance is divided by D - 1 instead of D.",
            "It describes these D features and estimates nothing: ddof=0, unbiased=False.",
            var=lambda centred: total(centred**2) / (centred.shape[-1] - 1),
            mean_gx=lambda g, xhat: total(g * xhat) / (xhat.shape[-1] - 1),
        ),
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
            ds=lambda g, sigma: g / sigma,
        ),
    ),
)

FORMULAS = (LINEAR_GELU, LINEAR_ADD_LAYERNORM)
