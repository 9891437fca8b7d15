"""tanh and relu, and what goes wrong in them.

The numbers are those of `minibert.ops.activations`: (1) tanh and (2) relu; primed, their gradients.
"""

import numpy as np

from minibert.check.mistakes.notation import sigmoid
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    return {"x": 2 * rng.standard_normal((z.B, z.L, z.D))}


def _inputs_with_zeros(rng, z):
    x = 2 * rng.standard_normal((z.B, z.L, z.D))
    x[:, :, ::3] = 0
    return {"x": x}


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
            "not-divided",
            "The function is (e^x - e^-x) / 2, which is sinh.",
            "tanh is sinh / cosh: divide by e^x + e^-x.",
            y=lambda x: np.sinh(x),
            slope=lambda x: np.cosh(x),
        ),
        mistake(
            "sign-flipped",
            "The result, or its derivative, has the wrong sign.",
            "tanh rises: (e^2x - 1) / (e^2x + 1), with the slope 1 - y^2.",
            y=lambda x: -np.tanh(x),
            slope=lambda y: y**2 - 1,
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
        mistake(
            "gradient-not-squared",
            "The derivative is 1 - y, without the square.",
            "It is 1 - y^2.",
            slope=lambda y: 1 - y,
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
            "capped",
            "x is also cut off at 1.",
            "relu has no upper end.",
            y=lambda x: np.clip(x, 0, 1),
            slope=lambda x: (x > 0) & (x < 1),
        ),
        mistake(
            "mask-alone",
            "The result is 1 where x is positive, instead of x.",
            "x > 0 is the derivative; relu multiplies it by x.",
            y=lambda x: (x > 0) * 1.0,
            slope=lambda x: np.zeros_like(x),
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
        mistake(
            "gradient-times-output",
            "dx is dy y: dy is multiplied by the result instead of by 1 where x is positive.",
            "Where x is positive, y moves as x does: the derivative is 1.",
            slope=lambda y: y,
        ),
    ),
)

FORMULAS = (TANH, RELU)
