"""Somebody's function in a process of its own, so that whatever it does ends there.

A child makes the calls of a plan and writes each result as it finishes; the parent waits, at most
so long, ends the child and all that it started, and reads what there is. Nothing that the function
does is an exception here: it is part of what became of it, a `Ran`.

This keeps mishaps apart, not malice: a process that theirs starts in a session of its own
(``setsid``) outlives the run, memory is not limited, and files are theirs to change. A fork has
none of this process's threads, so that a library that waits for one hangs; a function that ends in
its first call is then tried in a new interpreter, if it can be imported there.
"""

import contextlib
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

from minibert.check.apart import child
from minibert.check.apart.calls import INTERRUPTED, loaded, make_calls
from minibert.check.apart.files import (
    error_from,
    read_bytes,
    read_json,
    read_result,
    read_values,
)
from minibert.check.apart.kept import MOST_PRINTED, Kept
from minibert.check.apart.processes import end_group, ending, forked, fresh
from minibert.check.apart.records import Ran
from minibert.check.apart.source import Source, source_of
from minibert.check.apart.taken import wanted_of
from minibert.check.apart.theirs import frames_of_dump

GRACE = 0.5  # seconds
MOST_WHERE = 100_000  # bytes of what was dumped
THREADED = ("torch", "numba")  # libraries whose threads a fork is known to miss

COPY = (
    "; it ran in a copy of this process, whose threads it does not have: minibert verify ... "
    "--function FILE.py:NAME starts a new one"
)


def run_apart(target, plan, *, hint, time_limit=20.0, how=None):
    """Call somebody's function as planned, in another process.

    Parameters
    ----------
    target : callable or Source, or a pair of them
        The function, or the forward and the gradient; either of a pair may be None.
    plan : list of Planned
    hint : Steps
        The op that it is meant to be.
    time_limit : float
        Seconds for everything together; half of it once more where a fork comes to nothing.
    how : {"fork", "fresh", "here"}, optional
        A copy of this process, where nothing need be imported; a fresh interpreter, which imports
        the function from its file; or this process, without a time limit. By default a fork on
        Linux, elsewhere a fresh interpreter if the function can be imported.

    Returns
    -------
    Ran

    Raises
    ------
    ValueError
        There is no function, or it is to be imported afresh and cannot be.
    RuntimeError
        This is such a process already.
    """
    if child.is_child():
        raise RuntimeError(
            "the code that is diagnosed calls diagnose itself; put that call under "
            "if __name__ == '__main__':"
        )
    targets = _by_part(target, plan)
    with np.errstate(all="ignore"):
        wanted = wanted_of(hint, _inputs(plan))
    how, targets, notes = _way(how, targets)
    if how == "here":
        return _run_here(targets, plan, wanted, notes)
    ran, idle = _run(how, targets, plan, wanted, notes, time_limit)
    if how == "fork" and idle and _has_threads():
        return _again_fresh(ran, targets, plan, wanted, time_limit)
    return ran


def _run(how, targets, plan, wanted, notes, time_limit):
    """(the `Ran` of another process, whether that was killed or did little but wait)."""
    folder = tempfile.mkdtemp(prefix="minibert-")
    try:
        with Kept(folder) as kept:
            start = time.monotonic()
            begin = forked if how == "fork" else fresh
            process = begin(folder, targets, plan, wanted, start + time_limit)
            ended, idle = _wait(process, folder, kept, time_limit)
            seconds = time.monotonic() - start
            return _read(folder, kept, plan, ended, notes, how, seconds), idle
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_threads():
    """Whether this process has other threads, as far as is known: those of libraries count."""
    try:
        return len(os.listdir("/proc/self/task")) > 1
    except OSError:
        return True


def _again_fresh(ran, targets, plan, wanted, time_limit):
    """What becomes of it in a new interpreter, where a copy of this process came to nothing.

    If that does no better, the threads that the copy does not have are not known to be the cause.
    """
    first = {planned.part: planned.key for planned in reversed(plan)}
    if ran.running not in first.values():
        return ran
    sources = {p: t if isinstance(t, Source) else source_of(t) for p, t in targets.items()}
    if all(sources.values()):
        left = max(time_limit - ran.seconds, 0.5 * time_limit)
        note = f"run in a new process: in a copy of this one it {ran.ended}"
        anew, _ = _run("fresh", sources, plan, wanted, (*ran.notes, note), left)
        better = len(anew.results) > len(ran.results)
        return anew._replace(seconds=ran.seconds + anew.seconds) if better else ran
    threaded = any(name in sys.modules for name in THREADED)
    return ran._replace(ended=ran.ended + COPY) if threaded else ran


def _by_part(target, plan):
    """The functions by the part that they are."""
    if isinstance(target, tuple) and not isinstance(target, Source):
        forward, gradient = target
    else:
        alone = any(planned.part == "forward" for planned in plan)
        forward, gradient = (target, None) if alone else (None, target)
    found = {"forward": forward, "gradient": gradient}
    found = {part: function for part, function in found.items() if function is not None}
    if not found:
        raise ValueError("there is no function to run: give a forward or a gradient")
    return found


def _inputs(plan):
    """Inputs of one call, those of a gradient if there is one."""
    return max((planned.inputs for planned in plan), key=len)


def _way(how, targets):
    """(how to run them, them, notes)."""
    if how is None and sys.platform == "linux":
        how = "fork"
    if how in ("fork", "here"):
        return how, targets, ()
    sources = {p: t if isinstance(t, Source) else source_of(t) for p, t in targets.items()}
    if all(sources.values()):
        return "fresh", sources, ()
    if how == "fresh":
        raise ValueError(
            "the function cannot be imported from a file, as a lambda or one within another cannot"
        )
    note = (
        "the function was run in this process, without a time limit, since it cannot be imported "
        "from a file; give it as FILE.py:FUNCTION to have it run apart"
    )
    return "here", targets, (note,)


def _wait(process, folder, kept, time_limit):
    """Wait for the child, end it if it takes too long.

    Returns
    -------
    ended : str
        How it ended; empty if it was done.
    idle : bool
        Whether it was killed, or a fork that spent less than half of its time in computing.
    """
    end, pause = time.monotonic() + time_limit, 0.001
    try:
        while process.poll() is None and time.monotonic() < end:
            kept.keep_short()
            time.sleep(pause)
            pause = min(1.5 * pause, 0.02)
        in_time = process.poll() is not None
        _wait_for_where(process, folder)
    finally:  # on Ctrl-C, too
        if process.poll() is None or isinstance(process, subprocess.Popen):
            end_group(process.pid)
        process.kill()
        process.wait()
    if not in_time:
        return f"did not end within {time_limit:g} s", getattr(process, "used", 0) < time_limit / 2
    said = read_json(folder, "end.json")
    if isinstance(said, str):
        return said[:300], False
    return ending(process.returncode), process.returncode < 0


def _wait_for_where(process, folder):
    """A moment more for a busy machine to note where the child is, if it still runs."""
    end, path = time.monotonic() + GRACE, os.path.join(folder, "where")
    with contextlib.suppress(OSError):
        while process.poll() is None and not os.path.getsize(path) and time.monotonic() < end:
            time.sleep(0.01)


def _read(folder, kept, plan, ended, notes, how, seconds):
    """All that the child left."""
    results = {p.key: read_result(folder, f"result{n}") for n, p in enumerate(plan)}
    results = {key: result for key, result in results.items() if result is not None}
    import_error, running, at = _import_error(folder), None, ()
    if ended:
        number = kept.running()
        running = plan[number].key if 0 <= number < len(plan) else ("import", "", "")
        at = _where(folder, running, results, import_error)
    return Ran(
        results, import_error, ended, running, at, kept.printed(), notes, how, seconds
    )  # fmt: skip


def _import_error(folder):
    try:
        return error_from(read_values(folder, "import"))
    except (ValueError, TypeError):
        return None


def _where(folder, running, results, import_error):
    """Where their code was: of an exception its lines, else what was dumped."""
    error = import_error or (results[running].error if running in results else None)
    if error is not None:
        return error.frames
    try:
        dump = read_bytes(os.path.join(folder, "where"), MOST_WHERE, last=True)
    except OSError:
        return ()
    return frames_of_dump(dump.decode("utf-8", "replace"))


def _run_here(targets, plan, wanted, notes):
    """The calls in this process; Ctrl-C is the user's own."""
    start, printed, results, numbers = time.monotonic(), io.StringIO(), {}, []

    def send(number, result):
        results[plan[number].key] = result

    drawn = random.getstate(), np.random.get_state()  # noqa: NPY002
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        functions, error = loaded(targets)
        ended = ""
        if error is None:
            ended, _ = make_calls(functions, plan, wanted, numbers.append, send)
    random.setstate(drawn[0])
    np.random.set_state(drawn[1])  # noqa: NPY002
    if ended == INTERRUPTED or (error and error.type == "KeyboardInterrupt"):
        raise KeyboardInterrupt
    running = plan[numbers[-1]].key if ended else None
    at = results[running].error.frames if ended else ()
    return Ran(
        results, error, ended, running, at, printed.getvalue()[:MOST_PRINTED], notes, "here",
        time.monotonic() - start,
    )  # fmt: skip
