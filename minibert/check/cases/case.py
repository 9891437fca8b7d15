"""What a formula's row in the table is made of: `Formula` and its `Case`s.

A case is one formula in one mode, on inputs that are drawn once and for all: from it follow the
golden file, the row of `minibert verify`, and the tests. Results of any structure are compared
array by array under dotted names::

    input.q    input.params.bert.pooler.dense.bias    output    output.context    gradient.q
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from minibert import kernels as F
from minibert.check.structure import cast


class Sizes(NamedTuple):
    """Letters as everywhere; S keys in cross-attention, V words, C classes."""

    B: int
    H: int
    L: int
    K: int
    F: int
    S: int
    V: int
    C: int

    @property
    def D(self):
        """Hidden size."""
        return self.H * self.K


PRIMES = Sizes(B=2, H=3, L=5, K=7, F=11, S=13, V=17, C=19)  # a transposed axis cannot fit
SQUARE = Sizes(B=4, H=4, L=4, K=4, F=16, S=4, V=16, C=4)  # a transposed axis fits, and is wrong


@dataclass(frozen=True)
class Case:
    """One formula in one mode.

    Parameters
    ----------
    op : str
        The name of the op in `minibert.ops`, or of the formula where it is none; the reference's
        name.
    mode : str
        Tells the cases of an op apart; may be empty.
    make : callable
        ``make(rng, z, dtype)`` -> the inputs ``(args, kwargs)``.
    wrt : tuple
        In the order in which the backward returns gradients, the input each belongs to: a position,
        a keyword, or None where the gradient itself is None. Empty where there is no gradient.
    forward, backward : callable
        The loop forms, ``forward(*args, **kwargs)`` and ``backward(dout, *args, **kwargs)``; they
        return what the library's functions return, but the cache.
    exact : bool
        False where the gradient is deliberately not the derivative, so that numerical differences
        do not apply; `why_inexact` says why in a few words.
    pair : callable, optional
        ``pair()`` -> the library's forward and backward, where they are not the kernels'
        ``{op}_forward`` and ``{op}_backward``.
    tolerance : float, optional
        Largest relative error of outputs in float64, where the usual one is not right.
    gradcheck : dict
        More arguments for `minibert.check.gradcheck`.
    levels : tuple of str
        The kernel levels that serve a `pair`; of an op the table of kernels tells.
    sizes : Sizes
        Of the inputs, where a call of `inputs` does not say.
    called : str
        The id of the formula, where the op is called otherwise.

    Notes
    -----
    ``str(case)``, the name of the golden file, is the formula's id and the mode, with hyphens.
    """

    op: str
    mode: str
    make: Callable
    wrt: tuple
    forward: Callable
    backward: Callable | None = None
    exact: bool = True
    why_inexact: str = ""
    pair: Callable | None = None
    tolerance: float | None = None
    gradcheck: dict = field(default_factory=dict)
    levels: tuple[str, ...] = ()
    sizes: Sizes = PRIMES
    called: str = ""

    def __str__(self):
        name = self.called or self.op
        return (f"{name}-{self.mode}" if self.mode else name).replace("_", "-")

    def inputs(self, z=None, dtype=np.float64, seed=0):
        """Fresh inputs ``(args, kwargs)``: the same numbers in every dtype.

        They are drawn as float32, so that both precisions start from equal numbers.
        """
        args, kwargs = self.make(np.random.default_rng(seed), z or self.sizes, np.float32)
        return cast(cast(tuple(args), np.float32), dtype), cast(cast(kwargs, np.float32), dtype)

    def functions(self):
        """The library's forward and backward, at the kernel level in use."""
        if self.pair is not None:
            return self.pair()
        if hasattr(F, f"{self.op}_backward"):
            return getattr(F, f"{self.op}_forward"), getattr(F, f"{self.op}_backward")
        return lone(getattr(F, self.op))()

    def input_names(self):
        """The names of the positional inputs."""
        forward = self.pair()[0] if self.pair else _formula(self.op)
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(forward).parameters.values()
        variadic = [p.name for p in parameters if p.kind == p.VAR_POSITIONAL]
        names = [p.name for p in parameters if p.kind in kinds]
        return names + [f"{name}{n}" for name in variadic for n in range(1, 10)]

    def named_inputs(self, args, kwargs):
        """All inputs in one dict: the positional ones under their parameters' names."""
        return dict(zip(self.input_names(), args, strict=False)) | kwargs

    def named_gradients(self, gradients):
        """The gradients that a backward returned, by the input each belongs to."""
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        if len(gradients) != len(self.wrt):
            raise ValueError(f"{self}: {len(gradients)} gradients, expected {len(self.wrt)}")
        names = self.input_names()
        places = (names[w] if isinstance(w, int) else w for w in self.wrt)
        return {p: g for p, g in zip(places, gradients, strict=True) if p is not None}


@dataclass(frozen=True)
class Formula:
    """A row of the table.

    Parameters
    ----------
    id : str
    title, source : str
        What it is called, and where it comes from: paper, section or equation.
    tex : tuple of str
        Its equations in TeX, as far as matplotlib's mathtext knows it.
    code, loops : tuple
        The library's functions and their loop forms, to be shown beside it.
    cases : tuple of Case
    """

    id: str
    title: str
    source: str
    tex: tuple[str, ...]
    code: tuple
    loops: tuple
    cases: tuple[Case, ...]


def plain_case(op, mode, make, loops, function, **fields):
    """The case of a function of the library without gradient, `loops` its loop form."""
    return Case(op, mode, make, (), loops, pair=lone(function), **fields)


def lone(function):
    """A `Case.pair` for a function without gradient."""

    def forward(*args, **kwargs):
        return function(*args, **kwargs), None

    forward.__signature__ = inspect.signature(function)
    return lambda: (forward, None)


def _formula(op):
    """The NumPy form of an op: its signature names the inputs."""
    return F.OPS.get(f"{op}_forward") or F.OPS[op]
