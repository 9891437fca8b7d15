"""The child process: it makes the calls, and leaves each result in a file."""

import faulthandler
import io
import mmap
import os
import signal
import sys
import time

from minibert.check.apart.calls import ending, loaded, make_calls
from minibert.check.apart.files import read_task, write_json, write_values

ORPHANED = 5  # seconds after the deadline
FAILED = 70  # the exit code if results cannot be written
NUMBER = 8  # characters of the number of the call that runs
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_state = {"child": False}


def is_child():
    """Whether this process was started to run somebody's function."""
    return _state["child"]


def main(folder):
    """Work through the task in a folder: the entry of a fresh interpreter."""
    sources, plan, wanted, more = read_task(folder)
    sys.path += [p for p in more["path"] if p not in sys.path]
    work(folder, sources, plan, wanted, more["deadline"])


def work(folder, targets, plan, wanted, deadline):
    """Make all calls, and leave the process: this does not return.

    Shortly before the deadline, in seconds of `time.monotonic`, it notes where it is.
    """
    pid, code = os.getpid(), FAILED
    try:
        _state["child"] = True
        number_of = _alone(folder, deadline)
        _one_thread()
        sys.dont_write_bytecode = True
        functions, error = loaded(targets)
        if error is not None:
            write_values(folder, "import", error)
            ended, code = ending(error)
        else:

            def started(number):
                number_of[:NUMBER] = b"%*d" % (NUMBER, number)

            def send(number, result):
                if os.getpid() != pid:  # a child of theirs that came back
                    os._exit(0)
                write_values(folder, f"result{number}", result)

            ended, code = make_calls(functions, plan, wanted, started, send)
        if os.getpid() == pid:
            write_json(folder, "end.json", ended)
    except BaseException as error:
        if os.getpid() == pid:
            write_json(folder, "end.json", f"could not be run to its end ({error!r:.200})")
    finally:
        os._exit(code)


def _alone(folder, deadline):
    """Cut off from the parent's group, terminal and signals: the memory to note the call in."""
    if hasattr(os, "setsid") and os.getpid() != os.getsid(0):
        os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    printed = os.open(os.path.join(folder, "printed"), flags, 0o600)
    os.dup2(null, 0)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, closefd=False))
    for name in ("stdout", "stderr"):  # a notebook's or a test's are elsewhere
        number = 1 if name == "stdout" else 2
        raw = io.FileIO(number, "w", closefd=False)
        stream = io.TextIOWrapper(raw, "utf-8", errors="replace", write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    left = max(0.01, deadline - time.monotonic())
    if hasattr(signal, "setitimer"):  # should the parent be gone by then
        signal.setitimer(signal.ITIMER_REAL, left + ORPHANED)
    _no_core_files()
    where = open(os.path.join(folder, "where"), "w")  # noqa: SIM115 open until the end
    faulthandler.enable(where, all_threads=False)
    faulthandler.dump_traceback_later(max(0.8 * left, left - 0.3), file=where)
    _state["where"] = where
    with open(os.path.join(folder, "running"), "r+b") as file:
        return mmap.mmap(file.fileno(), NUMBER)  # also when the folder is removed, or all closed


def _one_thread():
    """Let libraries compute with one thread: those of the copied process are not here."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    if "numba" not in sys.modules:  # which does not allow it to change
        os.environ["NUMBA_NUM_THREADS"] = "1"
    try:
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
    except Exception:
        pass


def _no_core_files():
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass
