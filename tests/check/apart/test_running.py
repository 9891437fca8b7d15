"""Functions in a process of their own: what comes back of a call."""

from pathlib import Path

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check.apart.records import Planned, make_plan
from minibert.check.apart.running import run_apart
from minibert.check.apart.source import Source
from minibert.check.mistakes import op_called

from .plans import BOTH, CALLS, PLAN, STEPS, attention, run


@pytest.mark.quick
def test_results_come_back_to_the_bit():
    ran = run(attention)
    assert list(ran.results) == [planned.key for planned in PLAN]
    assert {kind for _, _, kind in ran.results} == {"values", "again", "float32"}
    for planned in PLAN:
        found = ran.results[planned.key]
        expected = attention(**planned.inputs)
        np.testing.assert_array_equal(found.outputs["context"], expected)
        assert found.dtypes == {"context": str(expected.dtype)}
        assert found[3:9] == ((), (), (), (), None, ())
    assert ran[1:6] == (None, "", None, (), "")


def test_a_forward_and_a_gradient_in_the_style_of_the_library():
    ran = run((F.OPS["attention_forward"], F.OPS["attention_backward"]), BOTH)
    assert not ran.ended
    for planned in BOTH:
        found, truth = ran.results[planned.key], STEPS.run(planned.inputs, planned.part)
        assert found.error is None
        assert found.changed == ()
        for got, expected in zip(found.outputs.values(), truth, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert any("with the forward's cache" in n for n in found.notes)


def test_a_plain_gradient_alone():
    def gradient(q, k, v, bias, dcontext):
        return q, [k.tolist()], None

    def three(dout, q, k, v):
        return dout, k, v, None

    plan = make_plan(STEPS, CALLS, ("gradient",))
    ran = run(gradient, plan)
    assert ran.results["gradient", "primes", "values"].error.message == "dv is None"
    found = run((None, three), plan).results["gradient", "primes", "values"]
    np.testing.assert_array_equal(found.outputs["dq"], CALLS[0].inputs["dcontext"])
    assert found.left_out == ("bias",)
    assert found.shares == ("dcontext", "k", "v")
    with_cache = run((None, lambda dout, cache: cache), plan)
    error = with_cache.results["gradient", "primes", "values"].error
    assert error.kind == "signature"
    assert "give the forward, too" in error.message
    without = run((attention, lambda dout, cache: cache), BOTH)
    error = without.results["gradient", "primes", "values"].error
    assert "the forward returns no cache" in error.message


class Layer:
    def forward(self, q, k, v, bias):
        self.kept = q, k, v
        return q + k + v

    def backward(self, dout):
        q, k, v = self.kept
        return dout * q, dout * k, dout * v


def test_a_pair_that_keeps_what_it_needs(tmp_path):
    layer = Layer()
    ran = run((layer.forward, layer.backward), BOTH)
    found, inputs = ran.results["gradient", "primes", "values"], CALLS[0].inputs
    np.testing.assert_array_equal(found.outputs["dk"], inputs["dcontext"] * inputs["k"])
    assert found.notes == (
        "the gradient is called with the upstream gradient alone, after its forward",)  # fmt: skip
    lines = Path(__file__).read_text(encoding="utf-8").partition("class Layer:")[2]
    (tmp_path / "a.py").write_text("class Layer:" + lines.partition("\n\n\n")[0])
    forward, backward = (Source(tmp_path / "a.py", f"Layer.{n}") for n in ("forward", "backward"))
    again = run((forward, backward), BOTH).results["gradient", "primes", "values"]
    np.testing.assert_array_equal(again.outputs["dk"], found.outputs["dk"])


def test_the_gradient_of_a_loss_without_upstream():
    steps = op_called("mse")
    calls = steps.draw(3)
    plan = make_plan(steps, calls)

    def mse(pred, y):
        return ((pred - y) ** 2).mean()

    def plain(pred, y):
        return 2 * (pred - y) / y.size, 2 * (y - pred) / y.size

    class Loss:
        def forward(self, pred, y):
            self.kept = pred, y
            return mse(pred, y)

        def backward(self):
            return plain(*self.kept)

    loss = Loss()
    for target in ((None, plain), (mse, plain), (loss.forward, loss.backward)):
        own = plan if target[0] else make_plan(steps, calls, ("gradient",))
        ran = run_apart(target, own, hint=steps)
        for planned in own:
            found, truth = ran.results[planned.key], steps.run(planned.inputs, planned.part)
            assert found.error is None
            for got, expected in zip(found.outputs.values(), truth, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-4)
                assert got.dtype == planned.inputs["a"].dtype
        assert any("without dloss; what it returns is multiplied by it" in n for n in found.notes)


def test_extreme_calls_come_last():
    extreme = Planned("forward", "large", "extreme", PLAN[0].inputs)
    plan = make_plan(STEPS, CALLS, ("forward",), [extreme])
    assert plan[-1] is extreme
    assert list(run(attention, plan).results)[-1] == ("forward", "large", "extreme")
