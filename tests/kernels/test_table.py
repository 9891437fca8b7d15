"""minibert.kernels: which function stands behind a name, and how that is changed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from minibert import kernels as F
from minibert import ops

from .inputs import inputs, run

pytestmark = pytest.mark.quick

X = np.linspace(-2, 2, 6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True)
def _numpy():
    with F.use("numpy"):
        yield


@pytest.fixture
def providers(monkeypatch):
    """Put other kernels in the place of Numba's and C's: providers(numba={...}, c={...})."""

    def replace(**kernels):
        monkeypatch.setattr(F, "available", lambda level: (kernels.get(level, {}), ""))
        monkeypatch.setattr(F, "_has_numba", lambda: True)

    return replace


def python(code, **environment):
    """Standard output and error of a new process."""
    clean = {k: v for k, v in os.environ.items() if k != "MINIBERT_KERNELS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean | environment
    )
    return done.stdout.strip(), done.stderr


def test_every_op_is_there_under_its_name():
    for name in F.OPS:
        assert callable(getattr(F, name))
        assert getattr(F, name).__doc__ == getattr(ops, name).__doc__


def test_numpy_is_the_formulas():
    assert F.level() == "numpy"
    assert F.gelu_forward is ops.gelu_forward
    assert {F.source(name) for name in F.OPS} == {"numpy"}


def test_use_holds_for_good_and_in_a_block(providers):
    providers(numba={"relu_forward": lambda x: ("kernel", None)})
    with F.use("numba"):
        assert F.level() == "numba"
        assert F.source("relu_forward") == "numba"
        assert F.relu_forward(X)[0] == "kernel"
        with F.use("numpy"):
            assert F.source("relu_forward") == "numpy"
        assert F.source("relu_forward") == "numba"
    assert F.level() == "numpy"
    F.use("numba")
    assert F.relu_forward(X)[0] == "kernel"


def test_an_error_in_the_block_restores_too(providers):
    providers(numba={})
    with pytest.raises(KeyError), F.use("numba"):
        raise KeyError
    assert F.level() == "numpy"


def test_auto_prefers_c_to_numba_to_numpy(providers):
    providers(
        numba={"gelu_forward": lambda x: "numba", "softmax_forward": lambda x: "numba"},
        c={"gelu_forward": lambda x: NotImplemented if x.ndim > 2 else "c"},
    )
    with F.use("auto"):
        names = "gelu_forward", "softmax_forward", "tanh_forward"
        assert [F.source(name) for name in names] == ["c", "numba", "numpy"]
        assert F.gelu_forward(X) == "c"
        assert F.gelu_forward(X[None]) == "numba"
        assert F.softmax_forward(X.astype(float))[0].dtype == float  # Numba is not asked
        assert F.softmax_forward(X) == "numba"


@pytest.mark.parametrize("op", ["attention", "linear_gelu", "qkv", "softmax"])
def test_a_backward_finds_its_forward_without_c(op, monkeypatch):
    """Its cotangent may be a tuple, by which nobody can tell what it is made of."""
    if F.available("numba")[1]:
        pytest.skip(F.available("numba")[1])
    available = F.available
    without_c = {"numba": available("numba"), "c": ({}, "")}
    monkeypatch.setattr(F, "available", without_c.get)
    args, kwargs = inputs(op, 5)
    with F.use("auto"):
        F.RAN.clear()
        run((getattr(F, f"{op}_forward"), getattr(F, f"{op}_backward")), args, kwargs)
        assert {f"{op}_forward", f"{op}_backward"} <= F.RAN


def test_numbas_kernels_are_named():
    functions, reason = F.available("numba")
    if reason:
        pytest.skip(reason)
    assert functions.keys() == set(F.NUMBA_OPS)


def test_numba_is_not_imported_for_what_c_does():
    if F.available("c")[1]:
        pytest.skip(F.available("c")[1])
    out, error = python("""
import sys
import minibert
from minibert.kernels.c_library import FLOAT
model = minibert.BertForSequenceClassification(minibert.preset("tinybert-4l-312"))
model([[2, 3, 4, 5], [2, 3, 4, 0]], [[1, 1, 1, 1], [1, 1, 1, 0]])
print(FLOAT.name != "scalar", "numba" in sys.modules)
""")
    assert out in ("True False", "False True"), error


@pytest.mark.parametrize("level", ["numba", "c"])
def test_a_named_level_that_is_missing_says_why(monkeypatch, level):
    monkeypatch.setattr(F, "available", lambda level: ({}, "no compiler was found"))
    with pytest.raises(RuntimeError, match=f"{level}.*no compiler was found"):
        F.use(level)
    assert F.level() == "numpy"
    with F.use("auto"):
        assert F.level() == "auto"
        assert {F.source(name) for name in F.OPS} == {"numpy"}


@pytest.mark.parametrize("name", ["cuda", "", "NumPy", None])
def test_an_unknown_level_is_refused(name):
    with pytest.raises(ValueError, match="level"):
        F.use(name)


def test_an_unknown_op_is_refused():
    with pytest.raises(ValueError, match="gleu"):
        F.swap(gleu=(None, None))
    with pytest.raises(ValueError, match="erf"):
        F.swap(erf=np.tanh)  # gelu would go on using its own
    with pytest.raises(AttributeError, match="gleu_forward"):
        _ = F.gleu_forward


def test_the_formula_runs_where_a_kernel_does_not_apply(providers):
    providers(numba={"relu_forward": lambda x: NotImplemented if x.ndim > 1 else "kernel"})
    with F.use("numba"):
        assert F.relu_forward(X[0]) == "kernel"
        assert np.array_equal(F.relu_forward(X)[0], ops.relu_forward(X)[0])


def test_a_kernel_that_steps_aside_leaves_the_parts_to_the_other_kernels(providers):
    """An int8 weight in a Numba op must reach the int8 kernel in C."""
    called = []

    def int8(x, w, b):
        called.append(w.shape)
        return ops.int8_linear_forward(x, w, b)

    providers(
        numba={name: lambda *args: NotImplemented for name in ("qkv_forward", "linear_forward")},
        c={"int8_linear_forward": int8},
    )
    w, b = ops.quantize_symmetric(np.ones((4, 3))), np.zeros(4, np.float32)
    with F.use("auto"):
        F.qkv_forward(X, w, b, w, b, w, b)
    assert called == [(4, 3)] * 3


# ------------------------------------------------------------------------------------------- swap


def counted(name, calls):
    def call(*args, **kwargs):
        calls.append(name)
        return getattr(ops, name)(*args, **kwargs)

    return call


def test_swap_takes_a_pair_or_one_function():
    calls = []
    pair = counted("gelu_forward", calls), counted("gelu_backward", calls)
    with F.swap(gelu=pair, padding_bias=counted("padding_bias", calls)):
        _, cache = F.gelu_forward(X)
        F.gelu_backward(X, cache)
        F.padding_bias(X > 0)
        assert calls == ["gelu_forward", "gelu_backward", "padding_bias"]
        assert F.source("gelu_backward") == "swapped"
    F.gelu_forward(X)
    assert len(calls) == 3
    assert F.source("gelu_backward") == "numpy"


def test_swaps_add_up_and_outlive_a_change_of_level(providers):
    providers(numba={"tanh_forward": lambda x: ("kernel", None)})
    calls = []
    with F.swap(relu_forward=counted("relu_forward", calls)):
        with F.swap(tanh_forward=counted("tanh_forward", calls)), F.use("numba"):
            F.relu_forward(X)
            F.tanh_forward(X)
        with F.use("numba"):
            assert F.tanh_forward(X)[0] == "kernel"
    assert calls == ["relu_forward", "tanh_forward"]


def test_swap_reaches_into_the_ops_made_of_others():
    calls = []
    with F.swap(linear_forward=counted("linear_forward", calls)):
        F.linear_gelu_forward(X, np.ones((4, 3), np.float32), np.zeros(4, np.float32))
        F.qkv_forward(X, *(np.ones((4, 3), np.float32), np.zeros(4, np.float32)) * 3)
    assert len(calls) == 4


def test_a_kernel_that_contains_a_swapped_op_is_left_out(providers):
    def fused(x, w, b):
        raise AssertionError("hides the swapped gelu")

    providers(numba={"linear_gelu_forward": fused, "tanh_forward": lambda x: ("kernel", None)})
    calls = []
    with F.use("numba"), F.swap(gelu_forward=counted("gelu_forward", calls)):
        F.linear_gelu_forward(X, np.ones((4, 3), np.float32), np.zeros(4, np.float32))
        assert F.source("linear_gelu_forward") == "numpy"
        assert F.tanh_forward(X)[0] == "kernel"
    assert calls == ["gelu_forward"]


@pytest.mark.parametrize("op", ["gelu", "linear_gelu", "softmax"])
def test_one_swapped_half_gets_the_formulas_cache(op):
    """A student's backward knows nothing of what a kernel's forward keeps."""
    if F.available("numba")[1]:
        pytest.skip(F.available("numba")[1])
    args = {"linear_gelu": (X, np.ones((3, 3), np.float32), np.zeros(3, np.float32))}.get(op, (X,))
    inner = "gelu" if op == "linear_gelu" else op
    calls = []
    with F.use("numba"), F.swap(**{f"{inner}_backward": counted(f"{inner}_backward", calls)}):
        y, cache = getattr(F, f"{op}_forward")(*args)
        got = getattr(F, f"{op}_backward")(y, cache)
    y, cache = getattr(ops, f"{op}_forward")(*args)
    expected = getattr(ops, f"{op}_backward")(y, cache)
    assert calls == [f"{inner}_backward"]
    np.testing.assert_allclose(np.ravel(got[0]), np.ravel(expected[0]), rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------------------------- new processes

LEVEL = "from minibert import kernels as F; F.relu_forward; print(F.level())"


@pytest.mark.parametrize("level", ["numpy", "auto"])
def test_the_environment_chooses(level):
    assert python(LEVEL, MINIBERT_KERNELS=level)[0] == level


def test_auto_is_the_default():
    assert python(LEVEL)[0] == "auto"


def test_a_wrong_name_in_the_environment_is_refused():
    assert "kernels level is 'fast'" in python(LEVEL, MINIBERT_KERNELS="fast")[1]


def test_without_numba_auto_works_and_numba_says_why():
    code = """
import sys
sys.modules["numba"] = None
from minibert import kernels as F
F.use("auto")
print(F.source("softmax_forward"))
F.use("numba")
"""
    out, error = python(code)
    assert out == "numpy"
    assert "LevelError: kernels level 'numba' is not available here: Numba is missing" in error
    assert "pip install numba" in error
