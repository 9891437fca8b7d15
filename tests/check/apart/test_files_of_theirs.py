"""Functions in files, run in a copy of this process and in a new one."""

import sys

import numpy as np
import pytest

from minibert.check.apart.source import Source, parse_source

from .plans import BOTH, FIRST, PLAN, attention, linux, run

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


def interrupts(q, k, v, bias):
    raise KeyboardInterrupt


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
