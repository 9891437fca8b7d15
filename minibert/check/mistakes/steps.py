"""A formula as named steps, so that one of them can be taken wrongly.

A step is a function; its parameters are the names of inputs and of other steps, and that is all the
wiring there is::

    Step("scale", "(1)", lambda q: 1 / math.sqrt(q.shape[-1]))
    Step("s", "(1)", lambda q, k, scale: q @ T(k) * scale)

A mistake is another function for one step, or for a few that belong together::

    mistake("not-scaled", "The scores are not divided by sqrt(K).", "...", scale=lambda: 1.0)

Mistakes at different steps go together, and every step between input and output can be looked at.
The gradient's steps follow those of the forward, and use them: what is wrong there is wrong in the
gradient, too.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from minibert.check.cases.case import PRIMES, SQUARE, Sizes
from minibert.check.structure import cast

OTHER = Sizes(B=3, H=2, L=7, K=5, F=13, S=11, V=19, C=17)
SIZES = {"primes": PRIMES, "square": SQUARE, "other": OTHER}


class Step(NamedTuple):
    """One line of a formula: its name, its equation's number, and how it is computed."""

    name: str
    number: str
    function: Callable


class Mistake(NamedTuple):
    """A plausible wrong version of a formula.

    Attributes
    ----------
    id : str
        The op's name and the mistake's, such as "attention-not-scaled".
    sentence : str
        What is done wrong, for a student.
    lesson : str
        Why it is wrong, or what to do instead.
    steps : dict of str to callable
        The steps that differ.
    """

    id: str
    sentence: str
    lesson: str
    steps: dict


def mistake(name, sentence, lesson, /, **steps):
    """A `Mistake`; the op's name is put before its name by `Steps`."""
    return Mistake(name, sentence, lesson, steps)


class Named(NamedTuple):
    """An input or an output: its name and its axes, such as ("q", ("B", "H", "L", "K"))."""

    name: str
    axes: tuple[str, ...] | None  # None: no array, a number or a text

    def __str__(self):
        return self.name if self.axes is None else f"{self.name} ({','.join(self.axes)})"


class Call(NamedTuple):
    """The inputs of one call, and what they are called: "primes", or "step 3"."""

    case: str
    inputs: dict


@dataclass(frozen=True)
class Steps:
    """A formula that anybody may implement, and the mistakes that people make in it.

    Parameters
    ----------
    op : str
        What `diagnose` calls it.
    formula : str
        Its row in the table of `minibert verify`.
    signature : str
        Inputs and outputs with their axes, ``"x (B,L,D), gamma (D) -> y (B,L,D)"``.
    steps : tuple of Step
    mistakes : tuple of Mistake
    make : callable, optional
        ``make(rng, z)`` -> dict of inputs, for each of the `SIZES`.
    calls : callable, optional
        ``calls(rng)`` -> list of `Call`, where sizes do not tell the cases apart.
    gradient : str
        The names of the gradients, ``"dx, dgamma"``; each "d" and an input. Empty: there is none.
    neutral : dict of str to callable
        Inputs that a function may do without, and the value that it then stands for, of the inputs.
    """

    op: str
    formula: str
    signature: str
    steps: tuple[Step, ...]
    mistakes: tuple[Mistake, ...]
    make: Callable | None = None
    calls: Callable | None = None
    gradient: str = ""
    neutral: dict = field(default_factory=dict)

    def __post_init__(self):
        named = tuple(
            m._replace(id=f"{self.op.replace('_', '-')}-{m.id}") for m in self.mistakes
        )
        object.__setattr__(self, "mistakes", named)

    @cached_property
    def inputs(self):
        """The inputs, as `Named`."""
        return _named(self.signature.split("->")[0])

    @cached_property
    def outputs(self):
        """The outputs, as `Named`."""
        return _named(self.signature.split("->")[1])

    @cached_property
    def upstream(self):
        """The upstream gradients, which a gradient takes last: "d" and an output."""
        return tuple(Named(f"d{name}", axes) for name, axes in self.outputs)

    @cached_property
    def gradients(self):
        """The gradients, with the axes of their inputs."""
        axes = dict(self.inputs)
        names = re.findall(r"\w+", self.gradient)
        return tuple(Named(name, axes[name.removeprefix("d")]) for name in names)

    def results(self, part):
        """The `Named` results of "forward" or "gradient"."""
        return self.outputs if part == "forward" else self.gradients

    def arguments(self, part):
        """The `Named` inputs of "forward" or "gradient"."""
        return self.inputs if part == "forward" else self.inputs + self.upstream

    def signature_of(self, part):
        """How a function of one's own is called, as text."""
        arguments = ", ".join(map(str, self.arguments(part)))
        results = ", ".join(map(str, self.results(part)))
        name = self.op if part == "forward" else f"{self.op}_gradient"
        return f"{name}({arguments}) -> {results}"

    def draw(self, seed=1):
        """The calls that a function of one's own gets, in float64, and the upstream gradients.

        They are drawn as float32 numbers, so that both precisions start from the same.

        Parameters
        ----------
        seed : int

        Returns
        -------
        list of Call
            Upstream gradients are among the inputs; `arguments` tells what takes which.
        """
        rng = np.random.default_rng(seed)
        if self.calls is not None:
            found = self.calls(rng)
        else:
            found = [Call(name, self.make(rng, z)) for name, z in SIZES.items()]
        drawn = []
        for case, inputs in found:
            inputs = cast(cast(inputs, np.float32), np.float64)
            if self.gradient:
                for out, (name, _) in zip(self.run(inputs), self.upstream, strict=True):
                    d = np.float32(rng.standard_normal(np.shape(out)))
                    inputs[name] = float(d) if np.ndim(d) == 0 else np.float64(d)
            drawn.append(Call(case, inputs))
        return drawn

    def run(self, inputs, part="forward", changes=None, after=None):
        """The results, right ones, or those of mistakes.

        Parameters
        ----------
        inputs : dict
        part : {"forward", "gradient"}
        changes : dict of str to callable, optional
            Steps to take otherwise: a `Mistake`'s, or several put together.
        after : dict of str to callable, optional
            What becomes of a step's value, or an input's, before it is used.

        Returns
        -------
        tuple
            As `results` names them.
        """
        names = [name for name, _ in self.results(part)]
        found = self.values(inputs, names, changes, after)
        return tuple(found[name] for name in names)

    def values(self, inputs, names, changes=None, after=None):
        """The values of these steps, and of all that they need, by name."""
        functions = self.functions | (changes or {})
        after = after or {}
        found = dict(inputs)

        def value(name):
            if name not in found:
                function = functions[name]
                found[name] = function(*map(value, parameters(function)))
                if name in after:
                    found[name] = after[name](found[name])
            return found[name]

        with np.errstate(all="ignore"):  # a mistake may well overflow
            found |= {name: after[name](x) for name, x in inputs.items() if name in after}
            for name in names:
                value(name)
        return found

    def place(self, name):
        """A step with its equation's number: "(1) s"."""
        return f"{self.numbers.get(name, '')} {name}".strip()

    @property
    def parts(self):
        """What a function may be written for: "forward", and "gradient" where there is one."""
        return ("forward", "gradient") if self.gradient else ("forward",)

    def fits(self, mistake, part):
        """Whether a mistake can show there: it changes a step that the part has."""
        return bool(mistake.steps.keys() & self.needed(part))

    def needed(self, part):
        """The names of the steps that lead to the results."""
        found, names = set(), [name for name, _ in self.results(part)]
        while names:
            name = names.pop()
            if name in self.functions and name not in found:
                found.add(name)
                names += parameters(self.functions[name])
        return found

    @cached_property
    def functions(self):
        """The right function of each step."""
        return {step.name: step.function for step in self.steps}

    @cached_property
    def numbers(self):
        """The equation's number of each step."""
        return {step.name: step.number for step in self.steps}


@lru_cache(4096)
def parameters(function):
    """The names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


def _named(text):
    """``"q (B,H), tau"`` as `Named`."""
    found = re.finditer(r"([\w']+)\s*(?:\(([\w, ]*)\))?", text)
    return tuple(
        Named(m[1], None if m[2] is None else tuple(re.findall(r"\w+", m[2]))) for m in found
    )
