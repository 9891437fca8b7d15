"""`diagnose`: the report as text and as JSON, how to run it again, and bad arguments."""

import json
import os
import re
import shlex

import numpy as np
import pytest

from minibert.check.diagnose import Diagnosis, diagnose
from minibert.check.mistakes import OPS
from minibert.cli import main

from .bent import attention, bent, ids, needs_fork

pytestmark = needs_fork

MINE = """\
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def wrong(x):
    return np.abs(x)

def relu_gradient(x, dy):
    return -dy * (x > 0)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "my file.py"
    path.write_text(MINE, encoding="utf-8")
    return path


def in_place(x):
    x += 1
    return x


AT_EVERY_GATE = {
    "import": "no_such_name",
    "run": lambda x: 1 / 0,
    "shape": lambda x: x[0],
    "finite": lambda x: x / 0,
    "inputs": in_place,
    "values": lambda x: x * np.where(x > 1, 1e300, 3),
    "": lambda x: np.maximum(x, 0),
}


@pytest.mark.parametrize("gate", AT_EVERY_GATE)
def test_json_at_every_gate(gate, mine):
    function = AT_EVERY_GATE[gate]
    function = f"{mine}:{function}" if isinstance(function, str) else function
    found = diagnose("relu", function)
    assert found.gate == gate
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["gate"] == gate
    assert plain["ok"] is found.ok
    assert plain.keys() == vars(found).keys()
    assert [cause["id"] for cause in plain["causes"]] == ids(found)
    assert len(plain["mismatches"]) == len(found.mismatches)
    assert str(found).startswith("relu: right" if gate == "" else "relu: WRONG (forward, ")


def test_json_of_infinite_and_of_texts():
    plain = diagnose("relu", lambda x: np.where(x > 0, np.inf, 0)).to_dict()
    assert plain["mismatches"][0]["got"] == "inf"
    plain = diagnose("wordpiece", bent("wordpiece", end=lambda x: (x[::-1],))).to_dict()
    assert plain["mismatches"][0]["got"] == plain["mismatches"][0]["expected"][::-1]
    json.dumps(plain, allow_nan=False)


def test_the_command_that_runs_it_again(mine, capsys):
    first = diagnose("relu", f"{mine}:wrong", seed=5, case="square", hint_level=2, time_limit=9.5)
    words = shlex.split(first.again)
    assert words[:3] == ["minibert", "verify", "relu"]
    assert main(words[1:]) == 1
    assert capsys.readouterr().out == f"{first}\n"
    both = diagnose("relu", f"{mine}:relu", gradient=f"{mine}:relu_gradient")
    assert main(shlex.split(both.again)[1:]) == 1
    assert capsys.readouterr().out == f"{both}\n"
    alone = diagnose("relu", gradient=f"{mine}:relu_gradient")
    assert "--function" not in alone.again
    assert main(shlex.split(alone.again)[1:]) == 1
    assert capsys.readouterr().out == f"{alone}\n"


def test_the_call_that_runs_it_again(mine):
    first = diagnose("relu", in_place, seed=3, case="other")
    names = {"diagnose": diagnose, "in_place": in_place}
    assert eval(first.again, names) == first
    mixed = diagnose("relu", np.abs, gradient=f"{mine}:relu_gradient", seed=np.int64(2))
    assert eval(mixed.again, {"diagnose": diagnose, "absolute": np.abs}) == mixed
    unnamed = diagnose("relu", lambda x: abs(x))
    assert unnamed.again == "diagnose('relu', forward=f, seed=1)"


def test_case_and_seed():
    wrong = bent("attention", "attention-not-scaled")
    one = diagnose("attention", wrong, case="other")
    assert one.headline == "context is wrong"
    assert one.mismatches[0].case == "other"
    right = diagnose("attention", attention, case="square")
    assert "case square agree" in right.measured
    found = [diagnose("attention", wrong, seed=seed) for seed in (0, 1, 1)]
    assert found[1] == found[2]
    assert found[0].mismatches[0].got != found[1].mismatches[0].got
    assert "seed=0" in found[0].again


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"case": "prime"}, "did you mean 'primes'"),
        ({"case": 3}, "case is 3: primes, square, other"),
        ({"seed": -1}, "seed is -1; it is a whole number"),
        ({"seed": 1.5}, "seed is 1.5; it is a whole number"),
        ({"seed": True}, "seed is True"),
        ({"seed": None}, "seed is None"),
        ({"hint_level": 4}, "hint_level is 4; it is 0 to 3"),
        ({"hint_level": "all"}, "hint_level is 'all'"),
        ({"time_limit": 0}, "time_limit is 0 seconds; it is above 0"),
        ({"time_limit": float("nan")}, "time_limit is nan"),
        ({"time_limit": float("inf")}, "time_limit is inf"),
        ({"time_limit": "1"}, "time_limit is '1'"),
        ({"forward": None}, "give a function"),
        ({"forward": 3}, "3 is no function"),
        ({"forward": "nowhere.py:f"}, "there is no file 'nowhere.py'"),
        ({"forward": "mine"}, "names no function"),
        ({"gradient": [abs]}, "is no function"),
        ({"op": "atention"}, "did you mean 'attention'"),
        ({"op": None}, "op is None; it is a name such as 'attention'"),
        ({"op": "adamw", "gradient": abs}, "adamw has no gradient"),
    ],
)
def test_bad_arguments(more, says):
    given = {"op": "relu", "forward": abs} | more
    with pytest.raises(ValueError, match=re.escape(says)):
        diagnose(**given)


def test_an_op_with_hyphens():
    assert diagnose("gelu-tanh", bent("gelu_tanh")).op == "gelu_tanh"


def raises_much(x):
    raise ValueError("no\n\x1b[31mred\x07 " + "very long " * 50)


def prints_much(x):
    print("\x1b[2J\x07" + "a" * 150, "\tb\n" * 30)
    return -x


@pytest.mark.parametrize(
    ("op", "function"),
    [
        ("relu", raises_much),
        ("relu", prints_much),
        ("attention", lambda *a: None),
        ("attention", bent("attention", "attention-not-scaled")),
        ("linear_add_layernorm", lambda x: x),
        ("soft_cross_entropy_repo", lambda *a: a[0].sum() ** 2),
        ("encode_pair", lambda *a: ([1], [2], [3])),
        ("clip_global", bent("clip_global", end=lambda d: ({k: -v for k, v in d.items()},))),
    ],
)
def test_lines_fit_on_a_screen(op, function):
    for line in str(diagnose(op, function)).splitlines():
        assert len(line) <= 200 or line.lstrip().startswith(("at ", "| "))
        assert line.isprintable()


def test_what_it_printed():
    text = str(diagnose("relu", prints_much))
    assert r"  | \x1b[2J\x07aaa" in text
    assert text.count("\n  | ") == 20
    found = diagnose("relu", lambda x: os.write(1, b"\xff\xfe") and x)
    json.dumps(found.to_dict())


def test_it_is_a_condition_and_can_be_compared():
    found = diagnose("relu", np.abs)
    assert not found
    assert isinstance(found, Diagnosis)
    assert found == diagnose("relu", np.abs)
    assert found.with_(op="other").op == "other"


def test_every_op_can_be_diagnosed_as_json():
    """What returns nothing good is stopped, and what is right is right."""
    for op in list(OPS)[::8]:
        assert diagnose(op, bent(op)).ok
        found = diagnose(op, lambda *args: 0.5)
        assert not found
        json.dumps(found.to_dict(), allow_nan=False)
