"""`diagnose`: what functions return, in all its forms, and how they are called."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from minibert.check.apart.arrays import NotTakenError
from minibert.check.apart.calling import (
    CannotCallError,
    arrange,
    does_without_upstream,
    takes_cache,
    takes_upstream_alone,
    with_cache,
)
from minibert.check.apart.taken import (
    NOTHING,
    Want,
    Wanted,
    cotangent,
    taken,
    wanted_of,
)
from minibert.check.mistakes import op_called

A = np.arange(6.0).reshape(2, 3)
ONE = (Want("y", "array", 2),)
LOSS = (Want("loss", "array", 0),)
TWO = (Want("q", "array", 2), Want("scale", "array", 1))
TEXTS = (Want("tokens", "texts"),)
TABLE = (Want("clipped", "dict"),)


class Tensor:
    """As much of a PyTorch tensor as is asked for."""

    def __init__(self, values, device="cpu"):
        self.values, self.device = values, device

    def detach(self):
        return Tensor(self.values, self.device)

    def cpu(self):
        return Tensor(self.values)

    def numpy(self):
        assert self.device == "cpu"
        return self.values

    def __array__(self, *args, **kwargs):
        raise RuntimeError("call detach first")


class Like:
    def __array__(self, dtype=None, copy=None):
        return A


class Liar:
    __class__ = np.ndarray
    ndim = 2

    def __eq__(self, other):
        return True

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no numbers")


class Mean(np.ndarray):
    """Everything is equal to it, and nothing can be computed with it."""

    def __eq__(self, other):
        return True

    def __array_function__(self, *args):
        raise RuntimeError("no")

    def __array_ufunc__(self, *args, **kwargs):
        raise RuntimeError("no")

    def copy(self, *args):
        raise RuntimeError("no")


class Coarse:
    """As a tensor of PyTorch whose numbers NumPy does not have."""

    def detach(self):
        return self

    def numpy(self):
        raise TypeError("Got unsupported ScalarType BFloat16")


class Attended(NamedTuple):
    y: np.ndarray
    scores: np.ndarray | None = None


@pytest.mark.parametrize(
    "value",
    [
        A, A.tolist(), [list(row) for row in A], tuple(map(tuple, A)), list(A), Like(), Tensor(A),
        Tensor(A, "cuda"), [Tensor(row) for row in A], A.view(Mean), np.asfortranarray(A),
        Attended(A), {"y": A}, (A,), (A, "cache"), (A, A, A), [A, "cache"], (Attended(A), 0),
        ({"y": A}, 0), A.astype(object), [[Fraction(int(x)) for x in row] for row in A],
        A[::-1][::-1], (A, None),
    ],
)  # fmt: skip
def test_every_form_of_an_array(value):
    found = taken(value, ONE).outputs["y"]
    assert type(found) is np.ndarray
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, A)


def test_types_are_told():
    assert taken(A.astype(np.float32), ONE).dtypes == {"y": "float32"}
    assert taken(A.tolist(), ONE).dtypes == {"y": "python"}
    assert taken(1.5, LOSS).dtypes == {"loss": "python"}
    assert taken(np.float32(1.5), LOSS).dtypes == {"loss": "float32"}
    assert taken(True, LOSS).outputs["loss"].dtype == bool
    assert taken(10**30, LOSS).outputs["loss"] == 1e30


def test_results_are_copies_and_sharing_is_told():
    x = A.copy()
    found = taken(x[:, ::-1], ONE, owned={"x": x, "w": A})
    assert found.shares == ("x",)
    x[:] = 0
    assert found.outputs["y"].any()
    assert taken(A + 1, ONE, owned={"x": x}).shares == ()


def test_a_tuple_of_numbers_is_an_array_where_one_is_expected():
    layers = (Want("layers", "array", 1),)
    for value in ((3, 6), (3, 6, 9), [3, 6]):
        found = taken(value, layers)
        np.testing.assert_array_equal(found.outputs["layers"], value)
        assert found.cache is NOTHING
    assert taken((np.arange(3), "cache"), layers).cache == "cache"
    assert taken((0.5, A), LOSS).cache is A


def test_several_outputs():
    scale = np.ones(2)
    for value in ((A, scale), [A, scale], {"q": A, "scale": scale}):
        assert taken(value, TWO).cache is NOTHING
    for value in ((A, scale, "cache"), ((A, scale), "cache"), ({"q": A, "scale": scale}, "cache")):
        found = taken(value, TWO)
        assert found.cache == "cache"
        np.testing.assert_array_equal(found.outputs["q"], A)
    stacked = taken(np.stack([A, 2 * A]), (Want("a", "array", 2), Want("b", "array", 2)))
    np.testing.assert_array_equal(stacked.outputs["b"], 2 * A)


def test_texts_and_dicts():
    assert taken(["em", "##bed"], TEXTS).outputs == {"tokens": ["em", "##bed"]}
    assert taken(("em", "##bed"), TEXTS).outputs == {"tokens": ["em", "##bed"]}
    assert taken(np.array(["em", "##bed"]), TEXTS).outputs == {"tokens": ["em", "##bed"]}
    assert taken([], TEXTS).outputs == {"tokens": []}
    assert taken((["em"], {}), TEXTS).outputs == {"tokens": ["em"]}
    assert taken("a", (Want("text", "text"),)).outputs == {"text": "a"}
    found = taken({"w": A, "b": [1.0]}, TABLE).outputs["clipped"]
    assert list(found) == ["w", "b"]
    assert taken({"clipped": {"w": A}}, TABLE).outputs["clipped"].keys() == {"w"}


GRADIENTS = tuple(Want(name, "array", 2) for name in ("dq", "dk"))


@pytest.mark.parametrize(
    "value",
    [
        (A, 2 * A), [A, 2 * A], (A, 2 * A, None), (A, 2 * A, None, None), {"dq": A, "dk": 2 * A},
        {"q": A, "k": 2 * A, "bias": None}, np.stack([A, 2 * A]), (A, 2 * A, A),
    ],
)  # fmt: skip
def test_gradients(value):
    """Of every input, or of those that have one; of a mask there may be None, or anything."""
    found = taken(value, GRADIENTS, inputs=("q", "k", "bias"), gradient=True).outputs
    np.testing.assert_array_equal(found["dq"], A)
    np.testing.assert_array_equal(found["dk"], 2 * A)


def test_one_gradient():
    want = (Want("dlogits", "array", 2),)
    for value in (A, (A,), [A], (A, None), A.tolist(), (A, np.zeros(2)), {"logits": A}):
        found = taken(value, want, inputs=("logits", "labels"), gradient=True)
        np.testing.assert_array_equal(found.outputs["dlogits"], A)


def _recursive():
    a = []
    a.append(a)
    return a


async def _coroutine():
    return A


@pytest.mark.parametrize(
    ("value", "expected", "says"),
    [
        (None, ONE, r"^returned None: is the return statement missing\?"),
        ("text", ONE, "returned the text 'text'; expected y"),
        ([[1.0, 2.0], [3.0]], ONE, "nested lists whose lengths differ"),
        (object(), ONE, "an object of the type object, which is no array"),
        (len, ONE, "a function, not y: is it to be called"),
        (map(float, A[0]), ONE, r"an iterator \(map\): put list"),
        ({"x": A}, ONE, "a dict with 'x'; expected y"),
        ((), ONE, "an empty tuple"),
        (10**400, LOSS, "too large for a float"),
        ([None, 1.0], ONE, "an array with None in it"),
        (["a", 1], ONE, "a list of <U"),
        ({1, 2}, ONE, "a set, which is no array"),
        (_recursive(), ONE, "returned a list"),
        (Liar(), ONE, r"cannot be made an array \(RuntimeError: no numbers\)"),
        (np.ma.masked_array(A, A > 2), ONE, "a masked array"),
        (np.array(["2020-01-01"], "M8[D]"), ONE, "not of numbers"),
        (np.broadcast_to(1.0, (10**6, 100)), ONE, "100,000,000 entries; at most 10,000,000"),
        (A, TWO, "one value; expected 2: q, scale"),
        ((A, A, A, A), TWO, "returned 4 values; expected q, scale"),
        ((A, None), TWO, "scale is None"),
        (3.0, TEXTS, "an object of the type float; expected a list of texts"),
        (["a", 3], TEXTS, "a list; expected a list of texts"),
        ("a b", TEXTS, "the text 'a b'; expected tokens"),
        (A, TABLE, "an array; expected a dict of arrays"),
        (["a" * 5_000] + ["b"] * 1_000, TEXTS, "over 1,000,000 characters"),
        ([""] * 1_000_001, TEXTS, "over 1,000,000 characters"),
        (Coarse(), ONE, r"of bfloat16: return \.float\(\)"),
    ],
)
def test_what_cannot_be_taken_is_said(value, expected, says):
    with pytest.raises(NotTakenError, match=says):
        taken(value, expected)


def test_a_coroutine_is_closed():
    with pytest.raises(NotTakenError, match="def instead of async def"):
        taken(_coroutine(), ONE)


def test_gradients_that_are_too_few():
    for value in ((A,), A, (A, 2, 3, 4)):
        with pytest.raises(NotTakenError, match="dq, dk"):
            taken(value, GRADIENTS, inputs=("q", "k", "bias"), gradient=True)


def test_a_cotangent_has_the_structure_of_the_output():
    assert cotangent(A, ONE, ["d"]) == "d"
    assert cotangent(Attended(A, A), ONE, ["d"]) == Attended("d", None)
    assert cotangent({"y": A, "p": A}, ONE, ["d"]) == {"y": "d", "p": None}
    assert cotangent((A, A), TWO, ["d", "e"]) == ("d", "e")


# --- calling --------------------------------------------------------------------------------------

OP = Wanted(
    "attention", ("q", "k", "v", "bias"), ("dcontext",), (Want("context", "array", 4),),
    (), ("bias",), {"forward": "attention(q, k, v, bias)", "gradient": "gradient(q, ...)"},
)  # fmt: skip
FORWARD = dict(q=1, k=2, v=3, bias=4)
BACKWARD = FORWARD | {"dcontext": 5}


@pytest.mark.parametrize(
    ("function", "inputs", "args", "kwargs", "left_out"),
    [
        (lambda a, b, c, d: 0, FORWARD, (1, 2, 3, 4), {}, ()),
        (lambda q, k, v, mask=None: 0, FORWARD, (1, 2, 3, 4), {}, ()),
        (lambda k, q, v, bias: 0, FORWARD, (), dict(q=1, k=2, v=3, bias=4), ()),
        (lambda k, q, v, mask=None: 0, FORWARD, (), dict(q=1, k=2, v=3, mask=4), ()),
        (lambda q, k, v: 0, FORWARD, None, dict(q=1, k=2, v=3), ("bias",)),
        (lambda a, b, c: 0, FORWARD, (1, 2, 3), {}, ("bias",)),
        (lambda a, b, c, rate=0.1: 0, FORWARD, (1, 2, 3), {}, ("bias",)),
        (lambda a, b, c, bias=0.0: 0, FORWARD, (1, 2, 3, 4), {}, ()),
        (lambda a, b, c, d, eps=1e-6, *, axis=-1: 0, FORWARD, (1, 2, 3, 4), {}, ()),
        (lambda *args: 0, FORWARD, (1, 2, 3, 4), {}, ()),
        (lambda q, *rest, **more: 0, FORWARD, (1, 2, 3, 4), {}, ()),
        (lambda a, b, c, *, bias: 0, FORWARD, (1, 2, 3), dict(bias=4), ()),
        (lambda a, b, c, d, e: 0, BACKWARD, (1, 2, 3, 4, 5), {}, ()),
        (lambda dout, a, b, c, d: 0, BACKWARD, (5, 1, 2, 3, 4), {}, ()),
        (lambda dcontext, *inputs: 0, BACKWARD, (5, 1, 2, 3, 4), {}, ()),
        (lambda a, b, c, g: 0, BACKWARD, (1, 2, 3, 5), {}, ("bias",)),
        (lambda dy, a, b, c: 0, BACKWARD, (5, 1, 2, 3), {}, ("bias",)),
        (lambda dcontext, q, k, v: 0, BACKWARD, None, dict(q=1, k=2, v=3, dcontext=5), ("bias",)),
        (lambda delta, q, k, v, bias: 0, BACKWARD, (5, 1, 2, 3, 4), {}, ()),
        (lambda e, q, k, v, eps=1: 0, BACKWARD, (), dict(q=1, k=2, v=3, e=5), ("bias",)),
        (lambda e, k, q, v, mask=None: 0, BACKWARD, (), dict(q=1, k=2, v=3, e=5, mask=4), ()),
        (lambda q, k, v, bias, e: 0, BACKWARD, (1, 2, 3, 4, 5), {}, ()),
        (lambda dL_dy, a, b, c: 0, BACKWARD, (5, 1, 2, 3), {}, ("bias",)),
        (lambda grad_y, a, b, c, d: 0, BACKWARD, (5, 1, 2, 3, 4), {}, ()),
        (lambda data, b, c, d, g: 0, BACKWARD, (1, 2, 3, 4, 5), {}, ()),
        (lambda q, **more: 0, FORWARD, (), FORWARD, ()),
        (lambda a, eps=1e-6, **more: 0, FORWARD, (), dict(a=1, k=2, v=3, bias=4), ()),
        (lambda q, k, v, mask=None, **more: 0, FORWARD, (), dict(q=1, k=2, v=3, mask=4), ()),
        (lambda q, dout, **more: 0, BACKWARD, (), FORWARD | {"dout": 5}, ()),
        (max, FORWARD, (1, 2, 3, 4), {}, ()),
    ],
)
def test_calls(function, inputs, args, kwargs, left_out):
    found = arrange(function, inputs, OP, "gradient" if "dcontext" in inputs else "forward")
    if args is None:  # either way will do
        args, kwargs = (found.args, kwargs if found.kwargs else {})
        assert args in ((), (1, 2, 3))
    assert (found.args, found.kwargs, found.left_out) == (args, kwargs, left_out)
    assert bool(left_out) == any("called without" in note for note in found.notes)


@pytest.mark.parametrize(
    ("function", "inputs", "says"),
    [
        (lambda q, k: 0, FORWARD, r"takes 2 arguments \(q, k\), and is called with 4: attention"),
        (lambda a: 0, FORWARD, "takes 1 argument "),
        (lambda a, b, c, d, heads: 0, FORWARD, "takes 5 arguments"),
        (lambda a, b, c, d, *, heads: 0, FORWARD, "needs the keyword argument 'heads'"),
        (lambda dout, cache: 0, BACKWARD, "give the forward, too"),
        (lambda dout: 0, BACKWARD, "takes only the upstream gradient .*give its forward as well"),
        (lambda q, k: 0, BACKWARD, r"takes 2 arguments \(q, k\)"),
        (Attended, FORWARD, "it is a class"),
    ],
)
def test_what_cannot_be_called_is_said(function, inputs, says):
    with pytest.raises(CannotCallError, match=says):
        arrange(function, inputs, OP, "gradient" if "dcontext" in inputs else "forward")


def test_what_takes_a_cache():
    assert takes_cache(lambda dout, cache: 0, OP)
    assert not takes_cache(lambda q, k, v, bias, d: 0, OP)
    gelu = OP._replace(inputs=("x",), upstream=("dy",))
    assert takes_cache(lambda dy, cache: 0, gelu)
    assert not takes_cache(lambda x, dy: 0, gelu)
    assert not takes_cache(lambda dy, x: 0, gelu)
    assert not takes_cache(lambda a, b: 0, gelu)
    assert takes_cache(lambda a, b: 0, gelu, True)
    assert not takes_cache(lambda pred, y: 0, MSE)
    assert takes_cache(lambda pred, y: 0, MSE, True)
    assert takes_cache(lambda g, saved: 0, MSE)
    assert with_cache(lambda dout, cache: 0, "d", "c") == ("d", "c")
    assert with_cache(lambda cache, dout: 0, "d", "c") == ("c", "d")


MSE = Wanted("mse", ("a", "b"), ("dloss",), LOSS, (), (), {"gradient": "mse_gradient(a, b, dloss)"})


@pytest.mark.parametrize(
    ("function", "does"),
    [
        (lambda a, b: 0, True),
        (lambda pred, y: 0, True),
        (lambda pred, y, eps=1e-9: 0, True),
        (lambda *, a, b: 0, True),
        (lambda prediction, desired: 0, True),
        (lambda a, b, dloss: 0, False),
        (lambda a, b, upstream=1.0: 0, False),
        (lambda dout, cache: 0, False),
        (lambda x, cache: 0, False),
        (lambda a: 0, False),
        (lambda *inputs: 0, False),
    ],
)
def test_what_does_without_the_upstream_gradient(function, does):
    assert does_without_upstream(function, MSE) is does
    assert not does_without_upstream(function, OP)


def test_what_takes_the_upstream_gradient_alone():
    assert takes_upstream_alone(lambda dout: 0, OP)
    assert takes_upstream_alone(lambda dout=1.0: 0, OP)
    assert takes_upstream_alone(lambda: 0, MSE)
    assert not takes_upstream_alone(lambda q: 0, OP)
    assert not takes_upstream_alone(lambda dout, x: 0, OP)
    assert not takes_upstream_alone(lambda *inputs: 0, OP)


def test_an_upstream_gradient_under_another_name_is_told():
    relu = OP._replace(inputs=("x",), upstream=("dy",), neutral=())
    found = arrange(lambda delta, x: 0, {"x": 1, "dy": 2}, relu, "gradient")
    assert found == ((2, 1), {}, (), ("called with the upstream gradient as delta",))
    found = arrange(lambda dout, x: 0, {"x": 1, "dy": 2}, relu, "gradient")
    assert found == ((2, 1), {}, (), ())


def test_what_an_op_wants():
    steps = op_called("attention")
    found = wanted_of(steps, steps.draw()[0].inputs)
    assert found.outputs == (Want("context", "array", 4),)
    assert [want.name for want in found.gradients] == ["dq", "dk", "dv"]
    assert found.neutral == ("bias",)
