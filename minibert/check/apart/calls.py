"""The calls of a plan, one after the other, each with copies of its inputs."""

import random
import time
import types
from typing import NamedTuple

import numpy as np

from minibert.check.apart.arrays import MOST, MOST_TEXT, NotTakenError, to_array
from minibert.check.apart.calling import (
    CannotCallError,
    arrange,
    does_without_upstream,
    positional,
    takes_cache,
    takes_upstream_alone,
    with_cache,
)
from minibert.check.apart.records import Error, Result
from minibert.check.apart.source import LoadError, Source, load
from minibert.check.apart.taken import NOTHING, cotangent, taken
from minibert.check.apart.theirs import Listening, error_of
from minibert.check.structure import leaves

SEED = 20
MOST_STEPS = 500
INTERRUPTED = "raised KeyboardInterrupt"


def loaded(targets):
    """(the functions by part, None), or (None, the `Error`)."""
    modules = {}
    try:
        found = {
            part: load(target, modules) if isinstance(target, Source) else target
            for part, target in targets.items()
        }
    except LoadError as error:
        return None, Error("import", "", str(error))
    except BaseException as error:
        return None, error_of(error, "import")
    return found, None


def make_calls(functions, plan, wanted, started, send):
    """Make the calls of a plan.

    Parameters
    ----------
    functions : dict of str to callable
        By part, as far as there are any.
    plan : list of Planned
    wanted : Wanted
    started, send : callable
        ``started(number)`` before a call, ``send(number, result)`` after it.

    Returns
    -------
    ended : str
        Empty, or why no more calls were made.
    code : int
        What the process ends with.
    """
    makes_cache = {}  # what the forward was seen to do
    for number, planned in enumerate(plan):
        if planned.part not in functions:
            continue
        started(number)
        result = one_call(functions, planned, wanted, makes_cache)
        send(number, result)
        ended, code = ending(result.error)
        if ended:
            return ended, code
    return "", 0


def ending(error):
    """(how the process ends after such an exception, its exit code); no text where it goes on."""
    if error is None or error.type not in ("SystemExit", "KeyboardInterrupt"):
        return "", 0
    if error.type == "KeyboardInterrupt":
        return INTERRUPTED, 130
    text = error.message
    code = int(text) & 255 if text.removeprefix("-").isdigit() else int(text not in ("", "None"))
    return f"ended the process with exit code {code}", code


class _Returned(NamedTuple):
    """What came back from a call, before it is looked at."""

    value: object
    notes: tuple = ()
    left_out: tuple = ()
    factor: object = None  # of all arrays


def one_call(functions, planned, wanted, makes_cache):
    """Call a function with copies of the inputs, and read what it returns: a `Result`."""
    inputs = copied(planned.inputs)
    owned = _arrays(inputs)
    np.random.seed(SEED)  # noqa: NPY002 what theirs may draw from
    random.seed(SEED)
    start, fields, returned, steps = time.perf_counter(), {"dtypes": {}}, _Returned(None), []
    with Listening() as listening:
        try:
            if planned.part == "forward":
                returned = _called(functions["forward"], inputs, wanted, "forward", steps)
            else:
                returned = _gradient(functions, inputs, wanted, makes_cache, steps)
            fields["seconds"] = time.perf_counter() - start
            found = _taken(returned, planned.part, wanted, owned)
            if planned.part == "forward":
                makes_cache["yes"] = found.cache is not NOTHING
            fields |= {
                "outputs": _multiplied(found.outputs, returned.factor),
                "dtypes": found.dtypes,
                "shares": tuple(sorted({name.split(".")[0] for name in found.shares})),
                "notes": found.notes,
            }
        except CannotCallError as error:
            fields["error"] = Error("signature", "", str(error))
        except NotTakenError as error:
            frames = error_of(error.__cause__).frames if error.__cause__ else ()
            fields["error"] = Error("returned", "", str(error), frames)
        except BaseException as error:
            fields["error"] = error_of(error)
        fields.setdefault("seconds", time.perf_counter() - start)
    changed = tuple(name for name in inputs if _changed(planned.inputs[name], inputs[name]))
    fields["notes"] = (*returned.notes, *fields.get("notes", ()))
    return Result(
        **fields,
        steps=tuple(steps),
        left_out=returned.left_out,
        changed=changed,
        warnings=listening.found(),
    )


def _taken(returned, part, wanted, owned):
    if part == "forward":
        return taken(returned.value, wanted.outputs, owned=owned)
    return taken(returned.value, wanted.gradients, inputs=wanted.inputs, owned=owned, gradient=True)


def _multiplied(outputs, factor):
    """Arrays times the upstream gradient that the function does without, each in its dtype."""
    if factor is None:
        return outputs
    with np.errstate(all="ignore"):
        return {
            name: array * (array.dtype.type(factor) if array.dtype.kind == "f" else factor)
            for name, array in outputs.items()
        }


def _called(function, inputs, wanted, part, steps):
    """Call it as its signature says."""
    if part == "gradient" and does_without_upstream(function, wanted):
        name, factor = wanted.upstream[0], inputs[wanted.upstream[0]]
        note = f"called without {name}; what it returns is multiplied by it"
        own = {n: value for n, value in inputs.items() if n != name}
        called = arrange(function, own, wanted._replace(upstream=()), part)
        called = called._replace(notes=(note, *called.notes))
    else:
        called, factor = arrange(function, inputs, wanted, part), None
    value = function(*called.args, **called.kwargs)
    expected = wanted.outputs if part == "forward" else wanted.gradients
    value, notes = iterated(value, expected, steps)
    return _Returned(value, called.notes + notes, called.left_out, factor)


def _gradient(functions, inputs, wanted, makes_cache, steps):
    """Call a gradient, after a new forward where there is one and it needs that."""
    gradient, forward = functions["gradient"], functions.get("forward")
    if forward is not None and takes_upstream_alone(gradient, wanted):
        return _after_forward(gradient, forward, inputs, wanted, steps)
    if forward is None or not takes_cache(gradient, wanted, makes_cache.get("yes")):
        return _called(gradient, inputs, wanted, "gradient", steps)
    if makes_cache.get("yes") is False:
        return _without_cache(gradient, inputs, wanted, steps)
    own = {name: inputs[name] for name in wanted.inputs}
    returned = _called(forward, own, wanted, "forward", [])
    found = taken(returned.value, wanted.outputs)
    if found.cache is NOTHING:
        return _without_cache(gradient, inputs, wanted, steps)
    dout = cotangent(found.out, wanted.outputs, [inputs[name] for name in wanted.upstream])
    value = gradient(*with_cache(gradient, dout, found.cache))
    value, notes = iterated(value, wanted.gradients, steps)
    notes = ("the gradient is called as (dout, cache), with the forward's cache", *notes)
    return _Returned(value, notes, returned.left_out)


def _after_forward(gradient, forward, inputs, wanted, steps):
    """Call ``backward(dout)`` of a pair that keeps between the calls what it needs."""
    own = {name: inputs[name] for name in wanted.inputs}
    returned = _called(forward, own, wanted, "forward", [])
    found = taken(returned.value, wanted.outputs)
    upstream = [inputs[name] for name in wanted.upstream]
    if positional(gradient).listed:
        value, factor = gradient(cotangent(found.out, wanted.outputs, upstream)), None
        note = "the gradient is called with the upstream gradient alone, after its forward"
    elif len(upstream) == 1 and np.ndim(upstream[0]) == 0:
        value, factor = gradient(), upstream[0]
        note = (
            f"the gradient is called after its forward, without {wanted.upstream[0]}; "
            "what it returns is multiplied by it"
        )
    else:
        raise CannotCallError(
            f"it takes no arguments: after its forward it needs {', '.join(wanted.upstream)}; or "
            f"write it as {wanted.signatures['gradient']}"
        )
    value, notes = iterated(value, wanted.gradients, steps)
    return _Returned(value, (note, *notes), returned.left_out, factor)


def _without_cache(gradient, inputs, wanted, steps):
    if len(inputs) == 2:
        return _called(gradient, inputs, wanted, "gradient", steps)
    raise CannotCallError(
        "it takes (dout, cache), and the forward returns no cache: let that return (out, cache), "
        f"or write the gradient as {wanted.signatures['gradient']}"
    )


def iterated(value, expected, steps):
    """(the output, notes) of what a generator yields, if it is one; its steps go into the list.

    The output is what it returns; else the yielded values of the outputs' names; else the last.
    """
    if not isinstance(value, types.GeneratorType):
        return value, ()
    if value.gi_code.co_name == "<genexpr>":
        return list(value), ("a generator expression is taken as a list",)
    iterator, last, notes = _Iterator(value), None, ()
    size, texts = 0, [] if [want.kind for want in expected] == ["texts"] else None
    for item in iterator:
        if texts is not None and isinstance(item, str) and not steps:
            texts.append(item)
            if len(texts) > MOST_TEXT:
                raise NotTakenError(f"yields more than {MOST_TEXT:,} texts: too many")
            continue
        for name, part in _named_steps(item):
            array = _step(part) if len(steps) < MOST_STEPS else None
            last = part if array is None else array
            if array is None or size + array.size > MOST:
                notes = ("not every value that was yielded could be kept",)
            else:
                size += array.size
                steps.append((name, array))
    if iterator.returned is not None:
        return iterator.returned, notes
    if texts is not None and not steps and (texts or last is None):
        return texts, ("the texts that it yields are taken as a list",)
    by_name = dict(steps)
    if all(want.name in by_name for want in expected):
        found = tuple(by_name[want.name] for want in expected)
        return found if len(found) > 1 else found[0], notes
    return last, (*notes, "it returns nothing: the last value yielded is taken")


class _Iterator:
    """Goes through a generator, and keeps what it returns."""

    def __init__(self, generator):
        self.generator, self.returned = generator, None

    def __iter__(self):
        self.returned = yield from self.generator


def _named_steps(item):
    """(name, value) of what was yielded."""
    if isinstance(item, dict):
        return [(str(name)[:200], part) for name, part in item.items()]
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        return [(str(item[0])[:200], item[1])]
    return [("", item)]


def _step(part):
    """A copy of a yielded array, at once, before it is changed; None if it is none."""
    try:
        return np.array(to_array(part)[0])
    except NotTakenError:
        return None


def copied(x):
    """A copy of an input, all the way down."""
    if isinstance(x, np.ndarray):
        return x.copy()
    if isinstance(x, dict):
        return {name: copied(part) for name, part in x.items()}
    if isinstance(x, list):
        return [copied(part) for part in x]
    return set(x) if isinstance(x, set) else x


def _changed(before, after):
    """Whether an input is another now; what cannot be compared is."""
    try:
        return not same(before, after)
    except Exception:
        return True


def same(a, b):
    """Whether two inputs are equal to the last bit; NaN equals NaN."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a is b or a == b


def _arrays(inputs):
    """The arrays among the inputs, by dotted names."""
    found = {}
    for name, value in inputs.items():
        found |= {
            full: array for full, array in leaves(value, name).items() if array.ndim
        }  # fmt: skip
    return found
