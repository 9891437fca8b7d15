"""`minibert verify OP --function FILE.py:NAME`: exit status, report, JSON, and what is refused."""

import json
import sys

import pytest

from minibert.check.mistakes import OPS

from .small import command, refused, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no fork")

MINE = """\
import numpy as np

print("{loud")

def relu(x):
    print("{louder")
    return np.maximum(x, 0)

def wrong(x):
    return np.abs(x)

def relu_gradient(x, dy):
    return dy * (x > 0)

def wrong_gradient(x, dy):
    return dy

class Layer:
    def forward(self, x):
        return relu(x)
"""


@pytest.fixture
def mine(tmp_path):
    return write(tmp_path / "mine.py", MINE)


def test_a_right_one(mine, capsys):
    assert command("verify", "relu", "--function", f"{mine}:relu") == 0
    out, err = capsys.readouterr()
    assert out.startswith("relu: right (forward).")
    assert "  | {louder" in out
    assert err == ""
    both = "--function", f"{mine}:Layer.forward", "--gradient", f"{mine}:relu_gradient"
    assert command("verify", "relu", *both) == 0
    assert "relu: right (forward and gradient)." in capsys.readouterr().out


def test_a_wrong_one(mine, capsys):
    assert command("verify", "relu", "--function", f"{mine}:wrong") == 1
    out = capsys.readouterr().out
    assert out.startswith("relu: WRONG (forward, values): y is wrong in 3 of 3 cases\n")
    assert "[relu-absolute" in out
    assert ", expected 0," in out
    both = "--function", f"{mine}:relu", "--gradient", f"{mine}:wrong_gradient"
    assert command("verify", "relu", *both) == 1
    assert "relu: WRONG (gradient, values): dx is wrong" in capsys.readouterr().out
    assert command("verify", "relu", "--gradient", f"{mine}:wrong_gradient") == 1
    assert "[relu-gradient-not-masked" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "status"), [("relu", 0), ("wrong", 1), ("missing", 1)])
def test_json_is_json_whatever_the_function_prints(name, status, mine, capfd):
    assert command("verify", "relu", "--function", f"{mine}:{name}", "--json") == status
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["ok"] is (status == 0)
    assert found["gate"] == {"relu": "", "wrong": "values", "missing": "import"}[name]
    assert found["again"] == f"minibert verify relu --function {mine}:{name} --seed 1"
    assert "{loud" in found["printed"]


def test_levels(mine, capsys):
    wrong = "verify", "relu", "--function", f"{mine}:wrong"
    found = []
    for level in range(4):
        assert command(*wrong, "--hint-level", level) == 1
        found.append(capsys.readouterr().out)
    assert all("expected" not in text for text in found)
    assert ["got" in text for text in found] == [False, True, True, True]
    assert ["relu-absolute" in text for text in found] == [False, False, False, True]
    assert command(*wrong, "--hint-level", 1, "--json") == 1
    plain = json.loads(capsys.readouterr().out)
    assert plain["hint_level"] == 1
    assert plain["mismatches"][0]["expected"] is None
    with pytest.raises(SystemExit) as ended:
        command(*wrong, "--hint-level", 4)
    assert ended.value.code == 2


def test_case_seed_and_time_limit(mine, capsys):
    right = "verify", "relu", "--function", f"{mine}:relu"
    assert command(*right, "--case", "square", "--seed", 7, "--time-limit", 9) == 0
    out = capsys.readouterr().out
    assert "case square agree" in out
    assert out.endswith("--seed 7 --case square --time-limit 9.0\n")
    assert "did you mean 'square'" in refused(capsys, *right, "--case", "squares")
    assert "seed is -1" in refused(capsys, *right, "--seed", "-1")
    assert "time_limit is 0.0 seconds" in refused(capsys, *right, "--time-limit", "0")
    hangs = write(mine.parent / "hangs.py", "def f(x):\n    while True:\n        pass\n")
    assert command("verify", "relu", "--function", f"{hangs}:f", "--time-limit", "0.4") == 1
    assert "did not end within 0.4 s" in capsys.readouterr().out


def test_signatures(capsys):
    assert command("verify", "relu", "--signature") == 0
    assert capsys.readouterr().out.splitlines() == [
        "relu(x (B,L,D)) -> y (B,L,D)",
        "relu_gradient(x (B,L,D), dy (B,L,D)) -> dx (B,L,D)",
    ]
    assert command("verify", "--signature") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(OPS) + sum(bool(steps.gradient) for steps in OPS.values())
    assert command("verify", "gelu-tanh", "adamw", "--signature", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [len(found[op]) for op in ("gelu_tanh", "adamw")] == [2, 1]
    assert "did you mean 'gelu'" in refused(capsys, "verify", "gelo", "--signature")


def test_mistakes(capsys):
    assert command("verify", "relu", "--mistakes") == 0
    out = capsys.readouterr().out
    assert all(m.id in out and m.sentence in out for m in OPS["relu"].mistakes)
    assert command("verify", "relu", "gelu", "--mistakes", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in found] == [
        m.id for op in ("relu", "gelu") for m in OPS[op].mistakes
    ]
    assert all(one["sentence"] and one["lesson"] for one in found)


def test_what_does_not_go_together(mine, capsys):
    where = "--function", f"{mine}:relu"
    assert "takes one op, and got 2" in refused(capsys, "verify", "relu", "gelu", *where)
    assert "takes one op, and got 0" in refused(capsys, "verify", *where)
    assert "--case, --hint-level" in refused(capsys, "verify", "relu", "--case", "primes")
    assert "--case, --hint-level" in refused(capsys, "verify", "relu", "--hint-level", "0")
    assert "--html are about" in refused(capsys, "verify", "relu", *where, "--html", "x.html")
    assert "--list and" in refused(capsys, "verify", "relu", *where, "--list")
    said = refused(capsys, "verify", "adamw", "--gradient", f"{mine}:relu")
    assert "adamw has no gradient" in said


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("mine.py", "names no function: write FILE.py:FUNCTION"),
        ("mime.py:relu", "there is no file 'mime.py'; did you mean 'mine.py'?"),
        ("mine.py:no-name", "cannot be the name of a function"),
        ("", "names no function"),
        ("a\x1b[31m\n.py:f", r"there is no file 'a\x1b[31m\n.py'"),
    ],
)
def test_where_there_is_no_function(where, says, mine, monkeypatch, capsys):
    monkeypatch.chdir(mine.parent)
    said = refused(capsys, "verify", "relu", "--function", where)
    assert says in said
    assert "\x1b" not in said


def test_a_file_that_fails(tmp_path, capsys):
    broken = write(tmp_path / "broken.py", "import no_such_module\n")
    assert command("verify", "relu", "--function", f"{broken}:f") == 1
    out = capsys.readouterr().out
    assert "its file does not load: ModuleNotFoundError: No module named 'no_such_module'" in out
    assert "broken.py:1, in <module>: import no_such_module" in out
    unread = write(tmp_path / "unread.py", "def f(x)\n    return x\n")
    assert command("verify", "relu", "--function", f"{unread}:f") == 1
    out = capsys.readouterr().out
    assert "SyntaxError" in out
    assert "unread.py:1: def f(x)" in out


def test_a_relative_path_and_what_lies_beside_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "work").mkdir()
    write(tmp_path / "work" / "helper_of_mine.py", "def twice(x):\n    return 2 * x\n")
    write(tmp_path / "work" / "part.py", "import helper_of_mine\nf = helper_of_mine.twice\n")
    monkeypatch.chdir(tmp_path)
    assert command("verify", "relu", "--function", "work/part.py:f") == 1
    out = capsys.readouterr().out
    assert "relu: WRONG (forward, values)" in out
    assert out.endswith("Again: minibert verify relu --function work/part.py:f --seed 1\n")


def test_control_characters_reach_no_terminal(tmp_path, capsys):
    odd = tmp_path / "od\x1b[31md file.py"
    write(odd, 'print("\\x1b[2J\\x07")\ndef f(x):\n    raise ValueError("a\\n\\x1b[1mb\\x00")\n')
    assert command("verify", "relu", "--function", f"{odd}:f") == 1
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.splitlines())
    assert r"a \x1b[1mb\x00" in out
    assert r"od\x1b[31md file.py" in out
