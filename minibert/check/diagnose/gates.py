"""The gates: each looks at one thing, and returns a `Diagnosis` where that is wrong, else None."""

import numpy as np

from minibert.check.diagnose.constants import named_constants
from minibert.check.diagnose.diagnosis import Diagnosis
from minibert.check.diagnose.explain import explain
from minibert.check.diagnose.observed import distance, is_real, named_arrays
from minibert.check.diagnose.part import SINGLE
from minibert.check.diagnose.places import letters_of, mismatch, shape_hint, shape_text
from minibert.check.diagnose.yielded import first_wrong_step
from minibert.data.names import in_words

FRAMES = 3  # of the function's own, the innermost
SLOW = "did not end"  # how a process ended that took too long
NEAR = 1e-3  # a relative error of what is right but for its precision
IN_PLACE = ("adamw", "bert_adam", "clip_global")  # whose implementations often update in place


def did_not_import(steps, name, ran):
    """The file did not load, or has no such function."""
    error = ran.import_error
    if error is None:
        if ran.running is None or ran.running[0] != "import":
            return None
        headline = f"its file does not load: it {ran.ended}"
        return Diagnosis(steps.op, False, name, "import", headline, details=_frames(ran.at))
    loads = f"its file does not load: {error.type}: {error.message}"
    headline = loads if error.type else error.message
    return Diagnosis(steps.op, False, name, "import", headline, details=_frames(error.frames))


def did_not_run(part):
    """It raised, ended the process, took too long, or returned what is no result."""
    for call in part.calls:
        result = part.result(call)
        if result is None:
            return _ended(part, call)
        if result.error is not None:
            return _raised(part, call, result.error)
    return None


def wrong_shape(part):
    """A result is missing, or has another shape."""
    for observed in part.observed:
        missing = [name for name in observed.expected if name not in observed.got]
        more = [name for name in observed.got if name not in observed.expected]
        if missing or more:
            what = f"{_are(missing)} missing" if missing else f"{_are(more)} not wanted"
            return _failed(part, "shape", f"{what}: it returned {', '.join(observed.got)}")
        for name, expected in observed.expected.items():
            got, axes = observed.got[name], part.axes.get(name)
            if got.dtype.kind not in "fiub" and got.dtype.kind != expected.dtype.kind:
                return _failed(part, "shape", f"{name} is {got.dtype}, wanted {expected.dtype}")
            if got.shape != expected.shape and expected.dtype.kind != "U":
                sizes = named_constants(observed.inputs, dict(part.steps.arguments(part.name)))
                seems = f"It seems to be {letters_of(got.shape, sizes)}." if got.ndim else ""
                said = (
                    f"{name} has the shape {shape_text(got.shape)}, wanted "
                    f"{shape_text(expected.shape, axes)}"
                )
                hints = (shape_hint(got.shape, expected.shape, axes), seems)
                found = _failed(part, "shape", said, [f"In the case {observed.case}."])
                return _explained(part, found.with_(hints=tuple(filter(None, hints))))
    return None


def not_finite(part):
    """NaN or infinity where there is none in truth."""
    for observed in part.observed:
        for name, got in observed.got.items():
            expected = observed.expected.get(name)
            if expected is None or got.dtype.kind != "f" or expected.dtype.kind == "U":
                continue
            bad = ~np.isfinite(got) & np.isfinite(expected)
            if bad.any():
                what = "NaN" if np.isnan(got[bad]).any() else "infinite"
                said = f"{int(bad.sum())} of {bad.size} entries of {name} are {what}"
                found = _failed(part, "finite", f"{said} (case {observed.case})", _warned(part))
                place = mismatch(name, observed, part.axes.get(name), part.exact)
                explained = _of_not_finite(part)
                return _with(found.with_(mismatches=(place,)), explained).with_(certain=False)
    return None


def _of_not_finite(part):
    """What explains NaN and all, or else what is finite."""
    rtol = SINGLE if part.single else part.exact
    found = explain(part.steps, part.name, part.observed, rtol)
    if not any(a.dtype.kind == "f" and np.isfinite(a).any()
               for o in part.observed for a in o.got.values()):  # fmt: skip
        causes = (cause for cause in found.causes if cause.lesson)  # NaN alone says little
        return found._replace(causes=tuple(causes))
    if found.causes:
        return found
    return explain(part.steps, part.name, part.observed, rtol, finite=True)


def changed_inputs(part):
    """An input is no longer what it was."""
    if part.steps.op in IN_PLACE:
        return None
    for call, result in part.returned:
        if result.changed:
            names = ", ".join(result.changed)
            said = f"it changes its input {names} in place"
            right = part.error <= (SINGLE if part.single else part.exact)
            more = "What it returns is right." if right else "What it returns is wrong as well."
            hint = "Write x = x - y instead of x -= y, or take a copy first."
            found = _failed(part, "inputs", f"{said} (case {call.case})")
            return found.with_(hints=(hint, more))
    return None


def not_repeatable(part):
    """A second call with the same inputs gives other numbers."""
    call = part.calls[0]
    first, again = part.result(call), part.result(call, "again")
    if again is None or again.error is not None:
        return _second_fails(part, call, again)
    a, b = (named_arrays(r.outputs.values(), r.outputs) for r in (first, again))
    if distance(a, b) <= part.exact:
        return None
    said = "a second call with the same inputs gives other numbers"
    return _failed(part, "values", said).with_(hints=(KEEPS,))


def _second_fails(part, call, again):
    """A second call does not return; None where it was not made for another reason."""
    if again is not None:
        found = _raised(part, call, again.error)
    elif part.ran.running == (part.name, call.case, "again"):
        found = _ended(part, call)
    else:
        return None
    said = f"in a second call with the same inputs {found.headline}"
    slow = again is None and part.ran.ended.startswith(SLOW)
    return found.with_(headline=said, hints=() if slow else (KEEPS,))


KEEPS = "Is it random (dropout, np.random), or does it keep something from call to call?"


def wrong_values(part):
    """A `Diagnosis` in any case: right ones, too, are told how near they came."""
    ok, rtol, explained = part.judged
    if ok:
        many = len(part.calls) > 1
        cases = f"{len(part.calls)} cases agree" if many else f"case {part.calls[0].case} agrees"
        near = f"{part.name}: {cases}, largest relative error {part.error:.1e}"
        if rtol > part.exact and not part.single:
            near += ": " + (
                "it computes in float32" if part.rounded else
                "more than float64's rounding; is a part in float32, or a constant rounded?"
            )  # fmt: skip
        if part.half:
            near += ": it answers in float16, which hides smaller mistakes"
        return Diagnosis(part.steps.op, True, part.name, measured=near)
    wrong = [o for o in part.observed if o.error > rtol]
    first = wrong[0]
    names = [n for n in first.expected if first.error_in(n) > rtol] or list(first.expected)
    shown = tuple(mismatch(name, first, part.axes.get(name), rtol) for name in names[:3])
    some = f"wrong in {len(wrong)} of {len(part.calls)} cases" if len(part.calls) > 1 else "wrong"
    said = f"{_are(names)} {some}"
    hints = []
    right = [o.case for o in part.observed if o not in wrong] if len(wrong) < 4 else []
    if right and part.steps.calls is None and part.error > NEAR:
        hints.append(f"It is right in the case {', '.join(right)}: sizes written into the code?")
    if rtol == part.exact and any(o.got[n].dtype.kind in "iu" and is_real(o.expected[n])
                                  for o in wrong for n in names if n in o.got):  # fmt: skip
        hints.append("It returns whole numbers: were floats stored in an array of integers?")
    if any(kind == "bool" for kind in part.kinds):
        hints.append("It returns true and false: a comparison where a product is meant?")
    if part.half:
        hints.append("It answers in float16: compute in float32, or in float64.")
    if part.error <= NEAR and not explained.causes:
        hints.append("It is nearly right: in float32, or by differences?")
    found = _with(_failed(part, "values", said).with_(mismatches=shown), explained)
    step = first_wrong_step(part, rtol)
    if step is not None:
        found = found.with_(look_at=step.where or found.look_at)
        hints = [*step.lines, *hints]
    return found.with_(hints=tuple(hints))


def _explained(part, found):
    """With what a wrong shape or a NaN is consistent with."""
    _, _, explained = part.judged
    return _with(found, explained)


def _with(found, explained):
    causes = explained.causes
    ids = {cause.id for cause in causes}
    return found.with_(
        causes=causes,
        certain=explained.certain,
        look_at=causes[0].step if causes else "",
        ruled_out=tuple(id for id in explained.ruled_out if id not in ids),
        unexplained=explained.unexplained,
    )


def _failed(part, gate, headline, details=()):
    return Diagnosis(part.steps.op, False, part.name, gate, headline, details=tuple(details))


def _ended(part, call):
    ended = part.ran.ended or "was not reached"
    details = [f"In the case {call.case}.", *_frames(part.ran.at)]
    if ended.startswith(SLOW):
        details.append(f"It came through {len(part.ran.results)} calls; the limit is for all.")
    return _failed(part, "run", f"the function {ended}", details)


def _raised(part, call, error):
    """An exception, with what the calls that did run are consistent with."""
    said = f"it raises {error.type}" if error.type else error.message
    said += f": {error.message}" if error.type and error.message else ""
    details = [*_frames(error.frames), f"Called with {_arguments(part, call)} (case {call.case})."]
    if error.kind != "raised":
        details.append(f"Wanted: {part.steps.signature_of(part.name)}")
        return _failed(part, "run", said, details)
    found = _failed(part, "run", said, details).with_(hints=_hint(error))
    if not part.observed:
        return found
    several = len(part.observed) > 3
    ran = "other cases" if several else f"the case {', '.join(o.case for o in part.observed)}"
    if part.judged[0]:
        return found.with_(details=(*details, f"It runs, and is right, in {ran}."))
    details += [f"It runs in {ran}, and is wrong there."]
    found = _explained(part, found.with_(details=tuple(details)))
    raising = part.raising()
    causes = [cause for cause in found.causes if cause.id in raising]
    return found.with_(causes=tuple(causes) or found.causes, certain=False)


def _hint(error):
    """What such an exception usually means."""
    return tuple(hint for words, hint in HINTS.items() if words in error.message)[:1]


_TRANSPOSE = "Is a transpose missing? Weights are (out, in): y = x @ w.T + b."
HINTS = {
    "could not be broadcast together": "Is it a sum or a mean without keepdims=True?",
    "mismatch in its core dimension": _TRANSPOSE,
    "not aligned": _TRANSPOSE,
    "Tensor": "The inputs are NumPy arrays: torch.from_numpy makes tensors of them.",
    "division by zero": "What it was called with stands below: is something 0 there?",
    "index out of range": "Is it a loop that goes one too far, or counts from 1?",
}


def _arguments(part, call):
    shown = []
    for name, axes in part.steps.arguments(part.name):
        value = call.inputs[name]
        shape = shape_text(np.shape(value), axes) if axes else repr(value)
        shown.append(f"{name} {shape}")
    return ", ".join(shown)


def _frames(frames):
    """The innermost of the function's own lines."""
    lines = []
    for frame in frames[-FRAMES:]:
        where = f", in {frame.function}" if frame.function else ""
        lines.append(f"at {frame.file}:{frame.line}{where}: {frame.text.strip()}")
    return tuple(lines)


def _warned(part):
    """The warnings of the calls, once each."""
    found = {
        f"{w.type}: {w.message} (at {w.file}:{w.line})"
        for _, result in part.returned for w in result.warnings
    }  # fmt: skip
    return tuple(sorted(found))[:3]


def _are(names):
    return f"{in_words(names)} {'is' if len(names) == 1 else 'are'}"
