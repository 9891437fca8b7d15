"""`diagnose`: relations between numbers that need no formula."""

import math

import numpy as np
import pytest

from minibert.check.diagnose import diagnose
from minibert.check.diagnose.constants import named_constants, named_factors
from minibert.check.diagnose.relation import Pair
from minibert.check.diagnose.relations import relations

from .bent import bent, ids, needs_fork

SIZES = ({"B": 2, "L": 5, "K": 7}, {"B": 4, "L": 4, "K": 4}, {"B": 3, "L": 7, "K": 5})
RATES = ({"tau": 2.5}, {"tau": 1.7}, {"tau": 3.1})
AXES = ("B", "L", "K")


def drawn(sizes, seed=0):
    shape = tuple(sizes[axis] for axis in AXES)
    return np.random.default_rng(seed).standard_normal(shape)


def pairs_of(change, positive=False):
    """Three cases; ``change(expected, constants)`` is what is got."""
    found = []
    for n, sizes in enumerate(SIZES):
        x, constants = drawn(sizes, n), sizes | RATES[n]
        x = np.abs(x) + 0.1 if positive else x
        inputs = {"x": drawn(sizes, 9 + n), "tau": constants["tau"], "name": "text"}
        got = np.asarray(change(x, constants))
        found.append(Pair(got, x, constants, inputs, AXES))
    return found


def found_in(pairs, rtol=1e-9):
    return relations(pairs, rtol)


FACTORS = {
    "sign": lambda c: -1,
    "factor-2": lambda c: 2,
    "factor-1/2": lambda c: 0.5,
    "factor-sqrt(K)": lambda c: math.sqrt(c["K"]),
    "factor-1/sqrt(K)": lambda c: 1 / math.sqrt(c["K"]),
    "factor-K/(K-1)": lambda c: c["K"] / (c["K"] - 1),
    "factor-(B-1)/B": lambda c: (c["B"] - 1) / c["B"],
    "sum-for-mean": lambda c: c["B"] * c["L"],
    "mean-for-sum": lambda c: 1 / c["L"],
    "factor-tau": lambda c: c["tau"],
    "factor-tau^2": lambda c: c["tau"] ** 2,
    "factor-1/tau": lambda c: 1 / c["tau"],
    "factor-1/tau^2": lambda c: c["tau"] ** -2,
    "factor-1/ln2": lambda c: 1 / math.log(2),
    "factor-sqrt(2pi)": lambda c: math.sqrt(2 * math.pi),
    "factor--2": lambda c: -2,
    "factor-1/4": lambda c: 0.25,
    "factor": lambda c: 1.2345,
}


@pytest.mark.parametrize("name", FACTORS)
def test_factors(name):
    found = found_in(pairs_of(lambda x, c: x * FACTORS[name](c)))
    assert found[0].id == name
    assert len(found) == 1, found


def test_what_a_factor_is_called():
    said = [found_in(pairs_of(lambda x, c, f=f: x * f(c)))[0].phrase for f in (
        FACTORS["sum-for-mean"], FACTORS["mean-for-sum"], FACTORS["factor-1/sqrt(K)"],
        FACTORS["factor"])]  # fmt: skip
    assert said[0].startswith("is B L times what is expected")
    assert "a sum where a mean is meant" in said[0]
    assert said[1].startswith("is what is expected divided by L")
    assert "one for a sum" in said[1]
    assert said[2] == "is 1/sqrt(K) times what is expected"
    assert said[3] == "is 1.2345 times what is expected, in every case"


def test_a_coincidence_in_one_case_does_not_count():
    """Of B = 2 alone a factor 2 may be B, K a factor sqrt(4): the other cases tell."""
    b = pairs_of(lambda x, c: x * c["B"])
    alone = {r.phrase.split(" times")[0] for r in found_in(b[:1])}
    assert {"is B", "is 2"} <= alone
    assert [r.phrase.split(" times")[0] for r in found_in(b)] == ["is B"]
    assert found_in([*b[:1], *pairs_of(lambda x, c: 3 * x)[1:]]) == []
    assert found_in([*pairs_of(lambda x, c: -x)[:2], *pairs_of(lambda x, c: 1.5 * x)[2:]]) == []
    square = pairs_of(lambda x, c: x.swapaxes(1, 2))[1:2]
    other = pairs_of(lambda x, c: x + 1)[2:]
    assert found_in(square)[0].id == "permuted-axes"
    assert found_in(square + other) == []


def test_no_relation_from_a_single_number():
    one = Pair(np.array(4.0), np.array(2.0), {"B": 2}, {}, ())
    assert found_in([one]) == []
    assert found_in([one, one]) == []
    three = [one._replace(got=np.array(2 * x), expected=np.array(x)) for x in (2.0, 3.0, 5.0)]
    assert found_in(three)[0].id == "factor-2"


CHANGES = {
    "all-zero": lambda x, c: 0 * x,
    "all-alike": lambda x, c: 0 * x + 0.7,
    "reversed": lambda x, c: np.flip(x, 2),
    "rolled": lambda x, c: np.roll(x, -1, 1),
    "other-order": lambda x, c: np.sort(x, None).reshape(x.shape),
    "one-minus": lambda x, c: 1 - x,
    "squared": lambda x, c: x * x,
    "exponential": lambda x, c: np.exp(x),
    "absolute": lambda x, c: np.abs(x),
    "inverse": lambda x, c: 1 / x,
    "not-negative": lambda x, c: np.maximum(x, 0),
    "offset": lambda x, c: x + 0.123,
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes(name):
    found = found_in(pairs_of(CHANGES[name]))
    assert found[0].id == name
    assert found_in(pairs_of(lambda x, c: x + 1e-3 * drawn(c, 5))) == []


def test_changes_of_positive_numbers():
    assert [r.id for r in found_in(pairs_of(lambda x, c: np.sqrt(x), positive=True))] == ["rooted"]
    found = found_in(pairs_of(lambda x, c: np.log(x), positive=True))
    assert [r.id for r in found] == ["logarithm"]


def test_axes_and_places_are_named():
    said = {name: found_in(pairs_of(CHANGES[name]))[0].phrase for name in ("reversed", "rolled")}
    assert said["reversed"] == "stands in reverse order along the axis K"
    assert said["rolled"] == "is shifted by -1 along the axis L"
    found = found_in(pairs_of(CHANGES["offset"]))
    assert found[0].phrase == "is too large by 0.123 everywhere"
    found = found_in(pairs_of(lambda x, c: x + c["B"] / 7))
    assert found[0].phrase == "differs by one number that is the same everywhere"


def test_inputs():
    x = [drawn(sizes, 9 + n) for n, sizes in enumerate(SIZES)]

    def with_input(f):
        pairs = pairs_of(lambda e, c: e)
        return [p._replace(got=f(p.expected, x[n])) for n, p in enumerate(pairs)]

    for name, f in {
        "is-x": lambda e, x: x,
        "plus-x": lambda e, x: e + x,
        "without-x": lambda e, x: e - x,
        "times-x": lambda e, x: e * x,
        "over-x": lambda e, x: e / x,
    }.items():
        assert found_in(with_input(f))[0].id == name


SHAPES = {
    "permuted-axes": (lambda x, c: x.transpose(2, 0, 1), "in the order (K,B,L)"),
    "reduced": (lambda x, c: x.sum(1), "the sum over L of"),
    "merged-axes": (lambda x, c: x.swapaxes(1, 2).reshape(len(x), -1), "(B,K,L) and some merged"),
    "reshaped": (lambda x, c: x.reshape(x.shape[0], x.shape[2], x.shape[1]), "for a transpose"),
    "extra-axis": (lambda x, c: x[:, None], "the axis 1"),
    "not-reduced": (lambda x, c: np.stack([x - 1, x + 1, x]), "its mean over axis 0"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    change, says = SHAPES[name]
    found = found_in(pairs_of(change))
    assert found[0].id == name
    assert says in found[0].phrase


def test_a_square_case_does_not_hide_exchanged_axes():
    found = found_in(pairs_of(lambda x, c: x.swapaxes(1, 2)))
    assert found[0].id == "permuted-axes"
    assert "(B,K,L)" in found[0].phrase


@pytest.mark.parametrize(
    "end",
    [
        lambda x, c: x.mean(),
        lambda x, c: x.mean((0, 2), keepdims=True),
        lambda x, c: x.sum(-1),
    ],
)
def test_reductions(end):
    assert {r.id for r in found_in(pairs_of(end))} == {"reduced"}


def test_codes():
    def codes(change, kind=int):
        arrays = [(drawn(sizes, n) * 5).astype(kind) for n, sizes in enumerate(SIZES)]
        return [Pair(np.asarray(change(a)), a, {}, {}, AXES) for a in arrays]

    (one,) = found_in(codes(lambda a: a + 1))
    assert (one.id, one.phrase) == ("offset", "is +1 off everywhere")
    assert found_in(codes(lambda a: a * 2)) == []
    assert found_in(codes(lambda a: ~a, bool))[0].id == "inverted"
    assert found_in(codes(lambda a: a.astype(str))) == []


def test_what_is_not_finite_has_no_relation():
    for bad in (np.nan, np.inf):
        assert found_in(pairs_of(lambda x, c, bad=bad: np.where(x > 1, bad, x))) == []


def test_constants_and_factors():
    inputs = {"q": np.zeros((2, 3, 5, 7)), "tau": 2.5, "flag": True, "text": "a"}
    axes = {"q": ("B", "H", "L", "K"), "tau": None, "flag": None, "text": None}
    found = named_constants(inputs, axes)
    assert found == {"B": 2, "H": 3, "L": 5, "K": 7, "tau": 2.5, "D": 21}
    factors = named_factors(found)
    assert factors["1/sqrt(D)"] == pytest.approx(21**-0.5)
    assert factors["1/(B L)"] == pytest.approx(0.1)
    assert factors["-tau^2"] == -6.25


@needs_fork
@pytest.mark.parametrize(
    ("op", "end", "id", "sentence"),
    [
        ("layernorm", lambda y: -y, "sign", "y has the wrong sign."),
        ("layernorm", lambda y: y + 0.5, "offset", "y is too large by 0.5 everywhere."),
        ("mse", lambda y: 2 * y, "factor-2", "loss is 2 times what is expected."),
        ("mse", lambda y: 0 * y + 3, "all-alike", "loss is the same number everywhere."),
        ("softmax", lambda p: np.roll(p, 1, -1), "rolled", "p is shifted by +1 along the axis D."),
        ("softmax", lambda p: 1 - p, "one-minus", "p is 1 minus what is expected."),
        ("uniform_map", lambda m: m - 2, "offset", "layers is -2 off everywhere."),
    ],
)
def test_through_diagnose(op, end, id, sentence):
    found = diagnose(op, bent(op, end=lambda y: (end(y),)))
    assert ids(found)[0] == id
    assert found.causes[0].sentence == sentence
    assert not found.certain
    assert "Consistent with:" in str(found)


@needs_fork
def test_a_constant_of_the_sizes_through_diagnose():
    f = bent("linear", part="gradient", end=lambda dx, dw, db: (dx, dw / 5, db))
    assert ids(diagnose("linear", gradient=f)) == ["factor"]

    def by_tokens(*args):
        dx, dw, db = bent("linear", part="gradient")(*args)
        return dx, dw / args[0].shape[1], db

    found = diagnose("linear", gradient=by_tokens)
    assert ids(found) == ["mean-for-sum"]
    assert "what is expected divided by L" in found.causes[0].sentence
