"""Run somebody's function on the reference inputs, and say what is wrong with it.

The gates, in this order; the first that fails ends it:

    import   the file loads, and has the function
    run      it returns, within the time, in every case
    shape    as many results as wanted, of the right shape and kind
    finite   no NaN or infinity where there is none in truth
    inputs   they are as they were
    again    a second call gives the same (told as "values")
    values   forward, then each gradient

Functions run in a process of their own (`minibert.check.apart`), and nothing that they do reaches
this one; where that cannot be had, the report says so.
"""

import shlex

import numpy as np

from minibert.check.apart import Planned, Source, as_target, make_plan, run_apart
from minibert.check.diagnose.advice import advice, trials
from minibert.check.diagnose.diagnosis import LEVELS, Diagnosis, told
from minibert.check.diagnose.gates import (
    changed_inputs,
    did_not_import,
    did_not_run,
    not_finite,
    not_repeatable,
    wrong_shape,
    wrong_values,
)
from minibert.check.diagnose.observed import named_arrays
from minibert.check.diagnose.part import Part
from minibert.check.mistakes import op_called
from minibert.data.names import nearest_name

TIME_LIMIT = 20.0
DAY = 86_400


def diagnose(
    op, forward=None, *, gradient=None, hint_level=None, seed=1, case=None, time_limit=TIME_LIMIT
):
    """Find out whether a function computes a formula, and if not, which mistake it makes.

    The function has the plain signature: inputs in, outputs out (``layernorm(x, gamma, beta)``); a
    gradient takes the same inputs and the upstream gradient last, and returns the gradients in the
    order of the inputs. `minibert.check.mistakes.op_called(op).signature_of("forward")` tells it,
    as does ``minibert verify OP --signature``. A pair in the style of `minibert.ops`, with its
    cache, is taken as well, as are a layer's methods that keep what they need in ``self``, and the
    gradient of a loss without an upstream gradient. What it returns may be NumPy arrays, lists, or
    anything with ``__array__`` or ``.detach().numpy()``; a generator may yield ``"name", array``
    for its steps.

    Parameters
    ----------
    op : str
        Such as "attention"; `minibert.check.mistakes.OPS` has them all.
    forward, gradient : callable or str, optional
        The functions, or where they are: "mine.py:attention". At least one.
    hint_level : {0, 1, 2, 3}, optional
        How much a student is told; None: everything, expected values among it.
    seed : int
        Of the inputs.
    case : str, optional
        Only this case, such as "primes".
    time_limit : float
        Seconds for everything.

    Returns
    -------
    Diagnosis
        Printed it is the report; it is true in a condition where nothing is wrong.

    Raises
    ------
    ValueError
        For arguments of this function. What the other one raises, the report says.
    RuntimeError
        The function that is looked at calls this one.

    Examples
    --------
    >>> import numpy as np
    >>> found = diagnose("relu", lambda x: abs(x))
    >>> found.causes[0].id
    'relu-absolute'
    """
    if not isinstance(op, str):
        raise ValueError(f"op is {op!r:.80}; it is a name such as 'attention'")
    steps = op_called(op)
    _check(steps, forward, gradient, hint_level, seed, time_limit)
    seed = int(seed)
    calls = _cases(steps, seed, case)
    target = tuple(None if f is None else as_target(f) for f in (forward, gradient))
    parts = [p for p, f in zip(("forward", "gradient"), target, strict=True) if f is not None]
    edge = trials(steps, calls[0]) if target[0] is not None else []
    extra = [Planned("forward", t.name, "extreme", t.inputs) for t in edge]
    plan = make_plan(steps, calls, parts, extra)
    ran = run_apart(target, plan, hint=steps, time_limit=time_limit)
    try:
        found = _through_gates(steps, parts, calls, ran)
    except Exception as error:  # of results that nobody thought of
        said = (
            f"minibert could not compare what it returned ({type(error).__name__}: "
            f"{error!s:.200}): please report this, it may be right"
        )
        found = Diagnosis(steps.op, False, " and ".join(parts), "shape", said)
    if case is not None:
        found = found.with_(certain=False)  # sizes are not told apart
    found = found.with_(
        advice=_advice(steps, edge, ran, found) if found.gate not in ("import", "run") else (),
        notes=tuple(
            dict.fromkeys([*ran.notes, *(n for r in ran.results.values() for n in r.notes)])
        ),
        printed=ran.printed,
        again=_again(steps, (forward, gradient), hint_level, seed, case, time_limit),
    )
    return told(found, hint_level)


@np.errstate(all="ignore")  # what is wrong may well overflow
def _through_gates(steps, parts, calls, ran):
    """The first gate that fails, or that none does."""
    found = did_not_import(steps, " and ".join(parts), ran)
    if found is not None:
        return found
    passed, measured = ["import"], []
    for name in parts:
        part = Part(steps, name, calls, ran)
        for gate, look in GATES:
            found = look(part)
            if found is not None and not found.ok:
                return found.with_(passed=tuple(passed))
            passed.append(f"{name} {gate}")
        measured.append(found.measured)
    return Diagnosis(
        steps.op, True, " and ".join(parts), measured="; ".join(measured), passed=tuple(passed)
    )


@np.errstate(all="ignore")
def _advice(steps, edge, ran, diagnosis):
    """About range and habits, of what ran."""
    found = []
    for trial in edge:
        result = ran.results.get(("forward", trial.name, "extreme"))
        if result is None:
            continue
        got = None if result.outputs is None else named_arrays(
            result.outputs.values(), result.outputs)  # fmt: skip
        error = result.error.type if result.error else ""
        found.append(advice(steps, trial, got, error, diagnosis.ok))
    for (part, _, kind), result in ran.results.items():
        if kind == "float32" and result.error is not None:
            found.append(f"with float32 inputs the {part} fails: {result.error.message}.")
        elif kind == "float32" and "float64" in result.dtypes.values():
            found.append(
                f"with float32 inputs the {part} returns float64; np.sqrt(n) of a number does that:"
                " take math.sqrt(n), or .astype(x.dtype)."
            )
    changed = {name for r in ran.results.values() for name in r.changed}
    if changed and diagnosis.ok:
        found.append(f"it changes {', '.join(sorted(changed))} in place, and with it the caller's.")
    if ran.running is not None and ran.running[2] in ("float32", "extreme"):
        part, name, kind = ran.running
        at = "with float32 inputs" if kind == "float32" else f"at {name}"
        found.append(f"{at} the {part} {ran.ended}.")
    return tuple(dict.fromkeys(filter(None, found)))


def _cases(steps, seed, case):
    """The calls, or the one that is asked for."""
    calls = steps.draw(seed)
    if case is None:
        return calls
    found = [call for call in calls if call.case == case]
    if not found:
        names = [call.case for call in calls]
        raise ValueError(f"case is {case!r}{nearest_name(str(case), names)}: {', '.join(names)}")
    return found


def _again(steps, given, hint_level, seed, case, time_limit):
    """The command that runs it again, or the call."""
    options = {"seed": seed, "case": case, "hint_level": hint_level}
    options |= {"time_limit": None if time_limit == TIME_LIMIT else time_limit}
    options = {name: value for name, value in options.items() if value is not None}
    places = [f"{f.path}:{f.name}" if isinstance(f, Source) else f for f in given]
    if all(place is None or isinstance(place, str) for place in places):
        named = {"function": places[0], "gradient": places[1]} | options
        words = ["minibert", "verify", steps.op]
        for name, value in named.items():
            words += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
        return shlex.join(words)
    named = zip(("forward", "gradient"), places, strict=True)
    words = [f"{name}={_called(place)}" for name, place in named if place is not None]
    words += [f"{name}={value!r}" for name, value in options.items()]
    return f"diagnose({steps.op!r}, {', '.join(words)})"


def _called(function):
    """A function in a call of Python; what has no name of its own is f."""
    if isinstance(function, str):
        return repr(function)
    try:
        name = function.__name__
    except Exception:  # an object may raise anything
        return "f"
    return name if isinstance(name, str) and name.isidentifier() else "f"


def _check(steps, forward, gradient, hint_level, seed, time_limit):
    """Raise where the arguments of `diagnose` cannot be."""
    if forward is None and gradient is None:
        raise ValueError("give a function: forward=, gradient=, or both")
    if gradient is not None and not steps.gradient:
        raise ValueError(f"{steps.op} has no gradient: give forward alone")
    if hint_level not in (None, *LEVELS):
        raise ValueError(f"hint_level is {hint_level!r}; it is 0 to 3, or None for everything")
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed is {seed!r}; it is a whole number of at least 0")
    if not isinstance(time_limit, (int, float)) or not 0 < time_limit <= DAY:
        raise ValueError(f"time_limit is {time_limit!r} seconds; it is above 0, at most {DAY}")


GATES = (
    ("run", did_not_run),
    ("shape", wrong_shape),
    ("finite", not_finite),
    ("inputs", changed_inputs),
    ("repeatable", not_repeatable),
    ("values", wrong_values),
)
