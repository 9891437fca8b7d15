"""What can be said of a difference without knowing its cause."""

import numpy as np

from minibert.check.compare import relative_error
from minibert.check.trace.permutations import permutation

AXES = {4: ("text", "head", "query", "key"), 3: ("text", "token", "feature"),
        2: ("text", "feature")}  # fmt: skip


def hints(scene, causes):
    """Sentences about the tensor that differs.

    Parameters
    ----------
    scene : Scene
    causes : list of Cause
        Where there are any, only what they cannot say is said.

    Returns
    -------
    list of str
    """
    a, b = scene.theirs, scene.ours
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        bad = np.argwhere(~np.isfinite(a))
        at = ", ".join(str(int(i)) for i in bad[0])
        nans = int(np.isnan(a).sum())
        return [
            f"OTHER has {nans} NaN and {len(bad) - nans} infinities among its {a.size} numbers, "
            f"the first at [{at}]"
        ]
    if causes:
        return []
    if a.shape != b.shape:
        return _of_shapes(scene.name, a, b)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # of numbers near 1e308
        return _of_numbers(scene, a, b)


def _of_shapes(name, a, b):
    """What two shapes have to do with one another."""
    if name.endswith("position_embeddings") and a.shape[1:] == b.shape[1:]:
        return [
            "the positions differ from text to text, where BERT counts 0, 1, 2, ... in each; "
            "RoBERTa's depend on the padding"
        ]
    if a.ndim == b.ndim and sorted(a.shape) == sorted(b.shape):
        return ["the axes are in another order"]
    if a.ndim == b.ndim and a.shape[:1] != b.shape[:1]:
        return ["OTHER was made from another number of texts than the ids say"]
    if a.size == b.size:
        return ["as many numbers in another shape"]
    return ["the two models differ in size here"]


def _of_numbers(scene, a, b):
    """What two arrays of one shape have to do with one another."""
    a, b = a.astype(np.float64), np.asarray(b, np.float64)
    rtol = min(scene.rtol, scene.row.relative / 3.0)  # little is left: it is explained
    said = []
    square = (b * b).sum()
    ratio = (a * b).sum() / square if square else 0.0
    if not a.any():
        said.append("OTHER is all zeros")
    elif relative_error(a, ratio * b) <= rtol:
        is_flip = abs(ratio + 1) <= rtol
        said.append("the sign is the other" if is_flip else
                    f"every number is {ratio:.6g} times the reference's")  # fmt: skip
    mean = (a - b).mean()
    row = (a - b).mean(tuple(range(a.ndim - 1)), keepdims=True)
    if relative_error(a - mean, b) <= rtol:
        said.append(f"every number is the reference's {mean:+.6g}")
    elif a.ndim > 1 and relative_error(a - row, b) <= rtol:
        said.append("the same vector is added to that of every token, as by another bias")
    said += _of_order(a, b, rtol)
    said += _of_place(scene, a - b)
    return said


def _of_order(a, b, rtol):
    """Whether the same numbers stand elsewhere."""
    for axis, called in zip(range(a.ndim), AXES.get(a.ndim, ()), strict=False):
        order = permutation(a, b, rtol, axis)
        if order is not None:
            first = ", ".join(map(str, order[:12])) + (", ..." if len(order) > 12 else "")
            return [f"it is the reference's with each {called} in another order: {first}"]
    if relative_error(np.sort(a, None), np.sort(b, None)) <= rtol:
        return ["the same numbers as the reference's, in another order"]
    return []


def _of_place(scene, difference):
    """Where the difference is, if it is not everywhere."""
    floor = scene.rtol * np.sqrt(np.mean(scene.ours.astype(np.float64) ** 2))
    apart = np.abs(difference) > floor
    keep = scene.inputs.keep
    if apart.ndim == 3 and apart.shape[:2] == keep.shape and not apart[keep].any():
        return ["only padding differs, which no token attends to: harmless to what is read off"]
    for axis, called in zip(range(apart.ndim), AXES.get(apart.ndim, ()), strict=False):
        others = tuple(n for n in range(apart.ndim) if n != axis)
        where = np.flatnonzero(apart.any(others))
        if 0 < len(where) <= apart.shape[axis] // 2:
            some = ", ".join(map(str, where[:8])) + (", ..." if len(where) > 8 else "")
            return [f"only some differ: {called} {some} of {apart.shape[axis]}"]
    return []
