"""Ways to spoil a number within a formula, a step's or an input's: negated, scaled, summed.

What no mistake of the catalogue explains is often one step that is left out, scaled, or summed over
an axis too many. Each way here is tried at every step and at every input.
"""

from itertools import combinations

import numpy as np

from minibert.check.diagnose.constants import named_factors

PLAIN = (
    ("transposed", "were transposed", lambda x: np.swapaxes(x, -1, -2)),
    ("one", "were 1: it is left out", np.ones_like),
    ("zero", "were 0: it is left out", lambda x: 0.0 * x),
    ("squared", "were squared", np.square),
    ("rooted", "were under a square root", np.sqrt),
    ("absolute", "had no sign", np.abs),
    ("inverse", "were 1 divided by it", lambda x: 1 / x),
    ("logarithm", "were its logarithm", np.log),
    ("exponential", "were exp of it", np.exp),
    ("one-minus", "were 1 minus it", lambda x: 1 - x),
    ("reversed", "were in reverse order along its last axis", lambda x: np.flip(x, -1)),
    ("rolled", "were shifted by one along its last axis", lambda x: np.roll(x, 1, -1)),
)


def ways(value, factors, plain=True):
    """The ways to spoil a value.

    Parameters
    ----------
    value : float or ndarray of float
        As it is in one case; its axes tell what it can be summed over.
    factors : dict of str to dict
        By case, the factors that it may be multiplied by, as `plain_factors` names them.
    plain : bool
        Whether anything but a factor is tried.

    Yields
    ------
    id, phrase : str
        The phrase goes after "as if it".
    function : callable
        ``function(x, observed)`` -> the spoiled value.
    """
    for id, phrase, function in PLAIN if plain else ():
        yield id, phrase, lambda x, o, f=function: f(x)
    ndim = np.ndim(value)
    for many in range(1, ndim + 1):
        for axes in combinations(range(ndim), many):
            over = "everything" if many == ndim else f"axis {', '.join(map(str, axes))}"
            for id, word, f in (("summed", "summed", np.sum), ("averaged", "averaged", np.mean)):
                yield id, f"were {word} over {over}", _reduced(f, axes)
    for name in next(iter(factors.values())):
        factor = _times(factors, name)
        if name == "-1":
            yield "sign", "had the other sign", factor
        else:
            yield f"factor-{name}".replace(" ", ""), f"were multiplied by {name}", factor


def _times(factors, name):
    """A multiplication by a factor, which may differ from case to case."""
    return lambda x, o: x * factors[o.case].get(name, np.nan)


def plain_factors(constants):
    """`named_factors` without products of sizes, which are for results."""
    letters = [name for name in constants if name.isupper()]
    return {
        name: n for name, n in named_factors(constants).items()
        if sum(name.count(x) for x in letters) < 2 or "-1)" in name
    }  # fmt: skip


def _reduced(f, axes):
    """A sum or a mean in each place of what was summed."""
    return lambda x, o: np.broadcast_to(f(x, axis=axes, keepdims=True), np.shape(x)).copy()
