"""How a function ends its process, or does not, and what is left then."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from minibert.check.apart import running as apart

from .plans import BOTH, FIRST, PLAN, attention, exits, first, line_of, linux, run


def interrupts(q, k, v, bias):
    raise KeyboardInterrupt


def leaves(q, k, v, bias):
    sys.exit("enough")


def leaves_with_a_number(q, k, v, bias):
    raise SystemExit(4)


def pretends(q, k, v, bias):
    os._exit(0)


def crashes(q, k, v, bias):
    ctypes.string_at(0)


def aborts(q, k, v, bias):
    os.abort()


def is_killed(q, k, v, bias):
    os.kill(os.getpid(), signal.SIGKILL)


def kills_its_group(q, k, v, bias):
    os.killpg(0, signal.SIGTERM)


def overflows_the_stack(q, k, v, bias):
    sys.setrecursionlimit(10**9)

    def f(x):
        return sorted([1], key=lambda _: f(x))

    return f(1)


@linux
@pytest.mark.parametrize(
    ("function", "ended", "text"),
    [
        (exits, "ended the process with exit code 3", ""),
        (pretends, "ended the process with exit code 0", ""),
        (leaves, "ended the process with exit code 1", 'sys.exit("enough")'),
        (leaves_with_a_number, "ended the process with exit code 4", "raise SystemExit(4)"),
        (interrupts, "raised KeyboardInterrupt", "raise KeyboardInterrupt"),
        (crashes, "was killed by signal 11 (SIGSEGV)", "ctypes.string_at(0)"),
        (aborts, "was killed by signal 6 (SIGABRT)", "os.abort()"),
        (is_killed, "was killed by signal 9 (SIGKILL), as happens when memory runs out", ""),
        (kills_its_group, "was killed by signal 15 (SIGTERM)", ""),
        (overflows_the_stack, "was killed by signal 11 (SIGSEGV)", "return sorted"),
    ],
)
def test_a_function_that_ends_the_process(function, ended, text, capfd):
    ran = run(function)
    assert (ran.ended, ran.running) == (ended, FIRST)
    if text:
        assert text in ran.at[-1].text
        assert ran.at[-1].file == __file__
        assert ran.at[-1].line == line_of(function, text)
    assert capfd.readouterr() == ("", "")


@linux
def test_what_had_finished_is_kept():
    def later(q, k, v, bias):
        return os._exit(3) if len(q) == 3 else attention(q, k, v, bias)

    ran = run(later)
    assert list(ran.results) == [("forward", c, "values") for c in ("primes", "square")]
    assert ran.running == ("forward", "other", "values")


def loops(q, k, v, bias):
    while True:
        pass


def sleeps_and_will_not_end(q, k, v, bias):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(100)


def stops(q, k, v, bias):
    os.kill(os.getpid(), signal.SIGSTOP)


def floods(q, k, v, bias):
    while True:
        os.write(1, b"x" * 2**16)


@linux
@pytest.mark.parametrize(
    ("function", "text"),
    [(loops, "pass"), (sleeps_and_will_not_end, "time.sleep(100)"), (stops, ""), (floods, "os.wr")],
)
def test_a_function_that_does_not_end(function, text):
    start = time.monotonic()
    ran = run(function, time_limit=1.5)
    assert time.monotonic() - start < 5
    assert (ran.ended, ran.running) == ("did not end within 1.5 s", FIRST)
    if text:
        assert ran.at[-1].text.startswith(("while True", text))
    assert ran.printed == ("x" * 2000 if function is floods else "")


def dies_in_a_copy(q, k, v, bias):
    if "torch" in sys.modules:
        os.abort()
    return q


def gradient_that_dies_in_a_copy(q, k, v, bias, dcontext):
    return dies_in_a_copy(q, k, v, bias), k, v


class Torch:
    """As if PyTorch had been used."""

    def __init__(self, threads=None):
        self.set_num_threads = (threads or []).append


@pytest.fixture
def thread():
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


@linux
def test_libraries_have_one_thread_in_a_copy(monkeypatch):
    threads = []
    monkeypatch.setitem(sys.modules, "torch", Torch(threads))
    assert first(lambda q, k, v, bias: q * threads[0] * float(os.environ["OMP_NUM_THREADS"]))
    assert first(lambda q, k, v, bias: q[threads]).error is None
    assert threads == []
    monkeypatch.setitem(sys.modules, "torch", None)
    np.testing.assert_array_equal(
        first(lambda q, k, v, bias: q).outputs["context"], PLAN[0].inputs["q"]
    )


@linux
def test_a_copy_that_lacks_threads_is_followed_by_a_new_process(monkeypatch, thread):
    monkeypatch.setitem(sys.modules, "torch", Torch())
    ran = run(dies_in_a_copy, PLAN[:1], 20)
    assert (ran.how, ran.ended, len(ran.results)) == ("fresh", "", 1)
    assert "in a copy of this one it was killed by signal 6 (SIGABRT)" in ran.notes[0]
    plan = [PLAN[0], next(planned for planned in BOTH if planned.part == "gradient")]
    ran = run((attention, gradient_that_dies_in_a_copy), plan, 20)
    assert (ran.how, ran.ended, len(ran.results)) == ("fresh", "", 2)
    ran = run(lambda q, k, v, bias: time.sleep(100), PLAN[:1], 0.5)
    assert ran.ended.startswith("did not end within 0.5 s; it ran in a copy of this process")
    for name in apart.THREADED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    ran = run(lambda q, k, v, bias: time.sleep(100), PLAN[:1], 0.5)
    assert ran.ended == "did not end within 0.5 s"


@linux
def test_children_and_threads_of_theirs_end_with_it(tmp_path):
    def starts(q, k, v, bias):
        child = subprocess.Popen(["sleep", "100"])
        threading.Thread(target=time.sleep, args=(100,)).start()
        with open(tmp_path / "pids", "a") as file:
            file.write(f"{child.pid}\n")
        return attention(q, k, v, bias)

    ran = run(starts)
    assert ran.ended == ""
    assert len(ran.results) == len(PLAN)
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        assert _has_ended(pid)


def _has_ended(pid):
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@linux
def test_a_fork_of_theirs_that_comes_back_writes_nothing():
    def twice(q, k, v, bias):
        return q if os.fork() else 2 * q

    ran = run(twice)
    assert ran.ended == ""
    for planned in PLAN:
        got = ran.results[planned.key].outputs["context"]
        np.testing.assert_array_equal(got, planned.inputs["q"])


@linux
def test_ctrl_c_ends_the_child_and_goes_on(tmp_path):
    code = f"""
import os, sys
import numpy as np, time
from minibert.check.apart.running import run_apart
from minibert.check.apart.records import make_plan
from minibert.check.mistakes import op_called
def f(q, k, v, bias):
    open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
    time.sleep(100)
steps = op_called("attention")
try:
    run_apart(f, make_plan(steps, steps.draw(), ("forward",)), hint=steps)
except KeyboardInterrupt:
    sys.exit(42)
"""
    env = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", code], env=env)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 42
    assert _has_ended(int((tmp_path / "pid").read_text()))
    assert [p.name for p in tmp_path.iterdir()] == ["pid"]


@linux
def test_a_child_outlives_no_parent(monkeypatch):
    monkeypatch.setattr(apart.child, "ORPHANED", -0.4)
    assert run(lambda q: 0, PLAN[:1], time_limit=2).ended == ""
    assert run(sleeps_and_will_not_end, time_limit=2).ended == "was killed by signal 14 (SIGALRM)"


@linux
def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(apart.tempfile, "tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    for function in (attention, exits, crashes):
        run(function)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
