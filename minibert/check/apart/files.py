"""Values in a folder of JSON and .npy files, between two processes that need not trust each other.

Nothing is pickled. A file appears whole, under its name, or not at all; what does not read as it
was meant counts as not there. In the place of a file the other process may have put anything, even
a pipe.
"""

import io
import json
import os
import re
import stat
from json import dumps
from os import replace
from pathlib import Path

import numpy as np

from minibert.check.apart.records import Error, Frame, Planned, Result, Warned
from minibert.check.apart.source import Source
from minibert.check.apart.taken import Want, Wanted

LARGEST = 400 * 2**20  # bytes of one value that are read
LARGEST_JSON = 64 * 2**20
OPEN = ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
save = np.save  # bound early, like the others: theirs may put something else there


def write_json(folder, name, value):
    """Write a file of JSON, whole or not at all."""
    _write(folder, name, lambda file: file.write(dumps(value).encode()))


def read_json(folder, name):
    """What a file of JSON holds; None if it is not there, or broken."""
    try:
        return json.loads(_whole(folder, name, LARGEST_JSON))
    except (OSError, ValueError, RecursionError, MemoryError):
        return None


def _write(folder, name, fill):
    part = os.path.join(folder, f"{name}.part")
    with open(part, "wb") as file:
        fill(file)
    replace(part, os.path.join(folder, name))


def read_bytes(path, most, last=False):
    """The first bytes of a file, or the last, at once.

    Raises
    ------
    OSError
        It cannot be read, or is no regular file.
    """
    flags = os.O_RDONLY
    for name in OPEN:
        flags |= getattr(os, name, 0)
    number = os.open(path, flags)
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is no file")
        with open(number, "rb", closefd=False) as file:
            file.seek(max(0, found.st_size - most) if last else 0)
            return file.read(most)
    finally:
        os.close(number)


def _whole(folder, name, most):
    data = read_bytes(os.path.join(folder, name), most + 1)
    if len(data) > most:
        raise OSError(f"{name} is too large")
    return data


def write_values(folder, name, value):
    """Write a structure of arrays, numbers, texts, lists, tuples, sets, dicts and None."""
    count = 0

    def pack(x):
        nonlocal count
        if isinstance(x, np.ndarray | np.generic):
            file = f"{name}-{count}.npy"
            count += 1
            _write(folder, file, lambda f: save(f, x, allow_pickle=False))
            return {"array": file, "number": isinstance(x, np.generic)}
        if isinstance(x, dict):
            return {"dict": [[pack(k), pack(v)] for k, v in x.items()]}
        for kind in (list, tuple, set, frozenset):
            if isinstance(x, kind):
                return {kind.__name__: [pack(part) for part in x]}
        return {"value": x}

    write_json(folder, f"{name}.json", pack(value))


def read_values(folder, name):
    """What `write_values` wrote.

    Raises
    ------
    ValueError
        It is not there, or broken.
    """
    try:
        x = json.loads(_whole(folder, f"{name}.json", LARGEST_JSON))
        return _unpack(folder, name, x, [LARGEST])
    except Exception as error:
        raise ValueError(f"{name} cannot be read: {error}") from None


def _unpack(folder, name, x, left):
    """A value of what was packed; `left` is a list with the bytes of arrays that it may have."""
    if "value" in x:
        return x["value"]
    if "array" in x:
        if not re.fullmatch(rf"{re.escape(name)}-\d+\.npy", x["array"]):
            raise ValueError(f"{x['array']!r} is no array of {name}")
        data = _whole(folder, x["array"], left[0])
        left[0] -= len(data)
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        if array.size > len(data):  # of entries without a size
            raise ValueError(f"{x['array']!r} is no array of numbers")
        return array[()] if x["number"] else array
    if "dict" in x:
        unpacked = ([_unpack(folder, name, part, left) for part in pair] for pair in x["dict"])
        return {key: value for key, value in unpacked}
    for kind in (list, tuple, set, frozenset):
        if kind.__name__ in x:
            return kind(_unpack(folder, name, part, left) for part in x[kind.__name__])
    raise ValueError(f"nothing is known of {x!r:.60}")


def read_result(folder, name):
    """A `Result` that a child wrote with `write_values`; None if there is none that is whole."""
    try:
        fields = dict(zip(Result._fields, read_values(folder, name), strict=True))
        error, steps = fields["error"], fields["steps"]
        checked = fields | {
            "outputs": fields["outputs"] and _dict(fields["outputs"]),
            "dtypes": {str(k): str(v) for k, v in _dict(fields["dtypes"]).items()},
            "steps": tuple((str(n), np.asarray(a)) for n, a in steps),
            "error": None if error is None else error_from(error),
            "warnings": tuple(
                Warned(str(t), str(m), str(f), int(n), int(c))
                for t, m, f, n, c in fields["warnings"]
            ),
            "seconds": float(fields["seconds"]),
        }
        for key in ("notes", "left_out", "changed", "shares"):
            checked[key] = tuple(map(str, fields[key]))
        return Result(**checked)
    except Exception:
        return None


def error_from(x):
    """An `Error` of what was read."""
    kind, name, message, frames = x
    frames = tuple(
        Frame(str(file), int(line), str(function), str(text), int(caret))
        for file, line, function, text, caret in frames
    )
    return Error(str(kind), str(name), str(message), frames)


def _dict(x):
    if not isinstance(x, dict):
        raise TypeError("no dict")
    return x


def write_task(folder, sources, plan, wanted, **more):
    """What a fresh interpreter has to do."""
    named = {part: [str(s.path), s.name, s.module] for part, s in sources.items()}
    task = {"sources": named, "plan": [tuple(p) for p in plan], "wanted": tuple(wanted), **more}
    write_values(folder, "task", task)


def read_task(folder):
    """(sources, plan, wanted, the rest) of what `write_task` wrote."""
    task = read_values(folder, "task")
    sources = {part: Source(Path(p), n, m) for part, (p, n, m) in task.pop("sources").items()}
    plan = [Planned(*planned) for planned in task.pop("plan")]
    wanted = Wanted(*task.pop("wanted"))
    wanted = wanted._replace(
        outputs=tuple(Want(*w) for w in wanted.outputs),
        gradients=tuple(Want(*w) for w in wanted.gradients),
    )
    return sources, plan, wanted, task
