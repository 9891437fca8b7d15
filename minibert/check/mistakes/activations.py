"""GELU in both forms, tanh and relu, and what goes wrong in them.

The numbers are those of `minibert.ops.gelu`, (1) the erf form and (2) the tanh form, and of
`minibert.ops.activations`, (1) tanh and (2) relu; primed, their gradients.
"""

import math

import numpy as np

from minibert import ops
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    return {"x": 2 * rng.standard_normal((z.B, z.L, z.D))}


def _inputs_with_zeros(rng, z):
    x = 2 * rng.standard_normal((z.B, z.L, z.D))
    x[:, :, ::3] = 0
    return {"x": x}


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def tanh_cdf(x):
    """What stands for the normal distribution function in the tanh form."""
    return 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def tanh_pdf(x):
    """The derivative of `tanh_cdf`."""
    cdf = tanh_cdf(x)
    return 2 * cdf * (1 - cdf) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)


GELU = Steps(
    op="gelu",
    formula="gelu",
    signature="x (B,L,D) -> y (B,L,D)",
    gradient="dx",
    make=_inputs,
    steps=(
        Step("cdf", "(1)", lambda x: 0.5 * (1 + ops.erf(x / math.sqrt(2)))),
        Step("y", "(1)", lambda x, cdf: x * cdf),
        Step("pdf", "(1')", lambda x: np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)),
        Step("slope", "(1')", lambda cdf, x, pdf: cdf + x * pdf),
        Step("dx", "(1')", lambda dy, slope: dy * slope),
    ),
    mistakes=(
        mistake(
            "tanh-form",
            "The tanh approximation, or its derivative, stands for the erf form.",
            "BERT's gelu is the erf form; the two differ by up to 4.7e-4, the derivatives by 9e-4.",
            cdf=lambda x: tanh_cdf(x),
            pdf=lambda x: tanh_pdf(x),
        ),
        mistake(
            "sigmoid-form",
            "The approximation x * sigmoid(1.702 x) stands for the erf form.",
            "It is off by up to 2e-2: weights trained with one form want that form.",
            cdf=lambda x: sigmoid(1.702 * x),
            pdf=lambda x, cdf: 1.702 * cdf * (1 - cdf),
        ),
        mistake(
            "silu",
            "The function is x * sigmoid(x), which is SiLU.",
            "GELU weighs x with the normal distribution function, which is steeper.",
            cdf=lambda x: sigmoid(x),
            pdf=lambda cdf: cdf * (1 - cdf),
        ),
        mistake(
            "relu",
            "The function is relu.",
            "GELU is smooth, and a little below 0 for negative x.",
            y=lambda x: np.maximum(x, 0),
            slope=lambda x: x > 0,
        ),
        mistake(
            "root-forgotten",
            "erf gets x instead of x / sqrt(2).",
            "erf belongs to a spread of 1/sqrt(2); the normal distribution's spread is 1.",
            cdf=lambda x: 0.5 * (1 + ops.erf(x)),
            pdf=lambda x: np.exp(-(x**2)) / math.sqrt(math.pi),
        ),
        mistake(
            "half-forgotten",
            "The factor 1/2 is missing.",
            "1 + erf goes up to 2, Phi is half of it: for large x gelu(x) is x.",
            cdf=lambda x: 1 + ops.erf(x / math.sqrt(2)),
            pdf=lambda x: np.exp(-(x**2) / 2) * math.sqrt(2 / math.pi),
        ),
        mistake(
            "one-forgotten",
            "The 1 + before erf is missing.",
            "Phi(x) = (1 + erf(x / sqrt 2)) / 2 runs from 0 to 1, erf from -1 to 1.",
            cdf=lambda x: 0.5 * ops.erf(x / math.sqrt(2)),
        ),
        mistake(
            "gradient-phi-alone",
            "dx is dy Phi(x): the term x phi(x) is missing.",
            "x occurs twice in x Phi(x), so that its derivative has two terms.",
            slope=lambda cdf: cdf,
        ),
        mistake(
            "gradient-x-forgotten",
            "The second term of the derivative is phi(x) instead of x phi(x).",
            "The derivative of x Phi(x) is Phi(x) + x phi(x).",
            slope=lambda cdf, pdf: cdf + pdf,
        ),
        mistake(
            "gradient-inner-forgotten",
            "The derivative of erf(x / sqrt 2) lacks the inner factor 1 / sqrt(2).",
            "The chain rule: erf'(u) = 2/sqrt(pi) exp(-u^2), times du/dx = 1/sqrt(2).",
            pdf=lambda x: np.exp(-(x**2) / 2) / math.sqrt(math.pi),
        ),
        mistake(
            "gradient-pdf-not-normalized",
            "The density phi(x) lacks its factor 1 / sqrt(2 pi).",
            "phi is the derivative of Phi: exp(-x^2/2) / sqrt(2 pi).",
            pdf=lambda x: np.exp(-(x**2) / 2),
        ),
        mistake(
            "gradient-upstream-forgotten",
            "dx is the derivative alone, not multiplied by dy.",
            "A backward returns the loss's gradient: dy times the derivative.",
            dx=lambda slope: slope,
        ),
    ),
)

GELU_TANH = Steps(
    op="gelu_tanh",
    formula="gelu-tanh",
    signature="x (B,L,D) -> y (B,L,D)",
    gradient="dx",
    make=_inputs,
    steps=(
        Step("a", "(2)", lambda: 0.044715),
        Step("factor", "(2)", lambda: math.sqrt(2 / math.pi)),
        Step("u", "(2)", lambda factor, x, a: factor * (x + a * x**3)),
        Step("t", "(2)", lambda u: np.tanh(u)),
        Step("weight", "(2)", lambda t: 0.5 * (1 + t)),
        Step("y", "(2)", lambda x, weight: x * weight),
        Step("du", "(2')", lambda factor, x, a: factor * (1 + 3 * a * x**2)),
        Step("dt", "(2')", lambda t, du: (1 - t**2) * du),
        Step("dweight", "(2')", lambda dt: 0.5 * dt),
        Step("slope", "(2')", lambda weight, x, dweight: weight + x * dweight),
        Step("dx", "(2')", lambda dy, slope: dy * slope),
    ),
    mistakes=(
        mistake(
            "erf-form",
            "The erf form, or its derivative, stands for the tanh form.",
            "They differ by up to 4.7e-4 and are functions of their own.",
            t=lambda x: ops.erf(x / math.sqrt(2)),
            dt=lambda x: math.sqrt(2 / math.pi) * np.exp(-(x**2) / 2),
        ),
        mistake(
            "sigmoid-form",
            "The approximation x * sigmoid(1.702 x) stands for the tanh form.",
            "It is a third form, off by up to 2e-2.",
            t=lambda x: 2 * sigmoid(1.702 * x) - 1,
            dt=lambda t: 0.851 * (1 - t**2),
        ),
        mistake(
            "factor-forgotten",
            "The factor sqrt(2/pi) before the bracket is missing.",
            "It gives the tanh the slope of the normal distribution at 0.",
            factor=lambda: 1.0,
        ),
        mistake(
            "factor-not-rooted",
            "The factor is 2/pi instead of sqrt(2/pi).",
            "The root goes over the whole fraction.",
            factor=lambda: 2 / math.pi,
        ),
        mistake(
            "factor-half-rooted",
            "The factor is sqrt(2) / pi instead of sqrt(2 / pi).",
            "The root goes over the whole fraction.",
            factor=lambda: math.sqrt(2) / math.pi,
        ),
        mistake(
            "cube-outside",
            "The factor sqrt(2/pi) multiplies x alone, not the cube.",
            "u = sqrt(2/pi) (x + 0.044715 x^3): mind the bracket.",
            u=lambda factor, x, a: factor * x + a * x**3,
            du=lambda factor, x, a: factor + 3 * a * x**2,
        ),
        mistake(
            "decimal-point",
            "The coefficient of x^3 is 0.44715 instead of 0.044715.",
            "There is a zero behind the point.",
            a=lambda: 0.44715,
        ),
        mistake(
            "half-forgotten",
            "The factor 1/2 is missing.",
            "1 + tanh goes up to 2: for large x gelu(x) is x.",
            weight=lambda t: 1 + t,
            dweight=lambda dt: dt,
        ),
        mistake(
            "one-forgotten",
            "The 1 + before tanh is missing.",
            "(1 + tanh u) / 2 runs from 0 to 1, tanh from -1 to 1.",
            weight=lambda t: 0.5 * t,
        ),
        mistake(
            "gradient-tanh-constant",
            "dx is dy (1 + tanh u) / 2: the term with the derivative of tanh is missing.",
            "x occurs outside and inside the tanh, so that there are two terms.",
            slope=lambda weight: weight,
        ),
        mistake(
            "gradient-inner-forgotten",
            "The derivative of u is missing in the second term.",
            "The chain rule goes on inside the tanh: (1 - tanh^2 u) du/dx.",
            dt=lambda t: 1 - t**2,
        ),
        mistake(
            "gradient-three-forgotten",
            "The derivative of a x^3 is taken as a x^2, without the 3.",
            "du/dx = sqrt(2/pi) (1 + 3 a x^2).",
            du=lambda factor, x, a: factor * (1 + a * x**2),
        ),
        mistake(
            "gradient-upstream-forgotten",
            "dx is the derivative alone, not multiplied by dy.",
            "A backward returns the loss's gradient: dy times the derivative.",
            dx=lambda slope: slope,
        ),
    ),
)

TANH = Steps(
    op="tanh",
    formula="tanh",
    signature="x (B,L,D) -> y (B,L,D)",
    gradient="dx",
    make=_inputs,
    steps=(
        Step("y", "(1)", lambda x: np.tanh(x)),
        Step("slope", "(1')", lambda y: 1 - y**2),
        Step("dx", "(1')", lambda dy, slope: dy * slope),
    ),
    mistakes=(
        mistake(
            "sigmoid",
            "The function is the sigmoid.",
            "tanh runs from -1 to 1: it is 2 sigmoid(2x) - 1.",
            y=lambda x: sigmoid(x),
            slope=lambda y: y * (1 - y),
        ),
        mistake(
            "half-argument",
            "The function is (e^x - 1) / (e^x + 1), which is tanh(x/2).",
            "With one exponential it is (e^2x - 1) / (e^2x + 1).",
            y=lambda x: np.tanh(x / 2),
            slope=lambda y: (1 - y**2) / 2,
        ),
        mistake(
            "gradient-of-input",
            "The derivative is 1 - x^2 instead of 1 - y^2.",
            "y is the result of tanh: cache that, not x.",
            slope=lambda x: 1 - x**2,
        ),
        mistake(
            "gradient-tanh-twice",
            "The derivative is 1 - tanh(y)^2: tanh is taken of its own result.",
            "1 - tanh(x)^2 is of the input x; with the result y it is 1 - y^2.",
            slope=lambda y: 1 - np.tanh(y) ** 2,
        ),
        mistake(
            "gradient-of-sigmoid",
            "The derivative is y (1 - y), which is the sigmoid's.",
            "For tanh it is 1 - y^2.",
            slope=lambda y: y * (1 - y),
        ),
        mistake(
            "gradient-upstream-forgotten",
            "dx is the derivative alone, not multiplied by dy.",
            "A backward returns the loss's gradient: dy times the derivative.",
            dx=lambda slope: slope,
        ),
    ),
)

RELU = Steps(
    op="relu",
    formula="relu",
    signature="x (B,L,D) -> y (B,L,D)",
    gradient="dx",
    make=_inputs_with_zeros,
    steps=(
        Step("y", "(2)", lambda x: np.maximum(x, 0)),
        Step("slope", "(2')", lambda x: (x > 0) * 1.0),
        Step("dx", "(2')", lambda dy, slope: dy * slope),
    ),
    mistakes=(
        mistake(
            "leaky",
            "Negative x are multiplied by 0.01, as in leaky relu.",
            "relu is 0 for every negative x.",
            y=lambda x: np.where(x > 0, x, 0.01 * x),
            slope=lambda x: np.where(x > 0, 1, 0.01),
        ),
        mistake(
            "minimum",
            "The smaller of x and 0 is taken: negative x stay, positive ones go.",
            "relu keeps what is positive: np.maximum(x, 0).",
            y=lambda x: np.minimum(x, 0),
            slope=lambda x: x < 0,
        ),
        mistake(
            "absolute",
            "The result is |x|.",
            "Negative x become 0, not positive.",
            y=lambda x: np.abs(x),
            slope=lambda x: np.sign(x),
        ),
        mistake(
            "gradient-at-zero",
            "At x = 0 the gradient is dy instead of 0.",
            "There is no derivative at 0; as in PyTorch it counts as 0: x > 0, not x >= 0.",
            slope=lambda x: x >= 0,
        ),
        mistake(
            "gradient-not-masked",
            "dx is dy everywhere, also where x is negative.",
            "Where x is negative y stays 0, whatever x does: no gradient.",
            slope=lambda x: np.ones_like(x),
        ),
        mistake(
            "gradient-of-upstream",
            "dx is dy where dy is positive, instead of where x is.",
            "The sign of x decides: keep x > 0 in the cache.",
            slope=lambda dy: dy > 0,
        ),
        mistake(
            "gradient-upstream-forgotten",
            "dx is the derivative alone, not multiplied by dy.",
            "A backward returns the loss's gradient: dy times the derivative.",
            dx=lambda slope: slope,
        ),
    ),
)

FORMULAS = (GELU, GELU_TANH, TANH, RELU)
