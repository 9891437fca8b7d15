"""GELU in both forms, and what goes wrong in it.

The numbers are those of `minibert.ops.gelu`, (1) the erf form and (2) the tanh form; primed, their
gradients.
"""

import math

import numpy as np

from minibert import ops
from minibert.check.mistakes.notation import sigmoid
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    return {"x": 2 * rng.standard_normal((z.B, z.L, z.D))}


def normal_cdf(x):
    """The normal distribution function Phi."""
    return 0.5 * (1 + ops.erf(x / math.sqrt(2)))


def normal_pdf(x):
    """The normal density phi."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


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
            "root-outside",
            "erf(x) is divided by sqrt(2), instead of x before erf is taken.",
            "Phi(x) = (1 + erf(x / sqrt 2)) / 2: the root stands inside, beside x.",
            cdf=lambda x: 0.5 * (1 + ops.erf(x) / math.sqrt(2)),
            pdf=lambda x: np.exp(-(x**2)) / math.sqrt(2 * math.pi),
        ),
        mistake(
            "two-for-root",
            "erf gets x / 2 instead of x / sqrt(2).",
            "exp(-x^2/2) is exp(-u^2) with u = x / sqrt(2).",
            cdf=lambda x: 0.5 * (1 + ops.erf(x / 2)),
            pdf=lambda x: np.exp(-(x**2) / 4) / (2 * math.sqrt(math.pi)),
        ),
        mistake(
            "one-not-halved",
            "Only erf is multiplied by 1/2, not the 1: 1 + erf / 2.",
            "Phi(x) = (1 + erf(x / sqrt 2)) / 2: mind the bracket.",
            cdf=lambda x: 1 + 0.5 * ops.erf(x / math.sqrt(2)),
        ),
        mistake(
            "erf-not-halved",
            "Only the 1 is multiplied by 1/2, not erf: 1/2 + erf.",
            "Phi(x) = (1 + erf(x / sqrt 2)) / 2: mind the bracket.",
            cdf=lambda x: 0.5 + ops.erf(x / math.sqrt(2)),
            pdf=lambda x: np.exp(-(x**2) / 2) * math.sqrt(2 / math.pi),
        ),
        mistake(
            "x-forgotten",
            "Phi(x) is not multiplied by x.",
            "GELU weighs x: x Phi(x).",
            y=lambda cdf: cdf,
            slope=lambda pdf: pdf,
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
        mistake(
            "gradient-two-pi-not-rooted",
            "The density phi(x) is divided by 2 pi instead of sqrt(2 pi).",
            "phi is the derivative of Phi: exp(-x^2/2) / sqrt(2 pi).",
            pdf=lambda x: np.exp(-(x**2) / 2) / (2 * math.pi),
        ),
        mistake(
            "gradient-pi-not-rooted",
            "The density phi(x) is divided by sqrt(2) pi instead of sqrt(2 pi).",
            "The root goes over the whole product.",
            pdf=lambda x: np.exp(-(x**2) / 2) / (math.sqrt(2) * math.pi),
        ),
        mistake(
            "gradient-exponent-not-halved",
            "The density phi(x) has exp(-x^2) instead of exp(-x^2/2).",
            "phi is the derivative of Phi: exp(-x^2/2) / sqrt(2 pi).",
            pdf=lambda x: np.exp(-(x**2)) / math.sqrt(2 * math.pi),
        ),
        mistake(
            "gradient-first-term-forgotten",
            "dx is dy x phi(x): the term Phi(x) is missing.",
            "x occurs twice in x Phi(x), so that its derivative has two terms.",
            slope=lambda x, pdf: x * pdf,
        ),
        mistake(
            "gradient-of-output",
            "The derivative is taken at the result y instead of at x.",
            "Cache x, which went into GELU.",
            slope=lambda y: normal_cdf(y) + y * normal_pdf(y),
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
            "factor-inverted",
            "The factor is sqrt(pi/2) instead of sqrt(2/pi).",
            "It is about 0.8, twice the density's height at 0.",
            factor=lambda: math.sqrt(math.pi / 2),
        ),
        mistake(
            "factor-two-not-rooted",
            "The factor is 2 / sqrt(pi) instead of sqrt(2 / pi).",
            "2 / sqrt(pi) is erf's; here the root goes over the whole fraction.",
            factor=lambda: 2 / math.sqrt(math.pi),
        ),
        mistake(
            "square-for-cube",
            "The bracket has x^2 instead of x^3.",
            "u is odd in x, like tanh itself: sqrt(2/pi) (x + 0.044715 x^3).",
            u=lambda factor, x, a: factor * (x + a * x**2),
            du=lambda factor, x, a: factor * (1 + 2 * a * x),
        ),
        mistake(
            "x-forgotten",
            "(1 + tanh u) / 2 is not multiplied by x.",
            "It is the weight of x: x (1 + tanh u) / 2.",
            y=lambda weight: weight,
            slope=lambda dweight: dweight,
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
        mistake(
            "gradient-tanh-not-squared",
            "The derivative of tanh is taken as 1 - tanh u, without the square.",
            "It is 1 - tanh^2 u.",
            dt=lambda t, du: (1 - t) * du,
        ),
        mistake(
            "gradient-tanh-of-input",
            "The derivative of tanh is taken as 1 - u^2 instead of 1 - tanh^2 u.",
            "The square is of tanh's result.",
            dt=lambda u, du: (1 - u**2) * du,
        ),
        mistake(
            "gradient-half-forgotten",
            "The factor 1/2 is missing in the second term.",
            "It stands before 1 + tanh u, and so before the derivative of tanh.",
            dweight=lambda dt: dt,
        ),
        mistake(
            "gradient-x-forgotten",
            "The second term is the derivative of (1 + tanh u) / 2 without the factor x.",
            "The product rule leaves the x outside the tanh in this term.",
            slope=lambda weight, dweight: weight + dweight,
        ),
        mistake(
            "gradient-first-term-forgotten",
            "The first term, (1 + tanh u) / 2, is missing.",
            "x occurs outside and inside the tanh, so that there are two terms.",
            slope=lambda x, dweight: x * dweight,
        ),
        mistake(
            "gradient-factor-forgotten",
            "The derivative of u lacks the factor sqrt(2/pi).",
            "du/dx = sqrt(2/pi) (1 + 3 a x^2).",
            du=lambda x, a: 1 + 3 * a * x**2,
        ),
    ),
)

FORMULAS = (GELU, GELU_TANH)
