"""Relations between numbers of different shapes: transposed, merged, summed, an axis too many."""

from functools import partial
from itertools import combinations, permutations

import numpy as np

from minibert.check.diagnose.relation import Relation, holds, near

MOST_AXES = 3  # more than expected: over each set of them it may be summed


def of_shape(pairs, rtol):
    """What is related but of another shape: transposed, reduced, flattened."""
    if any(p.got.ndim > p.expected.ndim + MOST_AXES for p in pairs):
        return []
    found = _extra_axis(pairs, rtol) or _not_reduced(pairs, rtol)
    for relation in _reshapings(pairs[0]):
        if all(holds(p.got, relation.apply, p.expected, rtol) for p in pairs):
            found.append(relation)
    return found or _reshaped(pairs, rtol)


def _extra_axis(pairs, rtol):
    """An axis of length 1 that is not wanted."""
    for axis in range(pairs[0].got.ndim):
        alone = all(p.got.ndim > axis and p.got.shape[axis] == 1 for p in pairs)
        if alone and all(near(p.got.squeeze(axis), p.expected, rtol) for p in pairs):
            said = f"holds the right numbers, with an axis of length 1 too many, the axis {axis}"
            return [Relation("extra-axis", said)]
    return []


def _reshaped(pairs, rtol):
    if not all(near(p.got.ravel(), p.expected.ravel(), rtol) for p in pairs):
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
                if all(r.shape == p.expected.shape and near(r, p.expected, rtol)
                       for r, p in zip(reduced, pairs, strict=True)):  # fmt: skip
                    over = "all its axes" if many == ndim else f"axis {', '.join(map(str, some))}"
                    said = f"is not reduced: its {word} over {over} is what is expected"
                    return [Relation("not-reduced", said)]
    return []
