"""A fresh interpreter for what needs one: first imports, first calls, and peaks of memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]  # holds the package: a checkout need not be installed


def python(*words, **environment):
    """Run Python with these arguments, such that it imports this very package.

    Parameters
    ----------
    *words : str
    **environment : str
        Variables beside those of this process.

    Returns
    -------
    subprocess.CompletedProcess
        With its stdout and stderr as text.

    Raises
    ------
    OSError
        It failed; the message ends with the last that it said.
    """
    paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    done = subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise OSError(f"a child process ended with {done.returncode}: {said[-1]}")
    return done


def answer(*words, **environment):
    """What the child printed last, as JSON."""
    return json.loads(python(*words, **environment).stdout.strip().splitlines()[-1])
