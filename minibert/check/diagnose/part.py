"""A function's results beside those of the right formula: what the gates look at."""

from functools import cached_property

import numpy as np

from minibert.check.diagnose.explain import Explained, explain
from minibert.check.diagnose.observed import Observed, floors, is_real, named_arrays

FORWARD, GRADIENT, SINGLE, HALF = 1e-9, 1e-6, 1e-5, 5e-3  # relative errors; float32, float16


class Part:
    """The forward or the gradient.

    Parameters
    ----------
    steps : Steps
    name : {"forward", "gradient"}
    calls : list of Call
    ran : Ran
    """

    def __init__(self, steps, name, calls, ran):
        self.steps, self.name, self.calls, self.ran = steps, name, calls, ran
        self.axes = {result.name: result.axes for result in steps.results(name)}
        self.exact = FORWARD if name == "forward" else GRADIENT

    def result(self, call, kind="values"):
        """The `Result` of a call, None where it was not reached."""
        return self.ran.results.get((self.name, call.case, kind))

    @cached_property
    def returned(self):
        """(call, result) of the calls that returned something."""
        both = ((call, self.result(call)) for call in self.calls)
        return [(c, r) for c, r in both if r is not None and r.error is None]

    @cached_property
    def observed(self):
        """What came back beside what is right, for each call that returned.

        The reference does without the inputs that the function does without.
        """
        inputs = [
            call.inputs | {name: self.steps.neutral[name](call.inputs[name])
                           for name in result.left_out}
            for call, result in self.returned
        ]  # fmt: skip
        right = [named_arrays(self.steps.run(x, self.name), list(self.axes)) for x in inputs]
        least, found = floors(right), []
        for (call, result), x, expected in zip(self.returned, inputs, right, strict=True):
            got = named_arrays(result.outputs.values(), result.outputs)
            got = {name: _as_kind(a, expected.get(name)) for name, a in got.items()}
            found.append(Observed(call.case, x, got, expected, least))
        return found

    def raising(self):
        """The ids of the mistakes that cannot be run either, where the function could not."""
        ran = {call.case for call, _ in self.returned}
        found = set()
        for m in self.steps.mistakes:
            for call in self.calls:
                if call.case not in ran:
                    try:
                        self.steps.run(call.inputs, self.name, m.steps)
                    except Exception:  # as the function may raise anything
                        found.add(m.id)
        return found

    @cached_property
    def kinds(self):
        """The dtypes that the function answers in."""
        return {kind for _, result in self.returned for kind in result.dtypes.values()}

    @cached_property
    def half(self):
        """Whether the function answers in float16."""
        return "float16" in self.kinds

    @cached_property
    def single(self):
        """Whether the function answers in float32, or coarser."""
        return "float32" in self.kinds or self.half

    @cached_property
    def rounded(self):
        """Whether nearly all the numbers are such as float32 has."""
        found = [a[a == np.float32(a)].size / max(a.size, 1)
                 for o in self.observed for a in o.got.values() if is_real(a)]  # fmt: skip
        return bool(found) and min(found) > 0.9

    @cached_property
    def error(self):
        """The largest relative error of all."""
        return max((o.error for o in self.observed), default=0.0)

    @cached_property
    def judged(self):
        """(ok, tolerance, Explained): float64, or what float32 leaves of it.

        A result between the two tolerances counts as right, whether float32 or something else
        made it so, unless a mistake of the catalogue explains it a hundred times better; the
        report says that it is not exact.
        """
        nothing = Explained((), False, ())
        if self.error <= self.exact:
            return True, self.exact, nothing
        if self.half and self.error <= HALF:
            return True, HALF, nothing
        if self.error <= SINGLE:
            found = explain(self.steps, self.name, self.observed, max(1e-12, self.error / 100))
            known = {m.id for m in self.steps.mistakes}
            if known & {cause.id for cause in found.causes[:1]}:
                return False, self.exact, found
            return True, SINGLE, nothing  # a relation may hold between roundings, too
        found = explain(self.steps, self.name, self.observed, SINGLE)
        if self.single:
            return False, SINGLE, found
        if found.causes:  # what fits more closely is nearer to the truth
            exact = explain(self.steps, self.name, self.observed, self.exact)
            found = exact if exact.causes and not exact.unexplained else found
        return False, self.exact, found


def _as_kind(got, expected):
    """Codes and truth values that came as floats, as what they stand for."""
    if expected is None or is_real(expected) or got.dtype.kind not in "fb":
        return got
    if expected.dtype.kind in "iub" and np.array_equal(got, np.rint(got)):
        whole = got.astype(np.int64)
        return whole.astype(expected.dtype) if np.array_equal(
            whole.astype(expected.dtype), whole) else whole  # fmt: skip
    return got
