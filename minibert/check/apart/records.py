"""What is to be called, and what became of it: plain tuples, all of them."""

from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from minibert.check.structure import cast, is_float, leaves


class Planned(NamedTuple):
    """One call that is to be made.

    Attributes
    ----------
    part : {"forward", "gradient"}
    case : str
        What the inputs are called: "primes".
    kind : {"values", "again", "float32", "extreme"}
    inputs : dict
        By name, in the order of the signature; the upstream gradients last.
    """

    part: str
    case: str
    kind: str
    inputs: dict

    @property
    def key(self):
        """What the result is found under."""
        return self.part, self.case, self.kind


class Frame(NamedTuple):
    """A line of their code; `caret` is the column, from 1, of a syntax error."""

    file: str
    line: int
    function: str
    text: str
    caret: int = 0


class Error(NamedTuple):
    """Why there is no result.

    Attributes
    ----------
    kind : {"raised", "signature", "returned", "import"}
        Their code raised; it cannot be called in this way; what it returned is no such result; the
        file could not be loaded.
    type : str
        The exception's; empty where there was none.
    message : str
    frames : tuple of Frame
        Theirs alone, the outermost first; the last is where it happened.
    """

    kind: str
    type: str
    message: str
    frames: tuple[Frame, ...] = ()


class Warned(NamedTuple):
    """A warning, where their code caused it, and how often."""

    type: str
    message: str
    file: str
    line: int
    count: int


class Result(NamedTuple):
    """What became of one call.

    Attributes
    ----------
    outputs : dict or None
        By the names of the op's results: arrays, texts, lists of texts, or a dict of arrays.
    dtypes : dict of str to str
        As they were returned; "python" for numbers and lists.
    steps : tuple of (str, ndarray)
        What a generator yielded; the name is empty where it gave none.
    notes : tuple of str
        How it was called and read, where that was not plain.
    left_out : tuple of str
        The inputs that the function does without.
    changed : tuple of str
        The inputs that it changed in place.
    shares : tuple of str
        The inputs that a result shares memory with.
    error : Error or None
    warnings : tuple of Warned
    seconds : float
    """

    outputs: dict | None = None
    dtypes: dict = MappingProxyType({})
    steps: tuple = ()
    notes: tuple = ()
    left_out: tuple = ()
    changed: tuple = ()
    shares: tuple = ()
    error: Error | None = None
    warnings: tuple = ()
    seconds: float = 0.0


class Ran(NamedTuple):
    """What became of all calls.

    Attributes
    ----------
    results : dict
        `Result` by (part, case, kind), as far as it got.
    import_error : Error or None
    ended : str
        Empty, or how it ended before its time: "was killed by signal 11 (SIGSEGV)".
    running : tuple or None
        The key of the call that was running then; ("import", "", "") while a file was loaded.
    at : tuple of Frame
        The lines of theirs that were running then, as far as is known.
    printed : str
        The first 2,000 characters of what it wrote to standard output and error.
    notes : tuple of str
    how : {"fork", "fresh", "here"}
    seconds : float
    """

    results: dict
    import_error: Error | None = None
    ended: str = ""
    running: tuple | None = None
    at: tuple = ()
    printed: str = ""
    notes: tuple = ()
    how: str = ""
    seconds: float = 0.0


def make_plan(steps, calls, parts=("forward", "gradient"), extra=()):
    """The calls that are made of a function, the most telling first.

    Parameters
    ----------
    steps : Steps
    calls : list of Call
        As `Steps.draw` gives them.
    parts : tuple of str
        What there are functions for; a gradient that the op does not have is left out.
    extra : iterable of Planned
        Come last.

    Returns
    -------
    list of Planned
        All cases; the first once more; the first in float32, if any input is an array of floats.
    """
    parts = [p for p in parts if p == "forward" or steps.gradient]

    def planned(part, kind, call):
        names = [name for name, _ in steps.arguments(part)]
        inputs = {name: call.inputs[name] for name in names}
        return Planned(part, call.case, kind, inputs)

    plan = [planned(part, "values", call) for part in parts for call in calls]
    plan += [planned(part, "again", calls[0]) for part in parts]
    if any(is_float(a) and a.ndim for a in leaves(calls[0].inputs, "").values()):
        with np.errstate(all="ignore"):  # of too large a number
            single = calls[0]._replace(inputs=cast(calls[0].inputs, np.float32))
        plan += [planned(part, "float32", single) for part in parts]
    return [*plan, *extra]
