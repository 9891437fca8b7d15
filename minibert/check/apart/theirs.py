"""Whose line it was: of a traceback and of a warning only what is theirs is told."""

import itertools
import linecache
import os
import re
import sys
import sysconfig
import warnings
from pathlib import Path

import numpy as np

from minibert.check.apart.records import Error, Frame, Warned

MOST_FRAMES = 12
MOST_WARNINGS = 50
LONGEST = 500  # characters of a message
HERE = str(Path(__file__).absolute().parent)
MINIBERT = Path(__file__).absolute().parents[2]


def _library_folders():
    """Where code lies that nobody writes for an assignment."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {sysconfig.get_path(name) for name in names}
    found |= {str(MINIBERT), str(Path(np.__file__).parent)}
    return tuple({os.path.join(f, "") for path in found for f in (path, os.path.realpath(path))})


LIBRARIES = _library_folders()


def is_theirs(file):
    """Whether a file's code is neither minibert's, nor NumPy's, nor otherwise installed."""
    if file.startswith(("<frozen ", "<__array_function__")):
        return False
    try:
        return not os.path.abspath(file).startswith(LIBRARIES)
    except OSError:  # the working folder is gone
        return True


def _is_ours(file):
    """Whether it is a file of this package."""
    return file.startswith(HERE)


def frames_of(lines):
    """Their frames, of (file, line, function) from the outermost to the innermost.

    Where none is theirs, as for a function of a library, those that are not of this package.
    """
    lines = [line for line in lines if line[0] and line[1]]
    kept = [line for line in lines if is_theirs(line[0])]
    kept = kept or [x for x in lines if not _is_ours(x[0])]
    kept = [x for n, x in enumerate(kept) if n < 2 or x != kept[n - 1] or x != kept[n - 2]]
    if len(kept) > MOST_FRAMES:  # of a recursion the ends are enough
        kept = kept[: MOST_FRAMES // 2] + kept[-(MOST_FRAMES // 2) :]
    return tuple(
        Frame(file, line, function, linecache.getline(file, line).strip()[:200])
        for file, line, function in kept
    )


def error_of(error, kind="raised"):
    """The `Error` that an exception is told as."""
    lines, at = [], error.__traceback__
    while at is not None:
        lines.append((at.tb_frame.f_code.co_filename, at.tb_lineno, at.tb_frame.f_code.co_name))
        at = at.tb_next
    frames = frames_of(lines)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        frames = (*(f for f in frames if is_theirs(f.file)), _syntax_frame(error))
        return Error(kind, type(error).__name__, str(error.msg)[:LONGEST], frames)
    return Error(kind, type(error).__name__, said(error), frames)


def said(error):
    """An exception's message, cut; that may itself fail."""
    try:
        return str(error)[:LONGEST]
    except Exception:
        return ""


def _syntax_frame(error):
    """The line that Python could not read."""
    text = error.text or linecache.getline(error.filename, error.lineno)
    indent = len(text) - len(text.lstrip())
    caret = max(0, (error.offset or 0) - indent)
    return Frame(str(error.filename), error.lineno, "", text.strip()[:200], caret)


class Listening:
    """Takes down warnings, with the line of theirs that caused each.

    Within it every warning counts, and NumPy warns of overflow, of division by zero and of
    invalid values, whatever was set outside.
    """

    def __init__(self):
        self.counts = {}
        self._inner = warnings.catch_warnings()
        self._numpy = np.errstate(divide="warn", over="warn", invalid="warn", under="ignore")

    def __enter__(self):
        self._inner.__enter__()
        self._numpy.__enter__()
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.showwarning = self._take
        return self

    def __exit__(self, *error):
        self._numpy.__exit__(*error)
        self._inner.__exit__(*error)

    def _take(self, message, category, filename, lineno, file=None, line=None):
        at = sys._getframe(1)
        while not is_theirs(at.f_code.co_filename) and not _is_ours(at.f_code.co_filename):
            at = at.f_back
        if not _is_ours(at.f_code.co_filename):
            filename, lineno = at.f_code.co_filename, at.f_lineno
        key = category.__name__, said(message), filename, lineno
        if key in self.counts or len(self.counts) < MOST_WARNINGS:
            self.counts[key] = self.counts.get(key, 0) + 1

    def found(self):
        """The warnings so far."""
        return tuple(Warned(*key, count) for key, count in self.counts.items())


def frames_of_dump(text):
    """Their frames in what `faulthandler` wrote: of the thread that makes the calls."""
    threads = re.split(r"^(?:Current thread |Thread |Stack ).*$", text, flags=re.MULTILINE)[1:]
    found = [re.findall(r'^  File "(.*)", line (\d+) in (.*)$', one, re.M) for one in threads]
    ours = [lines for lines in found if any(_is_ours(file) for file, _, _ in lines)]
    lines = list(itertools.takewhile(lambda x: not _is_ours(x[0]), (ours or found or [[]])[-1]))
    kept = [(file, int(n), name) for file, n, name in reversed(lines) if is_theirs(file)]
    return frames_of(kept)
