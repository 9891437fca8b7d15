"""The report: what is wrong with a function, in words, and as plain data.

Its first lines say what is wrong; then where, with numbers; then what was ruled out, and how to run
it again. For courses, `hint_level` says how much of this a student is told:

    0   which gate failed, and of which result: the headline
    1   and where: how many entries differ, the worst of them, and what the function gave there
    2   and where to look: the step of the formula, what such a shape usually means
    3   and what it is consistent with

What is expected stands only in a report without a hint level: one with a level holds no number that
was computed by the reference.
"""

import re
import textwrap
from dataclasses import dataclass, replace

LEVELS = (0, 1, 2, 3)
LONGEST = 160  # characters of a line
RELATED = ": it "  # between a step and what its numbers are of the right ones
MOST = 12  # items of a list that are shown
ALONE = ", and with no other of the catalogue"
IN_WORDS = {  # what was found before, in words
    "import": "it loads", "run": "runs", "shape": "has the right shapes", "finite": "has no NaN",
    "inputs": "leaves its inputs alone", "repeatable": "repeats itself", "values": "right",
}  # fmt: skip


@dataclass(frozen=True)
class Mismatch:
    """How one result differs in one case.

    Parameters
    ----------
    name, case : str
    differing, total : int
        Entries.
    where : str
        The worst entry's index with its axes, "[B=1, L=2]"; empty for a single number.
    got : float or str
        What the function gave there.
    expected, allowed, error : float, str or None
        What it should have been there, how far from it an entry may be, and the relative error
        over the whole array; None where that is not told.
    facts : tuple of str
        Where the entries that differ are, where that is a pattern.
    """

    name: str
    case: str
    differing: int
    total: int
    where: str
    got: object
    expected: object = None
    allowed: float | None = None
    error: float | None = None
    facts: tuple = ()

    def lines(self):
        """As text: one line, a second with the worst entry, and the facts."""
        error = "" if self.error is None else f", relative error {self.error:.1e}"
        yield f"{self.name}: {self.differing} of {self.total} entries differ{error} ({self.case})"
        worst = f"  worst at {self.where}: " if self.where else "  "
        told = f"{worst}got {_number(self.got)}"
        if self.expected is not None:
            told += f", expected {_number(self.expected)}"
        if self.allowed is not None:
            told += f", allowed {self.allowed:.0e} from it"
        yield told
        yield from (f"  {fact}" for fact in self.facts)


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found; true in a condition where nothing is wrong.

    Parameters
    ----------
    op : str
    ok : bool
    part : str
        "forward", "gradient", or both where all is right: "forward and gradient".
    gate : str
        Where it stopped: "import", "run", "shape", "finite", "inputs", "values"; empty if ok.
    headline : str
        What is wrong, in one sentence.
    measured : str
        Of a right one, how near it came.
    details : tuple of str
        More lines about it: frames of the function's own, what it was called with.
    hints : tuple of str
        Where to look: what such a shape or such an exception usually means, the first wrong step.
    causes : tuple of Cause
        What the numbers are consistent with, the most likely first.
    certain : bool
        One mistake of the catalogue fits, or one pair, and no other; relations are never certain.
    look_at : str
        The step of the formula that the first cause is in.
    mismatches : tuple of Mismatch
    passed : tuple of str
        The gates before.
    ruled_out : tuple of str
        Mistakes of the catalogue that do not explain it.
    unexplained : tuple of str
        Results that no cause accounts for.
    advice : tuple of str
        About range, precision and habits; not a failure.
    notes : tuple of str
        How the function was called, and how what it returned was read.
    printed : str
        The beginning of what it printed.
    again : str
        How to run it again.
    hint_level : int or None
    """

    op: str
    ok: bool
    part: str
    gate: str = ""
    headline: str = ""
    measured: str = ""
    details: tuple = ()
    hints: tuple = ()
    causes: tuple = ()
    certain: bool = False
    look_at: str = ""
    mismatches: tuple = ()
    passed: tuple = ()
    ruled_out: tuple = ()
    unexplained: tuple = ()
    advice: tuple = ()
    notes: tuple = ()
    printed: str = ""
    again: str = ""
    hint_level: int | None = None

    def __bool__(self):
        return self.ok

    def __str__(self):
        return "\n".join(part for line in self._lines() for part in _on_screen(line))

    def with_(self, **fields):
        """The same, with other fields."""
        return replace(self, **fields)

    def _lines(self):
        if self.ok:
            yield " ".join(filter(None, [f"{self.op}: right ({self.part}).", self.measured]))
        else:
            yield f"{self.op}: WRONG ({self.part}, {self.gate}): {self.headline}"
        yield from self._consistent_with()
        yield from (f"  {line}" for line in (*self.hints, *self.details))
        for mismatch in self.mismatches:
            yield from (f"  {line}" for line in mismatch.lines())
        if self.unexplained:
            yield f"  No explanation was found for {', '.join(self.unexplained)}."
        if not self.causes and self.ruled_out and self.gate == "values":
            yield "  No mistake of the catalogue, no two together, and no plain relation fits."
        if self.passed and not self.ok:
            yield f"Before that: {_in_words(self.passed)}."
        if self.ruled_out:
            yield f"Ruled out: {len(self.ruled_out)} other mistakes of {self.op}."
        yield from (f"Advice: {line}" for line in self.advice)
        yield from (f"Note: {line}." for line in self.notes)
        if self.printed:
            yield "It printed:"
            yield from (f"  | {line[:LONGEST]}" for line in self.printed.splitlines()[:20])
        if self.again:
            yield f"Again: {self.again}"

    def _consistent_with(self):
        """The causes, the first of them (or the first two that go together) in full."""
        if not self.causes:
            if self.look_at:
                yield f"  Look again at step {self.look_at} of the formula."
            return
        first = self.causes[0]
        both = [c for c in self.causes[1:2] if first.also and c.id == first.also]
        each = [c for c in self.causes[1:] if first.of and c.of != first.of]
        what = " these two mistakes together" if both else " one mistake" if self.certain else ""
        yield f"  Consistent with{what}{ALONE if self.certain else ''}:"
        for cause in (first, *both, *each):
            yield from _in_full(cause)
        others = [c for c in self.causes[1:] if c not in both and c not in each]
        if others:
            yield "  It is consistent as well with:"
            yield from list(_briefly(others))[:5]

    def to_dict(self):
        """As plain data, for JSON."""
        plain = {key: value for key, value in vars(self).items() if key not in _OBJECTS}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}
        causes = [cause._asdict() for cause in self.causes]
        mismatches = [_finite(vars(m)) for m in self.mismatches]
        return plain | {"causes": causes, "mismatches": mismatches}


_OBJECTS = ("causes", "mismatches")


def _in_full(cause):
    """A cause in a line or two, with its lesson."""
    place = f"[{cause.id}{f', step {cause.step}' if cause.step else ''}]"
    if not cause.lesson:
        yield f"  -> {cause.sentence} {place}"
        return
    yield f"  -> {cause.sentence}"
    yield f"     {cause.lesson} {place}"


def _briefly(causes):
    """A line for each cause; two that go together have one."""
    causes = iter(causes)
    for cause in causes:
        both = [cause, next(causes)] if cause.also else [cause]
        yield "  -  " + " Together with: ".join(f"{c.sentence} [{c.id}]" for c in both)


def _in_words(passed):
    """The gates that were passed, those of a forward that is right as one."""
    if "forward values" in passed:
        passed = ["forward values", *passed[passed.index("forward values") + 1 :]]
    words = [IN_WORDS[name.split()[-1]] for name in passed]
    return ", ".join("the forward is right" if w == "right" else w for w in words)


def _finite(mismatch):
    """NaN and infinity have no place in JSON: they become texts."""
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in mismatch.items()}
    return {k: str(v) if isinstance(v, float) and v - v != 0 else v for k, v in plain.items()}


def _on_screen(line):
    """A line without control characters; a long one as several, but no command or code."""
    line = "".join(c if c.isprintable() else _escaped(c) for c in line)
    if len(line) <= LONGEST or line.startswith(("  at ", "  | ", "Again: ")):
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, LONGEST, subsequent_indent=indent, break_on_hyphens=False)


def _escaped(c):
    return " " if c.isspace() else c.encode("unicode_escape", "backslashreplace").decode()


def _number(x):
    if isinstance(x, list) and len(x) > MOST:
        return f"{x[:MOST]!r} and {len(x) - MOST} more"
    return f"{x:.9g}" if isinstance(x, float) else repr(x)


def told(diagnosis, level):
    """The diagnosis as a course tells it: see the levels above.

    Parameters
    ----------
    diagnosis : Diagnosis
    level : {0, 1, 2, 3} or None
        None: everything.

    Returns
    -------
    Diagnosis
    """
    if level is None:
        return diagnosis
    found = vars(diagnosis) | {"hint_level": level, "mismatches": (), "measured": ""}
    if level == 0:
        found["advice"] = ()
    if level >= 1:
        found["mismatches"] = tuple(
            Mismatch(m.name, m.case, m.differing, m.total, m.where, m.got, facts=m.facts)
            for m in diagnosis.mismatches
        )
    if level < 2:
        found |= {"look_at": "", "hints": ()}
    if level < 3:
        found |= {"causes": (), "certain": False, "ruled_out": (), "unexplained": ()}
        found["hints"] = tuple(line.partition(RELATED)[0] for line in found["hints"])
    else:  # a number that was found from what is right, beside what was got, tells it
        found["hints"] = tuple(map(_without_number, found["hints"]))
        found["causes"] = tuple(
            cause._replace(sentence=_without_number(cause.sentence)) for cause in found["causes"]
        )
    return Diagnosis(**found)


def _without_number(sentence):
    sentence = re.sub(r"\S+(?= times .*, in every case)", "one number", sentence)
    sentence = re.sub(r"(?<=is )[+-]\d+(?= off everywhere)", "one number", sentence)
    return re.sub(r"(?<=is too large by )-?[\d.]\S*", "one number", sentence)
