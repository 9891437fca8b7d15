"""Relations between two sets of numbers that need no formula: a sign, a factor, another order.

Every function here takes one output's arrays, got and expected, over all cases, and says what the
first are of the second: twice, the negative, divided by sqrt(K), with two axes exchanged. A
relation counts only if the same one holds in every case; the cases have other sizes, so that 1/B
and 1/2 are told apart.
"""

import math
from collections.abc import Callable
from functools import partial
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np

from minibert.check.diagnose.observed import distance, is_real, named_arrays

FEWEST = 3  # numbers; any two have a ratio and a difference
MOST_AXES = 3  # more than expected: over each set of them it may be summed


class Relation(NamedTuple):
    """What numbers are of others: an id and half a sentence, "is twice what is expected"."""

    id: str
    phrase: str
    apply: Callable | None = None  # to what is expected, where it is looked for in that way


class Pair(NamedTuple):
    """One output in one case."""

    got: np.ndarray
    expected: np.ndarray
    constants: dict  # name -> number: sizes, and the numbers among the inputs
    inputs: dict
    axes: tuple | None


def relations(pairs, rtol):
    """The relations that hold in every case, the simplest first.

    Parameters
    ----------
    pairs : list of Pair
    rtol : float

    Returns
    -------
    list of Relation
    """
    if not all(is_real(p.expected) and p.got.dtype.kind in "fiub" for p in pairs):
        return _of_codes(pairs)
    pairs = _as_floats(pairs)
    if not all(p.got.size for p in pairs):
        return []
    if any(p.got.shape != p.expected.shape for p in pairs):  # a square case may hide it
        near = all(p.got.ndim <= p.expected.ndim + MOST_AXES for p in pairs)
        return _of_shape(pairs, rtol) if near else []
    if sum(p.got.size for p in pairs) < FEWEST:
        return []
    kinds = (_constants, _factors, _axes, _places, _functions, _offsets, _inputs)
    return [relation for kind in kinds for relation in kind(pairs, rtol)]


def by_row(pairs, rtol):
    """Relations that say little: one number for each row along an axis."""
    real = all(is_real(p.expected) and p.got.dtype.kind in "fiub" for p in pairs)
    same = real and all(p.got.shape == p.expected.shape for p in pairs)
    pairs = _as_floats(pairs) if same else pairs
    found = []
    for axis in range(pairs[0].expected.ndim - 1, -1, -1) if same else ():
        if any(p.expected.shape[axis] < FEWEST or p.expected.ndim < 2 for p in pairs):
            continue
        named = pairs[0].axes[axis] if pairs[0].axes else str(axis)
        if all(_near(p.got, p.expected + _mean(p.got - p.expected, axis), rtol) for p in pairs):
            said = f"is off by something that does not depend on the axis {named}"
            found.append(Relation("offset-by-row", said))
        if all(_near(p.got, p.expected * _slope(p, axis), rtol) for p in pairs):
            said = f"is multiplied by something that does not depend on the axis {named}"
            found.append(Relation("factor-by-row", said))
    return found


def _mean(x, axis):
    return x.mean(axis, keepdims=True)


def _slope(p, axis):
    """The factor of each row that comes nearest."""
    with np.errstate(all="ignore"):
        products = (p.got * p.expected).sum(axis, keepdims=True)
        return products / (p.expected * p.expected).sum(axis, keepdims=True)


def _as_floats(pairs):
    """Truth values cannot be subtracted, and small integers overflow."""
    return [p._replace(got=np.asarray(p.got, np.float64)) for p in pairs]


def named_constants(inputs, axes_of):
    """The numbers that a factor may be made of: sizes by their letters, and plain inputs.

    Parameters
    ----------
    inputs : dict
    axes_of : dict of str to tuple
        The axes of each input.
    """
    found = {}
    for name, axes in axes_of.items():
        if name not in inputs:
            continue
        if axes and np.ndim(inputs[name]) == len(axes):
            found |= dict(zip(axes, np.shape(inputs[name]), strict=True))
        elif isinstance(inputs[name], (int, float)) and not isinstance(inputs[name], bool):
            found[name] = inputs[name]
    found = {name: n for name, n in found.items() if not name.isdigit()}
    if "H" in found and "K" in found:
        found["D"] = found["H"] * found["K"]
    return found


def named_factors(constants):
    """Factors that people forget or add, by their names, the plainest first.

    Examples
    --------
    >>> named_factors({"K": 4})["1/sqrt(K)"]
    0.5
    """
    found = {"-1": -1.0, "2": 2.0, "1/2": 0.5}
    letters = [name for name in constants if name.isupper()]
    for x in letters:
        n = constants[x]
        found |= {x: n, f"1/{x}": 1 / n, f"sqrt({x})": math.sqrt(n), f"1/sqrt({x})": n**-0.5}
        found |= {f"{x}/({x}-1)": n / (n - 1), f"({x}-1)/{x}": (n - 1) / n} if n > 1 else {}
    for x in (name for name in constants if not name.isupper()):
        n = constants[x]
        if n:
            found |= {x: n, f"1/{x}": 1 / n, f"{x}^2": n * n, f"1/{x}^2": 1 / (n * n)}
        if 0 < n < 1:
            found |= {f"1-{x}": 1 - n, f"1/(1-{x})": 1 / (1 - n)}
    for many in range(2, len(letters) + 1):
        for some in combinations(letters, many):
            n, name = math.prod(constants[x] for x in some), " ".join(some)
            found |= {name: n, f"1/({name})": 1 / n}
    found |= {"ln 2": math.log(2), "1/ln 2": 1 / math.log(2), "sqrt(2)": 2**0.5}
    found |= {"1/sqrt(2)": 2**-0.5, "1/4": 0.25, "4": 4.0, "ln 10": math.log(10)}
    for name, square in {"sqrt(pi)": math.pi, "sqrt(2 pi)": 2 * math.pi}.items():
        found |= {name: square**0.5, f"1/{name}": square**-0.5}
    return found | {f"-{name}": -n for name, n in found.items() if name != "-1"}


def _constants(pairs, rtol):
    """Nothing but one number."""
    if all(p.got.size and not p.got.any() for p in pairs) and any(p.expected.any() for p in pairs):
        return [Relation("all-zero", "is zero everywhere")]
    numbers, truth = (np.concatenate([x.ravel() for x in xs]) for xs in
                      ([p.got for p in pairs], [p.expected for p in pairs]))  # fmt: skip
    flat = all(p.got.size > 1 and np.ptp(p.got) <= rtol * abs(p.got.flat[0]) for p in pairs)
    if (flat or np.ptp(numbers) <= rtol * abs(numbers[0])) and np.ptp(truth) > rtol * abs(truth[0]):
        return [Relation("all-alike", "is the same number everywhere")]
    return []


def _factors(pairs, rtol):
    """A factor with a name that fits every case, or the same number in all of them."""
    factors = [_factor(p, rtol) for p in pairs]
    if any(f is None for f in factors):
        return []
    tables = [named_factors(p.constants) for p in pairs]
    near = max(10 * rtol, 1e-9)
    found = [
        _scaled(name)
        for name in tables[0]
        if all(name in t and abs(t[name] - f) <= near * abs(f)
               for t, f in zip(tables, factors, strict=True))
    ]  # fmt: skip
    if not found and np.ptp(factors) <= near * abs(factors[0]):
        c = factors[0]
        phrase = f"is {c:.6g} times what is expected, in every case"
        return [Relation("factor", phrase)]
    return found


def _scaled(name):
    if name == "-1":
        return Relation("sign", "has the wrong sign")
    if _is_count(name):
        said = f"is {name} times what is expected: a sum where a mean is meant?"
        return Relation("sum-for-mean", said)
    if name.startswith("1/") and _is_count(name[2:].strip("()")):
        said = f"is what is expected divided by {name[2:]}: a mean too many, or one for a sum?"
        return Relation("mean-for-sum", said)
    return Relation(f"factor-{name}".replace(" ", ""), f"is {name} times what is expected")


def _is_count(name):
    """Whether it is a product of sizes, such as "B L"."""
    letters = name.replace(" ", "")
    return letters.isalpha() and letters.isupper()


def _factor(p, rtol):
    """The one number that makes expected got, if there is one."""
    square = float(np.vdot(p.expected, p.expected))
    if not np.isfinite(p.got).all() or not 0 < square < np.inf:
        return None
    c = float(np.vdot(p.expected, p.got)) / square
    same = c and _near(p.got, c * p.expected, rtol)
    return c if same and abs(c - 1) > 10 * rtol else None


def _axes(pairs, rtol):
    """Two axes exchanged where their sizes are equal, or an axis the other way round or moved."""
    found = []
    for relation in _moves(pairs[0].expected.ndim, pairs[0].axes):
        if all(_is(p.got, relation.apply, p.expected, rtol) for p in pairs):
            found.append(relation)
    return found


def _moves(ndim, axes):
    named = axes if axes and len(axes) == ndim else tuple(map(str, range(ndim)))
    for i, j in combinations(range(ndim), 2):
        said = f"has the axes {named[i]} and {named[j]} exchanged"
        yield Relation("permuted-axes", said, lambda x, i=i, j=j: np.swapaxes(x, i, j))
    for i in range(ndim):
        said = f"stands in reverse order along the axis {named[i]}"
        yield Relation("reversed", said, lambda x, i=i: np.flip(x, i))
        for n in (1, -1):
            said = f"is shifted by {n:+d} along the axis {named[i]}"
            yield Relation("rolled", said, lambda x, i=i, n=n: np.roll(x, n, i))


def _places(pairs, rtol):
    """The same numbers, elsewhere."""
    if pairs[0].expected.ndim < 1 or pairs[0].expected.size < 2:
        return []
    if all(_near(np.sort(p.got, None), np.sort(p.expected, None), rtol) for p in pairs):
        return [Relation("other-order", "holds the right numbers in another order")]
    return []


FUNCTIONS = (
    Relation("squared", "is the square of what is expected", np.square),
    Relation("rooted", "is the square root of what is expected", np.sqrt),
    Relation("one-minus", "is 1 minus what is expected", lambda x: 1 - x),
    Relation("logarithm", "is the logarithm of what is expected", np.log),
    Relation("exponential", "is exp of what is expected", np.exp),
    Relation("absolute", "is the absolute value of what is expected", np.abs),
    Relation("inverse", "is 1 divided by what is expected", lambda x: 1 / x),
    Relation("not-negative", "is what is expected with zero for what is negative",
             lambda x: np.maximum(x, 0)),
)  # fmt: skip


def _functions(pairs, rtol):
    return [f for f in FUNCTIONS if all(_is(p.got, f.apply, p.expected, rtol) for p in pairs)]


def _offsets(pairs, rtol):
    """A number too much, the same everywhere."""
    offsets = [p.got - p.expected for p in pairs]
    sizes = [max(float(np.abs(p.expected).max(initial=0)), 1e-300) for p in pairs]
    if not all(d.size and np.isfinite(d).all() for d in offsets):
        return []
    flat = all(np.ptp(d) <= 10 * rtol * n for d, n in zip(offsets, sizes, strict=True))
    if not flat or not all(np.abs(d).max() > 10 * rtol * n
                           for d, n in zip(offsets, sizes, strict=True)):  # fmt: skip
        return []
    c = [float(d.flat[0]) for d in offsets]
    if np.ptp(c) <= 10 * rtol * max(sizes):
        return [Relation("offset", f"is too large by {c[0]:.6g} everywhere")]
    if all(d.size > 1 for d in offsets):
        return [Relation("offset", "differs by one number that is the same everywhere")]
    return []


def _inputs(pairs, rtol):
    """An input added, multiplied in, or left out; or the input itself."""
    found = []
    for name, x in pairs[0].inputs.items():
        if not isinstance(x, (np.ndarray, float)):
            continue
        for relation in _with_input(name):
            if not np.ndim(x) and relation.id.startswith(("times", "over")):
                continue  # a named factor, as `_factors` has it
            others = [partial(_second, relation.apply, np.asarray(p.inputs[name])) for p in pairs]
            if all(_is(p.got, f, p.expected, rtol) for p, f in zip(pairs, others, strict=True)):
                found.append(relation)
    return found


def _second(f, x, expected):
    return f(expected, x)


def _with_input(name):
    yield Relation(f"is-{name}", f"is the input {name}, as it was given", lambda e, x: x + 0 * e)
    yield Relation(f"plus-{name}", f"has {name} added once too often", lambda e, x: e + x)
    yield Relation(f"without-{name}", f"lacks {name}, which is to be added", lambda e, x: e - x)
    yield Relation(f"times-{name}", f"is multiplied by {name} once too often", lambda e, x: e * x)
    yield Relation(f"over-{name}", f"lacks the factor {name}", lambda e, x: e / x)


def _of_shape(pairs, rtol):
    """What is related but of another shape: transposed, reduced, flattened."""
    found = _extra_axis(pairs, rtol) or _not_reduced(pairs, rtol)
    for relation in _reshapings(pairs[0]):
        if all(_is(p.got, relation.apply, p.expected, rtol) for p in pairs):
            found.append(relation)
    return found or _reshaped(pairs, rtol)


def _extra_axis(pairs, rtol):
    """An axis of length 1 that is not wanted."""
    for axis in range(pairs[0].got.ndim):
        alone = all(p.got.ndim > axis and p.got.shape[axis] == 1 for p in pairs)
        if alone and all(_near(p.got.squeeze(axis), p.expected, rtol) for p in pairs):
            said = f"holds the right numbers, with an axis of length 1 too many, the axis {axis}"
            return [Relation("extra-axis", said)]
    return []


def _reshaped(pairs, rtol):
    if not all(_near(p.got.ravel(), p.expected.ravel(), rtol) for p in pairs):
        return []
    said = "holds the right numbers in their order, but in another shape: a reshape for a transpose"
    return [Relation("reshaped", f"{said}?")]


def _reshapings(pair):
    ndim = pair.expected.ndim
    axes = pair.axes if pair.axes and len(pair.axes) == ndim else tuple(map(str, range(ndim)))
    if ndim <= 5:
        for order in permutations(range(ndim)):
            if order != tuple(range(ndim)):
                named = ",".join(axes[i] for i in order)
                said = f"holds the right numbers with its axes in the order ({named})"
                yield Relation("permuted-axes", said, lambda x, o=order: np.transpose(x, o))
    for many in range(1, ndim + 1):
        for some in combinations(range(ndim), many):
            named = " and ".join(axes[i] for i in some)
            for word, f in (("sum", np.sum), ("mean", np.mean)):
                said = f"is reduced once too often: the {word} over {named} of what is expected"
                yield Relation("reduced", said, lambda x, f=f, s=some: f(x, axis=s))
                yield Relation("reduced", said, lambda x, f=f, s=some: f(x, axis=s, keepdims=True))
    few = pair.got.ndim
    if few < ndim <= 5:
        for order in permutations(range(ndim)):
            named = ",".join(axes[i] for i in order)
            merged = f"holds the right numbers, its axes in the order ({named}) and some merged"
            yield Relation("merged-axes", merged, partial(_merged, order, few))


def _merged(order, ndim, x):
    """The axes in another order, and the last ones as one."""
    moved = np.transpose(x, order)
    return moved.reshape(*moved.shape[: ndim - 1], -1)


def _not_reduced(pairs, rtol):
    """What is right once it is summed, or averaged, over some axes."""
    ndim = pairs[0].got.ndim
    if any(p.got.ndim != ndim for p in pairs):
        return []
    for many in range(1, ndim + 1):
        for some in combinations(range(ndim), many):
            for word, f in (("mean", np.mean), ("sum", np.sum)):
                reduced = [np.asarray(f(p.got, axis=some)) for p in pairs]
                if all(r.shape == p.expected.shape and _near(r, p.expected, rtol)
                       for r, p in zip(reduced, pairs, strict=True)):  # fmt: skip
                    over = "all its axes" if many == ndim else f"axis {', '.join(map(str, some))}"
                    said = f"is not reduced: its {word} over {over} is what is expected"
                    return [Relation("not-reduced", said)]
    return []


def _of_codes(pairs):
    """Of integers, truth values and texts."""
    if any(p.got.shape != p.expected.shape or p.got.dtype.kind not in "iub" for p in pairs):
        return []
    if all(p.expected.dtype.kind == "b" and (p.got.astype(bool) != p.expected).all()
           for p in pairs):  # fmt: skip
        return [Relation("inverted", "is true where it should be false, and the other way")]
    if all(p.expected.dtype.kind in "iu" and p.got.size for p in pairs):
        offsets = {int(d) for p in pairs for d in np.unique(p.got.astype(int) - p.expected)}
        if len(offsets) == 1:
            return [Relation("offset", f"is {offsets.pop():+d} off everywhere")]
    return []


def _is(got, change, expected, rtol):
    with np.errstate(all="ignore"):
        try:
            other = np.asarray(change(expected))
        except (ValueError, IndexError):  # does not fit that shape
            return False
    return other.shape == got.shape and np.isfinite(other).all() and _near(got, other, rtol)


def _near(a, b, rtol):
    return distance(named_arrays((a,), "x"), named_arrays((b,), "x")) <= rtol
