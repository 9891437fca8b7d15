"""How a function of theirs is called: in the order of the signature, or by the names it has."""

import inspect
from typing import Any, NamedTuple

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
UPSTREAM = ("dout", "dy", "dz", "upstream", "grad", "grad_output", "grad_out", "dloss")
CACHES = ("cache", "ctx", "saved")


class Called(NamedTuple):
    """The arguments of a call, the inputs it does without, and what is worth saying of it."""

    args: tuple
    kwargs: dict
    left_out: tuple = ()
    notes: tuple = ()


class CannotCallError(ValueError):
    """It takes other arguments; the message says which it should."""


def positional(function):
    """(the positional parameters, whether it takes any number, keywords it needs) or None."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return None
    kinds = {p.kind for p in parameters}
    needed = [p.name for p in parameters if p.kind == p.KEYWORD_ONLY and p.default is p.empty]
    listed = [p for p in parameters if p.kind in POSITIONAL]
    return listed, inspect.Parameter.VAR_POSITIONAL in kinds, needed


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
    parameters, any_number, needed = found
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
    required = [p.name for p in parameters if p.default is p.empty]
    if (called := _by_name(parameters, rest, keywords, wanted)) is not None:
        return called
    rest = _in_order(parameters, rest, wanted)
    left_out = _spare(parameters, rest, wanted)
    kept = {name: value for name, value in rest.items() if name not in left_out}
    if len(required) > len(kept) or len(kept) > len(parameters):
        raise CannotCallError(_wrong_number(parameters, required, rest, wanted, part))
    return Called(tuple(kept.values()), keywords, left_out, _without(left_out))


def _by_name(parameters, inputs, keywords, wanted):
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
    notes = _without(left_out)
    if not same_order:
        notes = ("called by the names of its parameters, which come in another order", *notes)
    return Called((), {n: inputs[n] for n in known} | paired | keywords, left_out, notes)


def _in_order(parameters, inputs, wanted):
    """The inputs as they are, or with the upstream gradients first where the function says so."""
    upstream = [name for name in wanted.upstream if name in inputs]
    first = parameters[0].name if parameters else ""
    if not upstream or first in wanted.inputs or not (first in UPSTREAM or first in upstream):
        return inputs
    return {name: inputs[name] for name in upstream} | inputs


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
    if part == "gradient" and len(required) == 2 < len(inputs):
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


def takes_cache(gradient, wanted):
    """Whether a gradient is of the form ``backward(dout, cache)``, by its signature.

    Where the plain signature takes two as well, ``gelu_gradient(x, dy)``, the names decide.
    """
    found = positional(gradient)
    if found is None:
        return False
    required = [p.name for p in found[0] if p.default is p.empty]
    if len(required) != 2 or found[1] or found[2]:
        return False
    return not set(required) & set(wanted.inputs)


def with_cache(gradient, dout, cache) -> tuple[Any, Any]:
    """The two arguments of ``backward(dout, cache)``, or of ``backward(cache, dout)``."""
    first = positional(gradient)[0][0].name
    return (cache, dout) if first in CACHES else (dout, cache)
