"""What `trace` found, as an object, as text and as JSON."""

from typing import NamedTuple

import numpy as np

from minibert.check.trace.comparing import Row
from minibert.interop.fit import listed


class Trace(NamedTuple):
    """What `trace` found; true in a condition where all is equal, printed as the report."""

    reference: str
    other: str
    inputs: str
    rtol: dict  # name of a type -> the largest relative error of its numbers that counts as equal
    config: dict  # name -> (the reference's, the other's), of what they say otherwise
    apart: list  # sentences on what differs beside the tensors
    rows: list  # of Row, in forward order
    first: Row | None  # the first that differs
    causes: list  # of Cause, the one that explains most first
    hints: list  # sentences about the difference
    count: int  # tensors that both have
    missing: list  # names that the other does not have
    unknown: list  # names that only it has

    def __bool__(self):
        return self.first is None and not self.apart and not self.causes

    def __str__(self):
        return "\n".join(_lines(self))

    def to_dict(self):
        """All of it, for JSON: an infinite number is None there."""
        return self._asdict() | {
            "ok": bool(self),
            "rows": [_finite(row._asdict()) for row in self.rows],
            "first": self.first and self.first.name,
            "causes": [_finite(cause._asdict()) for cause in self.causes],
        }


def _finite(values):
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v
            for k, v in values.items()}  # fmt: skip


def _lines(t):
    yield from (f"REFERENCE  {t.reference}", f"OTHER      {t.other}", f"inputs     {t.inputs}")
    for key, (a, b) in t.config.items():
        yield f"config     {key} is {_short(a)} in REFERENCE, {_short(b)} in OTHER"
    yield ""
    yield from _table(t.rows)
    if t.first is None:
        agree = "The one tensor agrees" if t.count == 1 else f"All {t.count} tensors agree"
        yield f"\n{agree}, to a relative error of {_allowed(t.rtol)}{'.' if t else '. But:'}"
    else:
        left = f", {t.count - len(t.rows)} after it not compared" if len(t.rows) < t.count else ""
        yield f"\nFirst divergence: {t.first.name}{left}."
    yield from _reasons(t)
    if t.missing:
        yield f"\nNot in OTHER, skipped: {listed(t.missing)}"
    if t.unknown:
        yield f"\nNot known here, skipped: {listed(t.unknown)}"


def _table(rows):
    width = max(len(row.name) for row in rows)
    shapes = [" / ".join(dict.fromkeys(map(_shape, (r.shape, r.other_shape)))) for r in rows]
    wide = max(map(len, ("shape", *shapes)))
    yield f"{'tensor':{width}}  {'shape':{wide}}         max abs  relative"
    for row, shape in zip(rows, shapes, strict=True):
        numbers = "" if row.verdict == "SHAPE" else f"{row.max_abs:8.1e}  {row.relative:8.1e}"
        yield f"{row.name:{width}}  {shape:{wide}}  {row.verdict:5}  {numbers}".rstrip()


def _reasons(t):
    for word in (*t.apart, *t.hints):
        yield f"  {word}."
    if t.first is not None and all(cause.refuted for cause in t.causes):
        yield "None of the mistakes that trace knows makes this difference."
    for n, cause in enumerate(t.causes):
        if cause.refuted:
            more = f" and {cause.explained - 1} after it" if cause.explained > 1 else ""
            yield f"Explains only {t.first.name}{more}: {cause.says}."
            yield f"  {cause.next} refutes it in every layer."
            continue
        yield f"{'Or consistent' if n else 'Consistent'} with: {cause.says}."
        if t.first is None:
            continue
        if cause.next is None:
            agree = f"all {cause.of} tensors agree" if cause.of > 1 else "it agrees"
            yield f"  With this alone {agree}."
        else:
            agree = f"{cause.agree} tensors agree" if cause.agree > 1 else "1 tensor agrees"
            yield f"  With this {agree}, up to {cause.next}."


def _allowed(rtol):
    """4e-06, or 4e-06 (float32), 0.001 (float16)."""
    if len(set(rtol.values())) == 1:
        return f"{next(iter(rtol.values())):g}"
    return ", ".join(f"{allowed:g} ({kind})" for kind, allowed in rtol.items())


def _shape(shape):
    return f"({','.join(map(str, shape))})"


def _short(value):
    text = "nothing" if value is None else str(value)
    return text if len(text) < 80 else f"{text[:77]}..."
