"""Relations between two sets of numbers that need no formula: a sign, a factor, another order.

Every function here takes one output's arrays, got and expected, over all cases, and says what the
first are of the second: twice, the negative, divided by sqrt(K), with two axes exchanged. A
relation counts only if the same one holds in every case; the cases have other sizes, so that 1/B
and 1/2 are told apart.
"""

from functools import partial
from itertools import combinations

import numpy as np

from minibert.check.diagnose.constants import named_factors
from minibert.check.diagnose.observed import is_real
from minibert.check.diagnose.relation import Relation, holds, near
from minibert.check.diagnose.shapes import of_shape

FEWEST = 3  # numbers; any two have a ratio and a difference


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
        return of_shape(pairs, rtol)
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
        if all(near(p.got, p.expected + _mean(p.got - p.expected, axis), rtol) for p in pairs):
            said = f"is off by something that does not depend on the axis {named}"
            found.append(Relation("offset-by-row", said))
        if all(near(p.got, p.expected * _slope(p, axis), rtol) for p in pairs):
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
    close = max(10 * rtol, 1e-9)
    found = [
        _scaled(name)
        for name in tables[0]
        if all(name in t and abs(t[name] - f) <= close * abs(f)
               for t, f in zip(tables, factors, strict=True))
    ]  # fmt: skip
    if not found and np.ptp(factors) <= close * abs(factors[0]):
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
    same = c and near(p.got, c * p.expected, rtol)
    return c if same and abs(c - 1) > 10 * rtol else None


def _axes(pairs, rtol):
    """Two axes exchanged where their sizes are equal, or an axis the other way round or moved."""
    found = []
    for relation in _moves(pairs[0].expected.ndim, pairs[0].axes):
        if all(holds(p.got, relation.apply, p.expected, rtol) for p in pairs):
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
    if all(near(np.sort(p.got, None), np.sort(p.expected, None), rtol) for p in pairs):
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
    return [f for f in FUNCTIONS if all(holds(p.got, f.apply, p.expected, rtol) for p in pairs)]


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
            if all(holds(p.got, f, p.expected, rtol) for p, f in zip(pairs, others, strict=True)):
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


