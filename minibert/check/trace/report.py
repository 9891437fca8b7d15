"""What `trace` found, as an object, as text and as JSON."""

from typing import NamedTuple

import numpy as np

from minibert.check.trace.comparing import Row
from minibert.interop.fit import listed


class Trace(NamedTuple):
    """What `trace` found; true in a condition where all tensors agree, printed as the report."""

    reference: str
    other: str
    inputs: str
    rtol: float
    config: dict  # name -> (the reference's, the other's), of what they say otherwise
    rows: list  # of Row, in forward order
    first: Row | None  # the first that differs
    causes: list  # of Cause, the one that explains most first
    hints: list  # sentences about the difference
    count: int  # tensors that both have
    missing: list  # names that the other does not have
    unknown: list  # names that only it has

    def __bool__(self):
        return self.first is None

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
        yield f"\nAll {t.count} tensors agree, to a relative error of {t.rtol:g}."
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
    for word in t.hints:
        yield f"  {word}."
    for n, cause in enumerate(t.causes):
        yield f"{'Or consistent' if n else 'Consistent'} with: {cause.says}."
        if cause.next is None:
            agree = f"all {cause.of} tensors agree" if cause.of > 1 else "it agrees"
            yield f"  With this alone {agree}."
        else:
            yield f"  With this {cause.agree} tensors agree, up to {cause.next}."
    if not t.causes:
        yield "No usual mistake makes this difference."


def _shape(shape):
    return f"({','.join(map(str, shape))})"


def _short(value):
    text = "nothing" if value is None else str(value)
    return text if len(text) < 80 else f"{text[:77]}..."
