"""The derivative of a mistake whose inputs are of very different sizes, or that fits few shapes."""

import numpy as np

from minibert.check.compare import relative_error
from minibert.check.differences import change

STEP = 1e-5
DIRECTIONS = 5


def plain(forward, backward):
    """A (forward, backward) pair of the library as a function and a gradient of plain signature."""

    def gradient(*arguments):
        *inputs, dout = arguments
        return backward(dout, forward(*inputs)[1])

    return lambda *inputs: forward(*inputs)[0], gradient


def assert_proportional_derivative(steps, m):
    """The mistake's gradient is the derivative of its wrong result, wherever it fits the shapes.

    Entries are moved in proportion to their size, all of an input at once in random directions:
    very small ones are told as well as large ones, and none crosses a kink at 0.
    """
    checked = [_assert_derivative(steps, m, call) for call in steps.draw() if _fits(steps, m, call)]
    assert checked, "the mistake fits none of the shapes"


def _fits(steps, m, call):
    try:
        out = steps.run(call.inputs, changes=m.steps)
    except ValueError:
        return False
    return [np.shape(y) for y in out] == [np.shape(call.inputs[d]) for d, _ in steps.upstream]


def _assert_derivative(steps, m, call):
    rng = np.random.default_rng(0)
    upstream = tuple(call.inputs[d] for d, _ in steps.upstream)
    gradients = steps.run(call.inputs, "gradient", m.steps)
    for (gradient, _), dx in zip(steps.gradients, gradients, strict=True):
        name = gradient.removeprefix("d")
        x = call.inputs[name]
        assert np.shape(dx) == x.shape, (call.case, gradient)
        analytic, numeric = [], []
        for _ in range(DIRECTIONS):
            u = x * rng.standard_normal(x.shape)
            up = steps.run(call.inputs | {name: x + STEP * u}, changes=m.steps)
            down = steps.run(call.inputs | {name: x - STEP * u}, changes=m.steps)
            analytic.append(float((dx * u).sum()))
            numeric.append(change(up, down, upstream) / (2 * STEP))
        assert relative_error(analytic, numeric, floor=1e-4) < 1e-5, (call.case, gradient)
    return call.case
