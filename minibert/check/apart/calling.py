"""How a function of theirs is called: in the order of the signature, or by the names it has."""

import inspect
from typing import Any, NamedTuple

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
UPSTREAM = (
    "dout", "dy", "dz", "dloss", "upstream", "grad", "grad_output", "grad_out", "g", "gout", "gy",
)  # fmt: skip
UPSTREAM_STEMS = ("grad", "g_", "upstream", "d")
NO_UPSTREAM = ("data", "dim", "dist", "dtype", "depth", "device", "drop", "decay", "denom")
CACHES = ("cache", "caches", "ctx", "context", "saved", "memory")


class Called(NamedTuple):
    """The arguments of a call, the inputs it does without, and what is worth saying of it."""

    args: tuple
    kwargs: dict
    left_out: tuple = ()
    notes: tuple = ()


class CannotCallError(ValueError):
    """It takes other arguments; the message says which it should."""


class Parameters(NamedTuple):
    """What a function takes.

    Attributes
    ----------
    listed : list of inspect.Parameter
        The positional ones.
    any_number : bool
        Whether there is ``*args``.
    needed : list of str
        Keywords that must be given.
    any_keyword : bool
        Whether there is ``**kwargs``.
    """

    listed: list
    any_number: bool
    needed: list
    any_keyword: bool

    @property
    def required(self):
        """The names of the positional ones without a default."""
        return [p.name for p in self.listed if p.default is p.empty]


def positional(function):
    """The `Parameters` of a function; None where it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except Exception:  # an object of theirs may raise anything
        return None
    kinds = {p.kind for p in parameters}
    needed = [p.name for p in parameters if p.kind == p.KEYWORD_ONLY and p.default is p.empty]
    listed = [p for p in parameters if p.kind in POSITIONAL]
    any_number, any_keyword = (
        kind in kinds for kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    )
    return Parameters(listed, any_number, needed, any_keyword)


def arrange(function, inputs, wanted, part):
    """The call of a function with these inputs.

    Parameters
    ----------
    function : callable
    inputs : dict
        By name, in order.
    wanted : Wanted
    part : {"forward", "gradient"}

    Returns
    -------
    Called

    Raises
    ------
    CannotCallError
    """
    if inspect.isclass(function):
        raise CannotCallError("it is a class; give a function, or a method as FILE.py:Class.method")
    found = positional(function)
    if found is None:
        return Called(tuple(inputs.values()), {})
    parameters, any_number, needed, any_keyword = found
    keywords = {name: inputs[name] for name in needed if name in inputs}
    if len(keywords) < len(needed):
        other = next(name for name in needed if name not in inputs)
        raise CannotCallError(
            f"it needs the keyword argument {other!r}, which is not given: "
            f"{_expected(wanted, part)}"
        )
    rest = {name: value for name, value in inputs.items() if name not in keywords}
    if any_number and len(parameters) <= len(rest):
        return Called(tuple(_in_order(parameters, rest, wanted).values()), keywords)
    rest, said = _with_their_upstream(found, rest, wanted)
    if any_keyword and (called := _spread(parameters, rest, keywords, wanted)) is not None:
        return called
    required = found.required
    if (called := _by_name(parameters, rest, keywords, wanted, said)) is not None:
        return called
    rest = _in_order(parameters, rest, wanted)
    left_out = _spare(parameters, rest, wanted)
    kept = {name: value for name, value in rest.items() if name not in left_out}
    if len(required) > len(kept) or len(kept) > len(parameters):
        raise CannotCallError(_wrong_number(parameters, required, rest, wanted, part))
    return Called(tuple(kept.values()), keywords, left_out, (*said, *_without(left_out)))


def _with_their_upstream(found, inputs, wanted):
    """(the inputs, with the upstream gradient under the name that they have for it, notes).

    It is the one parameter whose name is not known, where all other inputs are.
    """
    upstream = [name for name in wanted.upstream if name in inputs]
    names = [p.name for p in found.listed]
    unknown = [name for name in found.required if name not in inputs]
    if len(upstream) != 1 or upstream[0] in names or len(unknown) != 1:
        return inputs, ()
    others = [n for n in inputs if n not in (*upstream, *names, *wanted.neutral)]
    told = is_upstream(unknown[0])
    if others and not (found.any_keyword and told):
        return inputs, ()
    own = {name: value for name, value in inputs.items() if name != upstream[0]}
    renamed = {unknown[0]: inputs[upstream[0]]}
    if names[0] != unknown[0]:
        return own | renamed, ()
    said = () if unknown[0] in UPSTREAM else (f"called with the upstream gradient as {unknown[0]}",)
    return renamed | own, said


def _spread(parameters, inputs, keywords, wanted):
    """The call of ``f(x, **params)``: what there is no parameter for is given by name; or None."""
    if any(p.kind == p.POSITIONAL_ONLY for p in parameters):
        return None
    names = {p.name for p in parameters}
    free = [name for name in _in_order(parameters, inputs, wanted) if name not in names]
    others = [p for p in parameters if p.name not in inputs and not _is_option(p, "")]
    if sum(p.default is p.empty for p in others) > len(free):
        return None
    unknown = [p.name for p in others]
    paired = dict(zip(unknown, free, strict=False))
    given = {p.name: inputs[paired.get(p.name, p.name)]
             for p in parameters if p.name in inputs or p.name in paired}  # fmt: skip
    return Called((), given | {name: inputs[name] for name in free[len(unknown) :]} | keywords)


def _by_name(parameters, inputs, keywords, wanted, said=()):
    """The call by keyword, where the names are known and say more than their order; or None.

    What is called otherwise takes what is left, in order: bias for ``mask=None``.
    """
    known = [p.name for p in parameters if p.name in inputs]
    missing = [name for name in inputs if name not in known]
    others = [p for p in parameters if p.name not in inputs and not _is_option(p, "")]
    left_out = tuple(missing[len(others) :])
    same_order = known == [name for name in inputs if name in known]
    needed = [p for p in others[len(missing) :] if p.default is p.empty]
    if needed or not set(left_out) <= set(wanted.neutral) or not (left_out or not same_order):
        return None
    if not known or any(p.kind == p.POSITIONAL_ONLY for p in parameters):
        return None
    paired = {p.name: inputs[name] for p, name in zip(others, missing, strict=False)}
    notes = (*said, *_without(left_out))
    if not same_order:
        notes = ("called by the names of its parameters, which come in another order", *notes)
    return Called((), {n: inputs[n] for n in known} | paired | keywords, left_out, notes)


def _in_order(parameters, inputs, wanted):
    """The inputs as they are, or with the upstream gradients first where the function says so."""
    upstream = [name for name in wanted.upstream if name in inputs]
    first = parameters[0].name if parameters else ""
    if not upstream or first in wanted.inputs or not (first in upstream or is_upstream(first)):
        return inputs
    last = [p.name for p in parameters if p.default is p.empty][-1:]
    if first not in (*upstream, *UPSTREAM) and last != [first] and any(map(is_upstream, last)):
        return inputs
    return {name: inputs[name] for name in upstream} | inputs


def is_upstream(name):
    """Whether a parameter's name is one for an upstream gradient."""
    if name in UPSTREAM:
        return True
    return name.startswith(UPSTREAM_STEMS) and not name.startswith(NO_UPSTREAM) and name != "d"


def _spare(parameters, inputs, wanted):
    """The neutral inputs, from the last, that there is no parameter for.

    A parameter with a number for its default, ``axis=-1``, is not there for an input.
    """
    places = len(parameters)
    order = list(inputs)
    while places and places <= len(order) and _is_option(parameters[places - 1], order[places - 1]):
        places -= 1
    left_out = []
    for name in reversed(order):
        if len(order) - len(left_out) > places and name in wanted.neutral:
            left_out.append(name)
    enough = len(order) - len(left_out) <= places
    return tuple(left_out) if enough or len(order) > len(parameters) else ()


def _is_option(parameter, name):
    has_default = parameter.default is not parameter.empty and parameter.default is not None
    return has_default and parameter.name != name


def _without(left_out):
    return (f"called without {', '.join(left_out)}",) if left_out else ()


def _wrong_number(parameters, required, inputs, wanted, part):
    if part == "gradient" and len(required) == 1 and required[0] not in inputs:
        return (
            f"it takes only the upstream gradient ({required[0]}): give its forward as well, which "
            "keeps what it needs"
        )
    if part == "gradient" and len(required) == 2 < len(inputs) and not {*required} & {*inputs}:
        return (
            "it takes (dout, cache), and the cache comes from its forward: give the forward, too, "
            f"one that returns (out, cache); or write it as {_expected(wanted, part)}"
        )
    takes = len(required) if len(required) > len(inputs) else len(parameters)
    count = "1 argument" if takes == 1 else f"{takes} arguments"
    names = ", ".join(p.name for p in parameters)
    return f"it takes {count} ({names}), and is called with {len(inputs)}: " + _expected(
        wanted, part
    )


def _expected(wanted, part):
    return wanted.signatures.get(part, wanted.op)


def takes_cache(gradient, wanted, seen=False):
    """Whether a gradient is of the form ``backward(dout, cache)``, by its signature.

    Where two inputs would do as well, ``gelu_gradient(x, dy)`` or ``mse_gradient(pred, y)``, the
    names decide, or that the forward was seen to return a cache.
    """
    found = positional(gradient)
    if found is None or len(found.required) != 2 or found.any_number or found.needed:
        return False
    if set(found.required) & set(wanted.inputs):
        return False
    two_would_do = 2 in (len(wanted.inputs), len(wanted.inputs) + len(wanted.upstream))
    return bool(seen) or not two_would_do or _names_a_cache(found.required)


def _names_a_cache(names):
    """Whether two names are those of (dout, cache) or (cache, dout)."""
    return is_upstream(names[0]) or bool(set(names) & set(CACHES))


def takes_upstream_alone(gradient, wanted):
    """Whether a gradient is of the form ``backward(dout)``; of a number ``backward()``, too."""
    found = positional(gradient)
    if found is None or found.any_number or found.needed or len(found.required) > 1:
        return False
    if found.required:
        return found.required[0] not in wanted.inputs
    return not found.any_keyword and len(found.listed) < 2


def does_without_upstream(gradient, wanted):
    """Whether it takes the inputs and no upstream gradient, which is a single number."""
    found = positional(gradient)
    if found is None or found.any_number or len(wanted.upstream) != 1:
        return False
    if not all(want.kind == "array" and want.ndim == 0 for want in wanted.outputs):
        return False
    names = [p.name for p in found.listed] + found.needed
    unknown = [name for name in names if name not in wanted.inputs]
    if set(unknown) & {*CACHES, *UPSTREAM, *wanted.upstream}:
        return False
    if any(name.startswith(UPSTREAM_STEMS[:-1]) for name in unknown):
        return False
    if unknown and unknown[0] == names[0] and is_upstream(names[0]):
        return False
    places = [p for p in found.listed if p.default is p.empty or p.name in wanted.inputs]
    spare = len(wanted.inputs) - len(places) - len(found.needed)
    return 0 <= spare <= len(set(wanted.neutral) & set(wanted.inputs))


def with_cache(gradient, dout, cache) -> tuple[Any, Any]:
    """The two arguments of ``backward(dout, cache)``, or of ``backward(cache, dout)``."""
    first = positional(gradient).listed[0].name
    return (cache, dout) if first in CACHES else (dout, cache)
