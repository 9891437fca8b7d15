"""Child processes: begun as a copy of this one or as a new interpreter, and how they ended."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings

from minibert.check.apart import child
from minibert.check.apart.files import write_task
from minibert.check.apart.theirs import MINIBERT

UNKNOWN = 1000  # no exit code
FRESH = "import sys; sys.path.append({!r}); from {} import main; main(sys.argv[1])"


class Fork:
    """A forked child, with as much of `subprocess.Popen` as is needed."""

    def __init__(self, pid):
        self.pid, self.returncode, self.used = pid, None, 0.0  # seconds of the processor

    def poll(self):
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            try:
                # It is left in the table until its group has been ended: the number stays its own.
                found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:  # somebody else waited for it
                end_group(self.pid)
                self.returncode = UNKNOWN
                return UNKNOWN
            if found is None:
                return None
            end_group(self.pid)
            with contextlib.suppress(ChildProcessError):
                _, status, used = os.wait4(self.pid, 0)
                self.used = used.ru_utime + used.ru_stime
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self):
        """End it, unless it has ended: the number may be another's by then."""
        if self.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        """Until it has ended."""
        while self.poll() is None:
            time.sleep(0.001)


def forked(folder, targets, plan, wanted, deadline):
    """A child that is a copy of this process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()  # or both would write what is waiting
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        pid = os.fork()
        if pid == 0:
            child.work(folder, targets, plan, wanted, deadline)
    return Fork(pid)


def fresh(folder, targets, plan, wanted, deadline):
    """A child that is a new interpreter."""
    path = [os.path.abspath(entry) for entry in sys.path]
    write_task(folder, targets, plan, wanted, deadline=deadline, path=path)
    root = str(MINIBERT.parent)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", FRESH.format(root, child.__name__), folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_group(pid):
    """End all processes of the child's group."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def ending(code):
    """How a process ended that did not come to its end."""
    if code == child.FAILED:
        return "left no results that can be read"
    if code >= 0:
        return "ended the process" + (f" with exit code {code}" if code != UNKNOWN else "")
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    memory = ", as happens when memory runs out" if name == "SIGKILL" else ""
    return f"was killed by signal {-code} ({name}){memory}"
