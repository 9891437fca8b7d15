"""What wrong numbers are consistent with: one mistake, a relation, or two mistakes together.

Explanations are tried from the simplest on, and the search ends with the first kind that has any:

    one mistake of the catalogue
    a relation of every wrong output to what is expected (a sign, a factor, another order)
    two mistakes at different steps
    a step within the formula, or an input, that is left out, negated, scaled, summed
    one mistake, and a relation of its result
    one output explained, another not
    a number of its own for each row

One fits if it gives the function's numbers within the tolerance in every case.
"""

import inspect
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from minibert.check.diagnose.constants import named_constants
from minibert.check.diagnose.observed import FAR, distance, error_of, is_real, named_arrays
from minibert.check.diagnose.relation import Pair
from minibert.check.diagnose.relations import by_row, relations
from minibert.check.diagnose.spoiled import plain_factors, ways
from minibert.check.mistakes.steps import parameters
from minibert.data.names import in_words

BETTER = 10  # times nearer than the truth: an explanation that is not, explains nothing


class Cause(NamedTuple):
    """Something that the numbers are consistent with.

    Attributes
    ----------
    id, sentence : str
    lesson : str
        Why it is wrong, or what to do instead; empty for a relation.
    step : str
        Where in the formula: "(1) s".
    also : str
        The id of the other cause where it takes two.
    of : str
        The result that it explains, where others have causes of their own.
    """

    id: str
    sentence: str
    lesson: str = ""
    step: str = ""
    also: str = ""
    of: str = ""

    def __str__(self):
        return f"{self.id}: {self.sentence}"


class Explained(NamedTuple):
    """What was found.

    Attributes
    ----------
    causes : tuple of Cause
        The most likely first; empty where nothing fits.
    certain : bool
        One explanation of the catalogue fits, and no other does.
    ruled_out : tuple of str
        The ids of the mistakes of this op that were tried and do not fit alone.
    unexplained : tuple of str
        Outputs that the causes leave open.
    """

    causes: tuple
    certain: bool
    ruled_out: tuple
    unexplained: tuple = ()


def explain(steps, part, observed, rtol, finite=False):
    """Find what explains the numbers of a wrong function.

    Parameters
    ----------
    steps : Steps
    part : {"forward", "gradient"}
    observed : list of Observed
    rtol : float
    finite : bool
        Whether only what is finite is to be explained.

    Returns
    -------
    Explained
    """
    search = _Search(steps, part, observed, rtol, finite)
    found = search.alone()
    alone = [search.cause(m) for m in found]
    ids = tuple(m.id for m in search.mistakes if m not in found)
    pairs = search.pairs(without=found)
    if alone:
        certain = len(alone) == 1 and not pairs and not search.is_blank()
        return Explained(tuple(alone), certain, ids)
    if causes := search.of_results():
        return Explained(tuple(causes), False, ids)
    if pairs:
        return Explained(tuple(c for both in pairs for c in both), len(pairs) == 1, ids)
    for kind in (search.of_steps, search.mistake_and_relation):
        if causes := kind():
            return Explained(tuple(causes), False, ids)
    causes, left = search.of_single_results()
    if not causes:
        causes = search.of_results(by_row)
    return Explained(tuple(causes), False, ids, left)


class _Search:
    """The ways to explain what was observed."""

    def __init__(self, steps, part, observed, rtol, finite):
        self.steps, self.part, self.observed, self.rtol = steps, part, observed, rtol
        self.finite = finite
        self.mistakes = [m for m in steps.mistakes if steps.fits(m, part)]
        self.truth = max(distance(o.got, self.shown(o, o.expected), o.floors) for o in observed)
        names = [name for name, _ in steps.results(part)]
        self.wrong = [
            name
            for name in dict.fromkeys(key for o in observed for key in (*o.expected, *o.got))
            if any(error_of(name, o.got, o.expected, o.floors) > rtol for o in observed)
        ]
        self.names = names

    def is_blank(self):
        """Whether all that is wrong is zero, as of what is still to be written."""
        wrong = [o.got[name] for o in self.observed for name in self.wrong if name in o.got]
        return all(a.dtype.kind == "f" and not a.any() for a in wrong)

    def alone(self):
        """Single mistakes that fit, in their order; first those about as near as the nearest."""
        found = [(self.far(lambda o, m=m: (m.steps, None)), m) for m in self.mistakes]
        found = [(far, m) for far, m in found if self.fits(far)]
        nearest = min((far for far, _ in found), default=0.0)
        found.sort(key=lambda pair: pair[0] > 30 * nearest + 1e-12)
        return [m for _, m in found]

    def pairs(self, without):
        """Two mistakes at different steps, neither of which fits alone.

        Two that change just the steps of one that does are that one in other words.
        """
        some = [m for m in self.mistakes if m not in without]
        same = [m.steps.keys() for m in without]
        found = []
        for a, b in combinations(some, 2):
            if a.steps.keys() & b.steps.keys() or a.steps.keys() | b.steps.keys() in same:
                continue
            if self.fits(self.far(lambda o, a=a, b=b: (a.steps | b.steps, None))):
                a, b = sorted((a, b), key=self.left)  # first what explains more
                found.append((self.cause(a, also=b.id), self.cause(b, also=a.id)))
        return found

    def left(self, m):
        """How far a mistake alone is from what was got, over all cases."""
        predicted = ((o, self.predicted(o, m.steps)) for o in self.observed)
        errors = (FAR if p is None else distance(o.got, p, o.floors) for o, p in predicted)
        return sum(min(error, 1.0) for error in errors)

    def of_results(self, kind=relations):
        """A relation of each wrong output to what is expected."""
        found = {name: self.related(name, kind=kind) for name in self.wrong}
        if not found or not all(found.values()):
            return []
        shared = {r[0].phrase for r in found.values()}
        if len(shared) == 1:
            first = found[self.wrong[0]]
            return [
                Cause(r.id, _said(self.wrong, r.phrase))
                for r in first
                if all(r.phrase in {s.phrase for s in others} for others in found.values())
            ]
        return [Cause(r[0].id, _said([name], r[0].phrase), of=name) for name, r in found.items()]

    def related(self, name, expected=None, kind=relations):
        """The relations of one output, to what is expected or to what a mistake gives."""
        pairs = []
        for n, o in enumerate(self.observed):
            other = o.expected if expected is None else expected[n]
            if name not in o.got or name not in other:
                return []
            pairs.append(Pair(o.got[name], other[name], self.constants(o), o.inputs,
                              dict(self.steps.results(self.part)).get(name)))  # fmt: skip
        return kind(pairs, self.rtol)

    def of_steps(self):
        """A step, or an input, that is left out, negated, scaled, summed."""
        needed = self.steps.needed(self.part)
        truth = self.steps.values(self.observed[0].inputs, needed)
        found = []
        for step in (s for s in self.steps.steps if s.name in needed and s.name not in self.names):
            for name in parameters(step.function):
                if self.fits(self.far(lambda o, s=step, n=name: ({s.name: _same(n)}, None))):
                    said = f"As if step {self.steps.place(step.name)} were {name}: it is left out."
                    id = f"step-{step.name}-left-out"
                    found.append(Cause(id, said, "", self.where([step.name])))
            said = f"As if in step {self.steps.place(step.name)}"
            plain = bool(parameters(step.function))  # of a constant only a factor says anything
            found += self.spoiled(step.name, truth[step.name], said, f"step-{step.name}", plain)
        for name, _ in self.steps.arguments(self.part):
            found += self.spoiled(name, truth.get(name), f"As if the input {name}", f"input-{name}")
        return found

    @cached_property
    def factors(self):
        """By case, the factors with a name."""
        return {o.case: plain_factors(self.constants(o)) for o in self.observed}

    def spoiled(self, name, value, said, id, plain=True):
        """The ways to spoil one number of the formula that fit."""
        if not isinstance(value, (float, np.floating)) and (
            not isinstance(value, np.ndarray) or not is_real(value)
        ):
            return []
        return [
            Cause(f"{id}-{way}", f"{said} {phrase}.", "", self.where([name]))
            for way, phrase, f in ways(value, self.factors, plain)
            if self.fits(self.far(lambda o, f=f: (None, {name: lambda x: f(x, o)})))
        ]

    def mistake_and_relation(self):
        """One mistake, of whose result every wrong output is the same multiple."""
        for m in self.mistakes:
            predicted = [self.predicted(o, m.steps) for o in self.observed]
            if any(p is None for p in predicted):
                continue
            wrong = [name for name in self.names
                     if any(error_of(name, o.got, p, o.floors) > self.rtol
                            for o, p in zip(self.observed, predicted, strict=True))]  # fmt: skip
            of_each = [[r for r in self.related(name, predicted) if r.id.startswith(_SIMPLE)]
                       for name in wrong]  # fmt: skip
            shared = [r for r in (of_each[0] if wrong else ())
                      if all(r.phrase in {s.phrase for s in some} for some in of_each)]  # fmt: skip
            if shared:
                r = shared[0]
                said = _said(wrong, r.phrase.replace("what is expected", "what that gives"))
                both = Cause(r.id, said, also=m.id)
                return [self.cause(m, also=r.id), both]
        return []

    def of_single_results(self):
        """Causes of some of the wrong outputs, and the names of those that have none."""
        causes, left = {}, []
        for name in self.wrong if len(self.wrong) > 1 else ():
            found = [
                self.cause(m)
                for m in self.mistakes
                if self.fits(self.far(lambda o, m=m: (m.steps, None), only=name))
            ]
            found = found or [Cause(r.id, _said([name], r.phrase)) for r in self.related(name)]
            if found:
                causes.setdefault((found[0].id, found[0].sentence), found[0]._replace(of=name))
            else:
                left.append(name)
        return list(causes.values()), tuple(left) if causes else ()

    def fits(self, far):
        """Whether such a distance is an explanation."""
        return far <= self.rtol and far * BETTER < self.truth

    def far(self, change, only=None):
        """The largest distance of what a change gives; infinite as soon as it does not fit."""
        worst = 0.0
        for o in self.observed:
            predicted = self.predicted(o, *change(o))
            if predicted is None:
                return FAR
            worst = max(worst, distance(o.got, predicted, o.floors) if only is None
                        else error_of(only, o.got, predicted, o.floors))  # fmt: skip
            if worst > self.rtol:
                return FAR
        return worst

    def predicted(self, o, changes, after=None):
        """The results with some steps changed; None where they do not fit together."""
        try:
            found = named_arrays(self.steps.run(o.inputs, self.part, changes, after), self.names)
        except Exception:
            return None
        return self.shown(o, found)

    def shown(self, o, arrays):
        """Results as far as they are to be explained."""
        if not self.finite:
            return arrays
        return {name: _where_finite(o.got.get(name), a) for name, a in arrays.items()}

    def constants(self, o):
        return named_constants(o.inputs, dict(self.steps.arguments(self.part)))

    def cause(self, m, also=""):
        return Cause(m.id, m.sentence, m.lesson, self.where(m.steps), also)

    def where(self, names):
        """The first of some steps, with its number."""
        for step in self.steps.steps:
            if step.name in names and step.name in self.steps.needed(self.part):
                return self.steps.place(step.name)
        return ""


def _where_finite(got, predicted):
    """A prediction that says nothing where the function gave no number."""
    if got is None or got.shape != predicted.shape or got.dtype.kind != "f":
        return predicted
    return np.where(np.isfinite(got), predicted, got)


_SIMPLE = ("sign", "factor", "sum-for-mean", "mean-for-sum")


def _same(name):
    """A function that returns its one parameter, which is called so."""

    def same(value):
        return value

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    same.__signature__ = inspect.Signature([inspect.Parameter(name, kind)])
    return same


def _said(names, phrase):
    """A sentence: dq and dk: each is twice what is expected."""
    said = f"{in_words(names)}: each {phrase}" if len(names) > 1 else f"{names[0]} {phrase}"
    return said if said.endswith("?") else f"{said}."
