"""`diagnose`: overflow and cancellation are advice, not failure."""

import numpy as np
import pytest

from minibert.check.diagnose import diagnose

from .bent import attention, needs_fork, softmax

pytestmark = needs_fork


def plain_softmax(x):
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


def plain_attention(q, k, v, bias):
    return plain_softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + bias) @ v


def infinite_attention(q, k, v, bias):
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    return softmax(np.where(bias < 0, -np.inf, s)) @ v


def careful_log_softmax(x):
    s = x - x.max(-1, keepdims=True)
    return s - np.log(np.exp(s).sum(-1, keepdims=True))


def one_pass(x, gamma, beta):
    mu = x.mean(-1, keepdims=True)
    var = (x * x).mean(-1, keepdims=True) - mu * mu
    return (x - mu) / np.sqrt(var + 1e-12) * gamma + beta


def two_passes(x, gamma, beta):
    mu = x.mean(-1, keepdims=True)
    var = ((x - mu) ** 2).mean(-1, keepdims=True)
    return (x - mu) / np.sqrt(var + 1e-12) * gamma + beta


def careless_entropy(logits, labels):
    return -np.log(plain_softmax(logits)[np.arange(len(labels)), labels]).mean()


def careful_entropy(logits, labels):
    return -careful_log_softmax(logits)[np.arange(len(labels)), labels].mean()


def plain_tanh(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


@pytest.mark.parametrize(
    ("op", "careless", "careful", "says"),
    [
        ("softmax", plain_softmax, softmax, "subtract the largest score before exp"),
        ("log_softmax", lambda x: np.log(softmax(x)), careful_log_softmax, "never log of softmax"),
        ("attention", plain_attention, attention, "subtract the largest score before exp"),
        ("attention", infinite_attention, attention, "a finite bias keeps its row from"),
        ("cross_entropy", careless_entropy, careful_entropy, "never log of softmax"),
        ("layernorm", one_pass, two_passes, "variance as mean((x - mean)^2)"),
        ("tanh", plain_tanh, np.tanh, "use np.tanh"),
    ],
)
def test_advice_and_no_failure(op, careless, careful, says):
    found = diagnose(op, careless)
    assert found.ok, str(found)
    assert (found.gate, found.causes) == ("", ())
    assert any(says in line for line in found.advice)
    assert f"Advice: {found.advice[0]}"[:100] in str(found)
    assert not any(says in line for line in diagnose(op, careful).advice)


def test_the_careful_ones_are_told_nothing():
    for op, function in {"softmax": softmax, "attention": attention, "tanh": np.tanh,
                         "log_softmax": careful_log_softmax}.items():  # fmt: skip
        assert diagnose(op, function).advice == ()


def test_what_it_raises_at_the_edge():
    def f(x):
        if np.abs(x).max() > 100:
            raise OverflowError("too large")
        return softmax(x)

    found = diagnose("softmax", f)
    assert found.ok
    assert found.advice[0].startswith("at scores around 1000 it raises OverflowError: subtract")


def test_a_wrong_one_is_not_told_of_its_precision():
    found = diagnose("softmax", lambda x: 2 * softmax(x))
    assert not found.ok
    assert not any("precision" in line for line in found.advice)
    found = diagnose("softmax", lambda x: 2 * plain_softmax(x))
    assert any("NaN or infinity" in line for line in found.advice)


def single(x):
    if x.dtype == np.float32:
        raise TypeError("float64 only")
    return softmax(x)


def slow_single(x):
    while x.dtype == np.float32:
        pass
    return softmax(x)


def test_float32_inputs():
    found = diagnose("softmax", single)
    assert found.ok
    assert found.advice == ("with float32 inputs the forward fails: float64 only.",)
    found = diagnose("softmax", slow_single, time_limit=2)
    assert found.ok
    assert found.advice == ("with float32 inputs the forward did not end within 2 s.",)
    found = diagnose("softmax", lambda x: softmax(np.float64(x)))
    assert any("with float32 inputs the forward returns float64" in line for line in found.advice)


def test_no_advice_for_what_does_not_run():
    assert diagnose("softmax", lambda x: 1 / 0).advice == ()
    assert diagnose("softmax", gradient=lambda p, dp: 1 / 0).advice == ()
