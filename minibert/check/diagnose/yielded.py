"""The steps that a generator yields: the first that is wrong, and whether the rest follows it."""

from typing import NamedTuple

import numpy as np

from minibert.check.diagnose.constants import named_constants
from minibert.check.diagnose.diagnosis import RELATED
from minibert.check.diagnose.observed import distance, named_arrays
from minibert.check.diagnose.relation import Pair
from minibert.check.diagnose.relations import relations


class WrongStep(NamedTuple):
    """The step's number and name, and lines about it."""

    where: str
    lines: tuple


def first_wrong_step(part, rtol):
    """The first step that the function yields and that is not the formula's.

    Steps are found by their names; one without a name, or with another, by its numbers.

    Parameters
    ----------
    part : Part
    rtol : float

    Returns
    -------
    WrongStep or None
        None where it yields nothing, or nothing wrong.
    """
    (_, result), observed = part.returned[0], part.observed[0]
    inner = part.steps.needed(part.name)
    truth = part.steps.values(observed.inputs, inner)
    for place, (name, array) in enumerate(result.steps):
        if name not in inner:
            if any(_near(array, truth[other], rtol) for other in inner):
                continue
            called = f"{name!r}" if name else f"number {place + 1}"
            known = ", ".join(step.name for step in part.steps.steps if step.name in inner)
            line = f"The step {called} that it yields is none of {known}."
            return WrongStep("", (line,))
        if not _near(array, truth[name], rtol):
            where = part.steps.place(name)
            of_right = _relation(part, name, place, rtol)
            line = f"The first wrong step that it yields is {where}{of_right}"
            return WrongStep(where, (line, _rest(part, name, array, observed, rtol)))
    if result.steps:
        return WrongStep("", ("All the steps that it yields are right: what follows them is not.",))
    return None


def _relation(part, name, place, rtol):
    """What it is of the right one, if that is something plain."""
    pairs = []
    for (_, result), observed in zip(part.returned, part.observed, strict=True):
        called, array = dict(enumerate(result.steps)).get(place, ("", None))
        if called != name:  # the number of steps depends on the sizes
            return ""
        truth = part.steps.values(observed.inputs, [name])[name]
        constants = named_constants(observed.inputs, dict(part.steps.arguments(part.name)))
        pairs.append(Pair(np.asarray(array), np.asarray(truth), constants, observed.inputs, None))
    found = relations(pairs, rtol)
    return RELATED + found[0].phrase if found else ""


def _rest(part, name, array, observed, rtol):
    """Whether the results follow from the wrong step."""
    names = [result.name for result in part.steps.results(part.name)]
    try:
        results = part.steps.run(observed.inputs, part.name, after={name: lambda _: array})
        follows = distance(observed.got, named_arrays(results, names)) <= rtol
    except Exception:  # of another shape it may not fit what comes next
        follows = False
    if follows:
        return "Everything after it follows from it."
    return "What comes after it does not follow from it: there is another mistake."


def _near(array, truth, rtol):
    try:
        return distance(*(named_arrays((x,), ("step",)) for x in (array, truth))) <= rtol
    except ValueError:  # the formula's own step is no array, but lists of other lengths
        return False
