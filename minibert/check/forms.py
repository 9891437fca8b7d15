"""The forms of a formula, each held against its golden file: loops, NumPy, kernels, gradient.

Every function here takes a `Case` and its `Golden`, and returns a `Check` and a text that says what
differs. Largest relative errors, in norm: float64 1e-11 (gradients 1e-10), float32 1e-5; integers
must be equal. A gradient that is zero in truth, a key bias's, is judged against 1e-3 of the largest
of its set.
"""

from typing import NamedTuple

import numpy as np

from minibert import kernels as F
from minibert.check.cases.case import SQUARE
from minibert.check.compare import TINY, compare, largest_norm
from minibert.check.gradcheck import gradcheck
from minibert.check.levels import at_level, small_blocks
from minibert.check.structure import cast, filled, leaves, with_masks

OUTPUT = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 1e-5}
GRADIENT = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}


class Check(NamedTuple):
    """One form of a formula: "ok" or "wrong", or "none" where there is nothing to check."""

    state: str
    error: float | None  # largest relative error; None where nothing is measured
    note: str


def check_loops(case, reference):
    """The loop form against the golden file."""
    args, kwargs = _inputs(case, reference, np.float64)
    out = case.forward(*args, **kwargs)
    found = leaves(out, "output")
    if case.backward and reference.part("cotangent"):
        dout = _cotangent(out, reference, np.float64)
        found |= _gradients(case, case.backward(dout, *args, **kwargs))
    wanted = reference.part("output")
    return _compare(found, wanted | reference.part("gradient") if case.backward else wanted, case)


def check_numpy(case, reference, seed):
    """The NumPy form against the golden file, in both precisions, and on inputs drawn anew.

    The latter are compared with the loop form, loops over blocks cut small. An op's are square, so
    that a transposed matrix fits and shows in the numbers.
    """
    with at_level("numpy"):
        found = _run(case, *_inputs(case, reference, np.float64, masks=True), reference)
        check, report = _against(found, reference, case)
        if check.state != "ok":
            return check, report
        single = _run(case, *_inputs(case, reference, np.float32), reference)
        in_single, report = _against(single, reference, case, np.float32)
        floats = any(a.dtype.kind == "f" for a in reference.part("input").values())
        is_op = case.pair is None and floats  # which has to keep the dtype
        wide = [n for n, a in single.items() if is_op and a.dtype == np.float64]
        if in_single.state != "ok" or wide:
            return in_single._replace(state="wrong"), _in_float32(report, wide)
        anew, report = _on_new_inputs(case, reference, seed)
    return Check(anew.state, max(check.error, anew.error), ""), report


def _in_float32(report, wide):
    """What is wrong with float32 inputs."""
    lines = [f"{name}: float64 out of float32" for name in wide]
    return "\n".join(["of float32 inputs", *([report] if report else []), *lines])


def _on_new_inputs(case, reference, seed):
    """The NumPy form against the loop form."""
    args, kwargs = case.inputs(SQUARE if case.pair is None else case.sizes, seed=seed)
    with small_blocks():
        forward, backward = case.functions()
        out, cache = forward(*args, **kwargs)
        found, wanted = leaves(out, "output"), leaves(case.forward(*args, **kwargs), "output")
        if case.backward and reference.part("cotangent"):
            rng = np.random.default_rng(seed)
            drawn = {n.replace("output", "cotangent", 1): a for n, a in found.items()}
            drawn = {n: rng.standard_normal(a.shape) for n, a in drawn.items()
                     if n in reference.part("cotangent")}  # fmt: skip
            dout = filled(out, "cotangent", drawn)
            found |= _gradients(case, backward(dout, cache))
            wanted |= _gradients(case, case.backward(dout, *args, **kwargs))
    return _compare(found, wanted, case)


def check_kernels(case, reference, level):
    """The kernels of a level against the golden file, in float32, in one block and in many."""
    args, kwargs = _inputs(case, reference, np.float32)
    F.RAN.clear()
    with at_level(level):
        whole = _against(_run(case, args, kwargs, reference), reference, case, np.float32)
        if level == "numba" and not F.RAN:
            return Check("none", None, "the kernels leave these inputs to the NumPy form"), ""
        with small_blocks():
            cut = _against(_run(case, args, kwargs, reference), reference, case, np.float32)
    return max(whole, cut, key=lambda found: (found[0].state == "wrong", found[0].error))


def check_gradient(case, reference, seed):
    """The backward against central differences."""
    if not case.wrt:
        return Check("none", None, "no gradient"), ""
    if not case.exact:
        return Check("none", None, case.why_inexact or "not the derivative by definition"), ""
    args, kwargs = _inputs(case, reference, np.float64)
    with at_level("numpy"):
        found = gradcheck(
            *case.functions(), args, kwargs, wrt=case.wrt, seed=seed, **case.gradcheck
        )
    error = max(row.error for row in found.rows)
    return Check("ok" if found else "wrong", error, ""), "" if found else str(found)


def _inputs(case, reference, dtype, masks=False):
    """The golden inputs in a case's structure."""
    drawn, drawn_by_name = case.inputs(dtype=np.float32)
    names = case.input_names()
    args = [_given(x, f"input.{name}", reference) for name, x in zip(names, drawn, strict=False)]
    kwargs = {k: _given(x, f"input.{k}", reference) for k, x in drawn_by_name.items()}
    found = masks and reference.masks()
    args, kwargs = with_masks(args, found), with_masks(kwargs, found)
    return cast(tuple(args), dtype), cast(kwargs, dtype)


def _given(x, name, reference):
    """An input with the golden file's arrays in it; its plain numbers stay."""
    return filled(x, name, leaves(x, name) | reference.part("input"))


def _cotangent(out, reference, dtype):
    arrays = {n: d.astype(dtype) for n, d in reference.part("cotangent").items()}
    return filled(out, "cotangent", arrays)


def _run(case, args, kwargs, reference):
    """Outputs and gradients of the library's functions, under their golden names."""
    forward, backward = case.functions()
    out, cache = forward(*args, **kwargs)
    found = leaves(out, "output")
    if reference.part("cotangent"):
        dtypes = {a.dtype for a in found.values()}
        dtype = np.float32 if np.dtype(np.float32) in dtypes else np.float64
        found |= _gradients(case, backward(_cotangent(out, reference, dtype), cache))
    return found


def _gradients(case, gradients):
    return leaves(case.named_gradients(gradients), "gradient")


def _against(found, reference, case, dtype=np.float64):
    wanted = reference.part("output") | reference.part("gradient")
    return _compare(found, wanted, case, dtype)


def _compare(found, wanted, case, dtype=np.float64):
    """(Check, what differs) of named arrays that were computed in this precision."""
    largest = largest_norm(a for n, a in wanted.items() if n.startswith("gradient"))
    error, reports = 0.0, []
    for name in sorted(wanted.keys() - found.keys()):
        reports.append(f"{name}: missing")
    for name, got in found.items():
        expected = wanted.get(name, np.zeros(np.shape(got)))
        tolerance, floor = _tolerance(name, got, case, dtype), TINY
        if name.startswith("gradient"):
            floor = max(1e-3 * largest, TINY)
        result = compare(got, expected, name=name, rtol=tolerance, floor=floor)
        error = max(error, result.error)
        if not result:
            reports.append(result.report)
    return Check("wrong" if reports else "ok", error, ""), "\n".join(reports)


def _tolerance(name, got, case, dtype):
    if got.dtype.kind in "iub":
        return 0.0
    precision = np.dtype(np.float32 if np.float32 in (dtype, got.dtype) else np.float64)
    if name.startswith("gradient"):
        return GRADIENT[precision]
    return max(OUTPUT[precision], case.tolerance or 0.0)
