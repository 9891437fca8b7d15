"""That a formula is right as it stands, and that its mistakes are differentiated rightly."""

import pytest

from minibert.check import assert_close, gradcheck_function


def each_call(formulas):
    """For a test of `assert_right`: every formula with every call of it."""
    cases = [(steps, call) for steps in formulas for call in steps.draw()]
    return pytest.mark.parametrize(
        ("steps", "call"), cases, ids=[f"{steps.op}-{call.case}" for steps, call in cases]
    )


def each_forward_mistake(formulas):
    """For a test of `assert_derivative`: every mistake of a forward that has a gradient."""
    cases = [
        (steps, m)
        for steps in formulas
        for m in steps.mistakes
        if steps.gradient and steps.fits(m, "forward")
    ]
    return pytest.mark.parametrize(("steps", "m"), cases, ids=[m.id for _, m in cases])


def assert_right(steps, call, forward, gradient=None):
    """The formula's numbers are those of the library.

    Parameters
    ----------
    steps : Steps
    call : Call
    forward, gradient : callable
        The library's, as `steps` has them called.
    """
    inputs = [call.inputs[name] for name, _ in steps.inputs]
    (got,) = steps.run(call.inputs)
    assert_close(got, forward(*inputs), name=steps.op, rtol=1e-12)
    if steps.gradient:
        upstream = [call.inputs[name] for name, _ in steps.upstream]
        expected = gradient(*inputs, *upstream)
        expected = expected if isinstance(expected, tuple) else (expected,)
        got = steps.run(call.inputs, "gradient")
        for named, ours, theirs in zip(steps.gradients, got, expected, strict=True):
            assert_close(ours, theirs, name=str(named), rtol=1e-12)


def assert_derivative(steps, m, tolerance=1e-5):
    """The gradient with a mistake in the forward is the derivative of that forward."""
    names = [named.name.removeprefix("d") for named in steps.gradients]
    (upstream,) = (name for name, _ in steps.upstream)
    for call in steps.draw():

        def inputs(arrays, call=call):
            return call.inputs | dict(zip(names, arrays, strict=True))

        def function(*arrays, inputs=inputs):
            return steps.run(inputs(arrays), changes=m.steps)[0]

        def gradient(d, *arrays, inputs=inputs):
            return steps.run(inputs(arrays) | {upstream: d}, "gradient", m.steps)

        arrays = tuple(call.inputs[name] for name in names)
        found = gradcheck_function(
            function, gradient, arrays, tolerance=tolerance, limit=64, directions=16
        )
        assert found, f"{call.case}\n{found}"
