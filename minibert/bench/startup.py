"""Startup: how long a program waits before minibert does its first work, in fresh processes.

Imports are timed as a whole process, less one that does nothing. The first call is that of a model
of 4 layers on a text of 128 tokens; what is imported or loaded only then is in its time, making the
weights is not. Without a cache is where Numba has compiled nothing yet: what a first user sees.
"""

import json
import tempfile
import time

from minibert.bench import child, goals
from minibert.bench.rows import OURS, Row
from minibert.bench.timing import figure

IMPORTS = ("import minibert", "from minibert import BertModel")
LATE = ("numba", "matplotlib", "torch")  # what they must not import

FIRST_CALL = """
import json, time
from minibert import BertModel, preset
from minibert.bench.inputs import loaded, random_ids, random_params
config = preset("tinybert-4l-312")
model, ids = loaded(BertModel, config, random_params(config)), random_ids(config, 1, 128)
start = time.perf_counter()
model(ids)
print(json.dumps(time.perf_counter() - start))
"""


def columns(chosen):
    """Those of the chosen peers that the suite compares with."""
    return ()


def rows(run):
    """The rows, as they are measured.

    Parameters
    ----------
    run : Run

    Yields
    ------
    Row
    """
    repeats = run.repeat or (3 if run.quick else 9)
    spent = {program: [] for program in ("pass", *IMPORTS)}
    for _ in range(repeats):
        for program, seconds in spent.items():
            start = time.perf_counter()
            child.python("-c", program)
            seconds.append(time.perf_counter() - start)
    for program in IMPORTS:
        yield _import(program, spent[program], spent["pass"])
    first = [child.answer("-c", FIRST_CALL) for _ in range(1 + repeats)]
    yield Row("first call", {OURS: figure(first[1:])}, unit="s", goal=goals.FIRST_CALL)
    yield _without_cache()


def _import(program, whole, nothing):
    asked = f"import json, sys; print(json.dumps([m for m in {LATE} if m in sys.modules]))"
    found = child.answer("-c", f"{program}\n{asked}")
    said = f"it imports {', '.join(found)}" if found else f"none of {', '.join(LATE)} is imported"
    return Row(
        program,
        {OURS: figure([a - b for a, b in zip(whole, nothing, strict=True)])},
        unit="s",
        goal=goals.IMPORT,
        note=f"{said}; with the start of Python, {figure(nothing).median:.3f} s, it is "
        f"{figure(whole).median:.3f} s",
    )


def _without_cache():
    with tempfile.TemporaryDirectory() as folder:
        done = child.python("-c", FIRST_CALL, NUMBA_CACHE_DIR=folder)
    said = done.stderr.strip().splitlines()
    return Row(
        "first call, without a cache",
        {OURS: figure([json.loads(done.stdout.splitlines()[-1])])},
        unit="s",
        note=f"it says: {said[0]}" if said else "it says nothing meanwhile",
    )
