"""`diagnose`: functions that run in a process of their own, whatever they do there."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check.apart import running as apart
from minibert.check.apart.files import read_bytes, read_result, read_values, write_values
from minibert.check.apart.records import Planned, make_plan
from minibert.check.apart.running import run_apart
from minibert.check.apart.source import Source, parse_source
from minibert.check.mistakes import op_called

STEPS = op_called("attention")
CALLS = STEPS.draw(3)
PLAN = make_plan(STEPS, CALLS, ("forward",))
BOTH = make_plan(STEPS, CALLS)
FIRST = ("forward", "primes", "values")
linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no fork")


def attention(q, k, v, bias):
    s = q @ k.swapaxes(-1, -2) * q.dtype.type(q.shape[-1] ** -0.5) + bias
    p = np.exp(s - s.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True) @ v


def run(function, plan=PLAN, time_limit=10.0, how=None):
    return run_apart(function, plan, hint=STEPS, time_limit=time_limit, how=how)


def first(function, **more):
    """The result of one call, which did not end the process."""
    ran = run(function, PLAN[:1], **more)
    assert (ran.ended, ran.running) == ("", None)
    return ran.results[FIRST]


def line_of(function, text):
    """The number of a line in this file."""
    number = function.__code__.co_firstlineno - 1
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if n > number and text in line)


@pytest.mark.quick
def test_results_come_back_to_the_bit():
    ran = run(attention)
    assert list(ran.results) == [planned.key for planned in PLAN]
    assert {kind for _, _, kind in ran.results} == {"values", "again", "float32"}
    for planned in PLAN:
        found = ran.results[planned.key]
        expected = attention(**planned.inputs)
        np.testing.assert_array_equal(found.outputs["context"], expected)
        assert found.dtypes == {"context": str(expected.dtype)}
        assert found[3:9] == ((), (), (), (), None, ())
    assert ran[1:6] == (None, "", None, (), "")


def test_a_forward_and_a_gradient_in_the_style_of_the_library():
    ran = run((F.OPS["attention_forward"], F.OPS["attention_backward"]), BOTH)
    assert not ran.ended
    for planned in BOTH:
        found, truth = ran.results[planned.key], STEPS.run(planned.inputs, planned.part)
        assert found.error is None
        assert found.changed == ()
        for got, expected in zip(found.outputs.values(), truth, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert any("with the forward's cache" in n for n in found.notes)


def test_a_plain_gradient_alone():
    def gradient(q, k, v, bias, dcontext):
        return q, [k.tolist()], None

    def three(dout, q, k, v):
        return dout, k, v, None

    plan = make_plan(STEPS, CALLS, ("gradient",))
    ran = run(gradient, plan)
    assert ran.results["gradient", "primes", "values"].error.message == "dv is None"
    found = run((None, three), plan).results["gradient", "primes", "values"]
    np.testing.assert_array_equal(found.outputs["dq"], CALLS[0].inputs["dcontext"])
    assert found.left_out == ("bias",)
    assert found.shares == ("dcontext", "k", "v")
    with_cache = run((None, lambda dout, cache: cache), plan)
    error = with_cache.results["gradient", "primes", "values"].error
    assert error.kind == "signature"
    assert "give the forward, too" in error.message
    without = run((attention, lambda dout, cache: cache), BOTH)
    error = without.results["gradient", "primes", "values"].error
    assert "the forward returns no cache" in error.message


class Layer:
    def forward(self, q, k, v, bias):
        self.kept = q, k, v
        return q + k + v

    def backward(self, dout):
        q, k, v = self.kept
        return dout * q, dout * k, dout * v


def test_a_pair_that_keeps_what_it_needs(tmp_path):
    layer = Layer()
    ran = run((layer.forward, layer.backward), BOTH)
    found, inputs = ran.results["gradient", "primes", "values"], CALLS[0].inputs
    np.testing.assert_array_equal(found.outputs["dk"], inputs["dcontext"] * inputs["k"])
    assert found.notes == (
        "the gradient is called with the upstream gradient alone, after its forward",)  # fmt: skip
    lines = Path(__file__).read_text(encoding="utf-8").partition("class Layer:")[2]
    (tmp_path / "a.py").write_text("class Layer:" + lines.partition("\n\n\n")[0])
    forward, backward = (Source(tmp_path / "a.py", f"Layer.{n}") for n in ("forward", "backward"))
    again = run((forward, backward), BOTH).results["gradient", "primes", "values"]
    np.testing.assert_array_equal(again.outputs["dk"], found.outputs["dk"])


def test_the_gradient_of_a_loss_without_upstream():
    steps = op_called("mse")
    calls = steps.draw(3)
    plan = make_plan(steps, calls)

    def mse(pred, y):
        return ((pred - y) ** 2).mean()

    def plain(pred, y):
        return 2 * (pred - y) / y.size, 2 * (y - pred) / y.size

    class Loss:
        def forward(self, pred, y):
            self.kept = pred, y
            return mse(pred, y)

        def backward(self):
            return plain(*self.kept)

    loss = Loss()
    for target in ((None, plain), (mse, plain), (loss.forward, loss.backward)):
        own = plan if target[0] else make_plan(steps, calls, ("gradient",))
        ran = run_apart(target, own, hint=steps)
        for planned in own:
            found, truth = ran.results[planned.key], steps.run(planned.inputs, planned.part)
            assert found.error is None
            for got, expected in zip(found.outputs.values(), truth, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-4)
                assert got.dtype == planned.inputs["a"].dtype
        assert any("without dloss; what it returns is multiplied by it" in n for n in found.notes)


def test_extreme_calls_come_last():
    extreme = Planned("forward", "large", "extreme", PLAN[0].inputs)
    plan = make_plan(STEPS, CALLS, ("forward",), [extreme])
    assert plan[-1] is extreme
    assert list(run(attention, plan).results)[-1] == ("forward", "large", "extreme")


# --- how it ends ----------------------------------------------------------------------------------


def exits(q, k, v, bias):
    os._exit(3)


def leaves(q, k, v, bias):
    sys.exit("enough")


def leaves_with_a_number(q, k, v, bias):
    raise SystemExit(4)


def pretends(q, k, v, bias):
    os._exit(0)


def interrupts(q, k, v, bias):
    raise KeyboardInterrupt


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


# --- what is told of it ---------------------------------------------------------------------------


def test_an_exception_has_their_lines_alone():
    def inner(q, k):
        return np.einsum("ab,bc", q, k)

    def outer(q, k, v, bias):
        return inner(q, k)

    error = first(outer).error
    assert (error.kind, error.type) == ("raised", "ValueError")
    assert "einstein sum" in error.message
    assert [(f.file, f.function) for f in error.frames] == [
        (__file__, "outer"), (__file__, "inner")]  # fmt: skip
    assert error.frames[-1].text == 'return np.einsum("ab,bc", q, k)'
    assert error.frames[-1].line == inner.__code__.co_firstlineno + 1


def test_the_exceptions_of_a_function_of_numpy_have_no_frames():
    error = first(np.linalg.cholesky).error
    assert error.kind == "signature"
    assert first(lambda *a: np.zeros(2)[5]).error.message.startswith("index 5 is out of bounds")


def test_awkward_exceptions():
    class Odd(BaseException):
        def __str__(self):
            raise ValueError

    def odd(q, k, v, bias):
        raise Odd

    def long(q, k, v, bias):
        raise ValueError("x" * 10_000)

    def endless(q, k, v, bias):
        return endless(q, k, v, bias)

    def large(q, k, v, bias):
        return np.ones(10**15)

    def reads(q, k, v, bias):
        return input("a number? ")

    assert first(odd).error[:3] == ("raised", "Odd", "")
    assert len(first(long).error.message) == 500
    found = first(endless).error
    assert found.type == "RecursionError"
    assert len(found.frames) < 12
    assert first(large).error.type in ("MemoryError", "_ArrayMemoryError")
    assert first(reads).error.type == "EOFError"


def test_what_cannot_be_taken_is_the_result():
    error = first(lambda q, k, v, bias: None).error
    assert error[:3] == ("returned", "", "returned None: is the return statement missing?")
    error = first(lambda q: q).error
    assert error.kind == "signature"
    assert "attention(q (B,H,L,K), k (B,H,L,K)" in error.message


def test_changed_inputs_and_shared_memory():
    def changes(q, k, v, bias):
        q *= 2
        k[...] = k  # the same bits
        v[0, 0, 0, 0] = np.nan
        return v.reshape(v.shape)[::-1]

    found = first(changes)
    assert found.changed == ("q", "v")
    assert found.shares == ("v",)
    plan = [PLAN[0]._replace(inputs=PLAN[0].inputs | {"v": PLAN[0].inputs["v"] * np.nan})]
    assert run(lambda q, k, v, bias: q + v, plan).results[FIRST].changed == ()


def test_warnings_have_their_lines():
    def overflows(q, k, v, bias):
        for _ in range(3):
            p = np.exp(1e4 * abs(q))
        return p + np.mean(np.ones(0))

    with np.errstate(all="ignore"):
        found = first(overflows)
    start = overflows.__code__.co_firstlineno
    told = {(w.type, w.message, w.line - start): w.count for w in found.warnings}
    assert told["RuntimeWarning", "overflow encountered in exp", 2] == 3
    assert told["RuntimeWarning", "Mean of empty slice", 3] == 1
    assert {w.file for w in found.warnings} == {__file__}


@linux
def test_what_is_printed_is_kept_from_the_terminal(capfd):
    def prints(q, k, v, bias):
        print("é")
        print("wrong", file=sys.stderr)
        sys.__stdout__.write("again\n")
        os.system("echo from a command")
        return attention(q, k, v, bias)

    ran = run(prints, PLAN[:1])
    assert ran.printed == "é\nwrong\nagain\nfrom a command\n"
    assert capfd.readouterr() == ("", "")


def test_random_numbers_can_be_repeated():
    ran = run(lambda q, k, v, bias: q + np.random.rand() + random.random())  # noqa: NPY002
    one, again = (ran.results["forward", "primes", k].outputs for k in ("values", "again"))
    np.testing.assert_array_equal(one["context"], again["context"])


def test_generators_give_their_steps():
    def steps(q, k, v, bias):
        s = np.zeros_like(q)
        yield "s", s
        s += 1  # what was yielded stays
        yield {"p": 2 * s, "label": "no array"}
        yield 3 * s

    def returns(q, k, v, bias):
        yield "s", q
        return v

    def names(q, k, v, bias):
        yield "context", v
        yield "s", q

    found = first(steps)
    assert [(name, array.max()) for name, array in found.steps] == [("s", 0), ("p", 2), ("", 3)]
    assert found.outputs["context"].max() == 3
    for function in (returns, names):
        np.testing.assert_array_equal(first(function).outputs["context"], PLAN[0].inputs["v"])
    def fails(q, k, v, bias):
        yield "s", q
        yield "p", q @ k.missing

    def many(q, k, v, bias):
        for _ in range(50_000):
            yield "s", [[float(number)] for number in range(20)]
        yield "context", v

    found = first(many)
    assert len(found.steps) == 500
    assert found.seconds < 3
    assert "not every value that was yielded could be kept" in found.notes
    np.testing.assert_array_equal(found.outputs["context"], PLAN[0].inputs["v"])
    found = first(fails)
    assert found.error.type == "AttributeError"
    assert [name for name, _ in found.steps] == ["s"]
    listed = first(lambda q, k, v, bias: (row for row in v)).outputs["context"]
    np.testing.assert_array_equal(listed, PLAN[0].inputs["v"])


def test_generators_give_texts():
    steps = op_called("basic_tokenize")
    plan = make_plan(steps, steps.draw(3), ("forward",))

    def words(text):
        yield from text.split()

    ran = run_apart(words, plan, hint=steps)
    for planned in plan:
        found = ran.results[planned.key]
        assert list(*found.outputs.values()) == planned.inputs["text"].split()
        assert found.notes == ("the texts that it yields are taken as a list",)


def test_what_cannot_be_compared_has_changed():
    class Odd:
        def __eq__(self, other):
            raise RuntimeError

    steps = op_called("clip_global")
    plan = make_plan(steps, steps.draw(3)[:1], ("forward",))

    def clips(grads, max_norm):
        clipped = dict(grads)
        for name in grads:
            grads[name] = Odd()
        return clipped

    found = run_apart(clips, plan, hint=steps).results[plan[0].key]
    assert (found.error, found.changed) == (None, ("grads",))


def test_an_object_that_raises_whatever_it_is_asked(monkeypatch):
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __call__(self, q, k, v, bias):
            return q

    assert first(Odd()).error is None
    assert first(Odd(), how="here").error is None
    with pytest.raises(ValueError, match="cannot be imported"):
        run(Odd(), how="fresh")


# --- files ----------------------------------------------------------------------------------------

MINE = """
import helper, os, sys, time
import numpy as np

def attention(q, k, v, bias):
    print("running")
    return helper.attention(q, k, v, bias)

def gradient(q, k, v, bias, dcontext):
    return q, k, v

def exits(q, k, v, bias, dcontext):
    os._exit(3)

def loops(q, k, v, bias):
    time.sleep(100)

def fails(q, k, v, bias):
    return q @ v.missing
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text(
        "import numpy as np\ndef attention(q, k, v, bias):\n    return q + v\n"
    )
    return lambda name: Source(tmp_path / "mine.py", name)


@pytest.mark.parametrize("how", ["fork", "fresh"])
def test_functions_in_files(how, mine, capfd):
    if how == "fork" and sys.platform != "linux":
        pytest.skip("there is no fork")
    ran = run((mine("attention"), mine("gradient")), BOTH, 30, how)
    assert (ran.import_error, ran.ended, ran.how) == (None, "", how)
    assert ran.printed.startswith("running\n")
    for planned in BOTH:
        inputs, found = planned.inputs, ran.results[planned.key].outputs
        if planned.part == "forward":
            np.testing.assert_array_equal(found["context"], inputs["q"] + inputs["v"])
            assert found["context"].dtype == inputs["q"].dtype
        else:
            np.testing.assert_array_equal(found["dv"], inputs["v"])
    assert capfd.readouterr() == ("", "")
    assert "helper" not in sys.modules


def test_a_fresh_interpreter_ends_as_well(mine):
    plan = [PLAN[0], next(planned for planned in BOTH if planned.part == "gradient")]
    ran = run((mine("fails"), mine("exits")), plan, 30, "fresh")
    assert (ran.ended, ran.running) == ("ended the process with exit code 3", plan[1].key)
    assert ran.results[FIRST].error.frames[-1].text == "return q @ v.missing"


def test_a_fresh_interpreter_has_its_time(mine):
    ran = run(mine("loops"), time_limit=3, how="fresh")
    assert ran.ended == "did not end within 3 s"
    if ran.running == FIRST and ran.at:  # the machine may be busy
        assert ran.at[-1].text == "time.sleep(100)"


def test_a_function_of_a_module_in_a_fresh_interpreter():
    ran = run(attention, PLAN[:1], 30, "fresh")
    np.testing.assert_array_equal(
        ran.results[FIRST].outputs["context"], attention(**PLAN[0].inputs)
    )
    with pytest.raises(ValueError, match="cannot be imported"):
        run(lambda q: q, how="fresh")


def test_elsewhere_a_lambda_runs_in_this_process(monkeypatch, capfd):
    monkeypatch.setattr(sys, "platform", "darwin")
    ran = run(lambda q, k, v, bias: print("hello") or q)
    assert (ran.how, ran.ended, ran.printed) == ("here", "", "hello\n" * len(PLAN))
    assert "without a time limit" in ran.notes[0]
    assert capfd.readouterr() == ("", "")
    ran = run(lambda q, k, v, bias: sys.exit(2))
    assert (ran.ended, ran.running) == ("ended the process with exit code 2", FIRST)
    with pytest.raises(KeyboardInterrupt):
        run(interrupts, how="here")


@linux
@pytest.mark.parametrize(
    ("text", "kind", "says", "line"),
    [
        ("def f(q:\n    pass\n", "SyntaxError", "was never closed", "def f(q:"),
        ("import nowhere_at_all\n", "ModuleNotFoundError", "nowhere_at_all", "import nowhere"),
        ("x = 1\nassert x == 2\n", "AssertionError", "", "assert x == 2"),
        ("import sys\nsys.exit(5)\n", "SystemExit", "5", "sys.exit(5)"),
        ("def g(x):\n    return x\n", "", "has no function 'f' (has 'g')", ""),
        ("f = 3\n", "", "a.py:f is an int, not a function", ""),
    ],
)
def test_files_that_do_not_load(text, kind, says, line, tmp_path):
    (tmp_path / "a.py").write_text(text)
    ran = run(Source(tmp_path / "a.py", "f"))
    error = ran.import_error
    assert (error.kind, error.type, ran.results) == ("import", kind, {})
    assert says in error.message
    if line:
        assert error.frames[-1].text.startswith(line)
        assert error.frames[-1].file == str(tmp_path / "a.py")
    assert bool(ran.ended) == (kind == "SystemExit")
    if kind == "SyntaxError":
        assert error.frames[-1].caret == 6


@linux
def test_files_that_do_not_end_loading(tmp_path):
    (tmp_path / "a.py").write_text("import time\n\ntime.sleep(100)\n")
    ran = run(Source(tmp_path / "a.py", "f"), time_limit=0.7)
    assert (ran.ended, ran.running) == ("did not end within 0.7 s", ("import", "", ""))
    assert ran.at[-1].line == 3
    (tmp_path / "a.py").write_text("import os\nos._exit(0)\n")
    assert run(Source(tmp_path / "a.py", "f")).ended == "ended the process with exit code 0"


@linux
def test_code_that_diagnoses_itself_is_told_so(tmp_path):
    (tmp_path / "a.py").write_text(
        "from minibert.check.apart.running import run_apart\n"
        "def f(q, k, v, bias):\n    return q\n"
        "run_apart(f, [], hint=None)\n"
    )
    error = run(parse_source(f"{tmp_path / 'a.py'}:f")).import_error
    assert error.type == "RuntimeError"
    assert "__main__" in error.message


# --- what cannot be trusted -----------------------------------------------------------------------


@linux
def test_a_broken_result_is_none(tmp_path):
    def spoils(q, k, v, bias):
        folder = Path(os.readlink("/proc/self/fd/1")).parent
        for path in folder.glob("result*"):
            path.write_bytes(path.read_bytes()[:-9])
        return q

    ran = run(spoils)
    assert list(ran.results) == [PLAN[-1].key]
    assert read_result(tmp_path, "result0") is None
    write_values(tmp_path, "result0", (1, 2))
    assert read_result(tmp_path, "result0") is None
    for text in ("{", "null", '{"array": "../secret-0.npy", "number": false}', "[" * 100_000):
        (tmp_path / "result0.json").write_text(text)
        assert read_result(tmp_path, "result0") is None


@linux
def test_what_they_put_in_the_place_of_others_stays_with_them():
    import json

    def replaces(q, k, v, bias):
        np.save = os.replace = json.dumps = np.array_equal = None
        return q

    assert len(run(replaces).results) == len(PLAN)
    assert np.save is not None


def _of_the_child():
    return Path(os.readlink("/proc/self/fd/1")).parent


@linux
def test_the_folder_may_vanish():
    import shutil

    def removes(q, k, v, bias):
        print("gone")
        shutil.rmtree(_of_the_child())
        return q

    ran = run(removes)
    assert (ran.results, ran.ended) == ({}, "left no results that can be read")
    assert (ran.running, ran.printed) == (FIRST, "gone\n")

    def waits(q, k, v, bias):
        shutil.rmtree(_of_the_child())
        while True:
            pass

    ran = run(waits, time_limit=1.5)
    assert (ran.running, ran.ended) == (FIRST, "did not end within 1.5 s")


@linux
def test_the_working_folder_may_vanish(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def removes(q, k, v, bias):
        tmp_path.rmdir()
        raise ValueError("gone")

    found = run(removes, PLAN[:1])
    assert (found.ended, found.results[FIRST].error.message) == ("", "gone")
    assert run(attention, PLAN[:1]).results[FIRST].error is None


@linux
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_other_things_in_the_place_of_files(kind, tmp_path):
    put = {
        "pipe": os.mkfifo,
        "link": lambda path: os.symlink("/dev/zero", path),
        "folder": os.mkdir,
    }[kind]

    def puts(q, k, v, bias):
        folder = _of_the_child()
        names = {path.name for path in folder.iterdir()}
        for name in names | {"printed.head", "result1.json", "result1-0.npy", "end.json"}:
            (folder / name).unlink(missing_ok=True)
            put(folder / name)
        os.write(1, b"x" * 2**21)
        os._exit(3)

    start = time.monotonic()
    ran = run(puts)
    assert time.monotonic() - start < 5
    assert (ran.results, ran.ended) == ({}, "ended the process with exit code 3")
    assert (ran.running, ran.at, ran.printed) == (FIRST, (), "x" * 2000)
    write_values(tmp_path, "values", np.ones(3))
    (tmp_path / "values-0.npy").unlink()
    put(tmp_path / "values-0.npy")
    with pytest.raises(ValueError, match="cannot be read"):
        read_values(tmp_path, "values")


def test_as_much_of_a_file_as_is_asked_for(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    assert read_bytes(tmp_path / "a", 3) == b"012"
    assert read_bytes(tmp_path / "a", 3, last=True) == b"789"
    assert read_bytes(tmp_path / "a", 30, last=True) == b"0123456789"


@linux
def test_somebody_else_may_wait_for_all_children():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert len(run(attention).results) == len(PLAN)
        assert run(exits).ended == "ended the process"
    finally:
        signal.signal(signal.SIGCHLD, before)


@linux
def test_runs_in_several_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.append(run(attention))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(ran.ended, len(ran.results)) for ran in found] == 4 * [("", len(PLAN))]


def test_there_must_be_a_function():
    with pytest.raises(ValueError, match="no function to run"):
        run((None, None))
