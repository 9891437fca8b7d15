"""The table of formulas: for each its source, its equations, inputs, loop form and gradients.

`FORMULAS` is what `minibert verify` goes through, what the golden files are made for, and what
the op tests run over. To add a formula: a `Formula` with its cases in a file of this package, a
reference in tests/oracle/references/, and `python tests/make_golden.py ID`.
"""

from minibert import kernels as F
from minibert.check.cases import (
    attention,
    cost,
    distill,
    evaluation,
    fused,
    heads,
    int8,
    losses,
    masks,
    model,
    ops,
    printed,
    prune,
    text,
    train,
)
from minibert.check.cases.case import PRIMES, SQUARE, Case, Formula, Sizes
from minibert.data.names import nearest_name

FAMILIES = (
    *(ops, attention, masks, losses, fused, int8, model, heads),
    *(distill, train, prune, text, printed, evaluation, cost),
)
FORMULAS = tuple(formula for family in FAMILIES for formula in family.FORMULAS)
CASES = tuple(case for formula in FORMULAS for case in formula.cases)
OP_CASES = tuple(  # the cases of the ops with a gradient
    case for case in CASES if case.pair is None and case.wrt and f"{case.op}_backward" in F.OPS
)


def formula_called(name):
    """The formula with this id, or with a case of this name.

    Raises
    ------
    ValueError
        There is none; the message has the nearest id.
    """
    for formula in FORMULAS:
        if name == formula.id or name in map(str, formula.cases):
            return formula
    ids = [formula.id for formula in FORMULAS]
    raise ValueError(f"there is no formula {name!r}{nearest_name(name, ids)}: {', '.join(ids)}")
