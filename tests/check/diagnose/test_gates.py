"""`diagnose`: the gates, what each says, and in which order they come."""

import os
import sys

import numpy as np
import pytest

from minibert.check.diagnose import diagnose

from .bent import attention, bent, ids, needs_fork

pytestmark = needs_fork

PASSED = ("run", "shape", "finite", "inputs", "repeatable", "values")


def passed(part, until):
    """The gates before one."""
    return ("import", *(f"{part} {gate}" for gate in PASSED[: PASSED.index(until)]))


def stopped(found, gate, *, part="forward", last=None):
    """It stopped there, and nowhere else."""
    assert not found
    assert (found.gate, found.part, found.ok) == (gate, part, False)
    assert found.passed == passed(part, last or gate)
    assert f"WRONG ({part}, {gate}): {found.headline}"[:60] in str(found)
    return found


def in_file(folder, text):
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return f"{path}:relu"


# --- import ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says", "frame"),
    [
        ("import no_such_module\n", "ModuleNotFoundError: No module named", "mine.py:1, in <mod"),
        ("def relu(x)\n    return x\n", "SyntaxError: expected ':'", "mine.py:1: def relu(x)"),
        ("x = 1\n\ny = x / 0\n", "ZeroDivisionError: division by zero", "mine.py:3, in <mod"),
        ("def rely(x):\n    return x\n", "no function 'relu'; did you mean 'rely'", None),
        ("relu = 3\n", "is an int, not a function", None),
        ("raise SystemExit(4)\n", "SystemExit: 4", "mine.py:1, in <module>: raise"),
    ],
)
def test_a_file_that_does_not_load(text, says, frame, tmp_path):
    found = diagnose("relu", in_file(tmp_path, text))
    assert not found
    assert (found.gate, found.passed, found.causes) == ("import", (), ())
    assert found.headline.startswith("its file does not load: ") == (frame is not None)
    assert says in found.headline
    assert [frame in line for line in found.details] == ([] if frame is None else [True])


def test_a_file_that_ends_the_process_or_never_loads(tmp_path):
    found = diagnose("relu", in_file(tmp_path, "import os\nos._exit(7)\n"))
    assert (found.gate, found.passed) == ("import", ())
    assert "it ended the process with exit code 7" in found.headline
    found = diagnose("relu", in_file(tmp_path, "while True:\n    pass\n"), time_limit=1)
    assert found.gate == "import"
    assert "it did not end within 1 s" in found.headline
    assert "mine.py:" in found.details[0]


def test_both_parts_are_named_where_the_file_does_not_load(tmp_path):
    where = in_file(tmp_path, "1 / 0\n")
    assert diagnose("relu", where, gradient=where).part == "forward and gradient"


# --- run ------------------------------------------------------------------------------------------


def helper(x):
    return x.reshape(-1, 1000)


def calls_helper(x):
    return helper(np.maximum(x, 0))


def test_of_what_raises_only_its_own_frames_are_told():
    found = stopped(diagnose("relu", calls_helper), "run")
    assert found.headline.startswith("it raises ValueError: cannot reshape array of size 210")
    frames = [line for line in found.details if line.startswith("at ")]
    assert [line.split(", in ")[1] for line in frames] == [
        "calls_helper: return helper(np.maximum(x, 0))",
        "helper: return x.reshape(-1, 1000)",
    ]
    assert all("test_gates.py" in line for line in frames)
    assert "Called with x (B=2, L=5, D=21) (case primes)." in found.details


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KeyError("gamma"), "it raises KeyError: 'gamma'"),
        (MemoryError(), "it raises MemoryError"),
        (RecursionError("too deep"), "it raises RecursionError: too deep"),
        (SystemExit("enough"), "it raises SystemExit: enough"),
        (KeyboardInterrupt(), "it raises KeyboardInterrupt"),
        (GeneratorExit(), "it raises GeneratorExit"),
    ],
)
def test_no_exception_leaves_diagnose(error, says):
    def raises(x):
        raise error

    found = stopped(diagnose("relu", raises), "run")
    assert found.headline == says


@pytest.mark.parametrize(
    ("function", "says", "hint"),
    [
        (lambda x, w, b: x @ w, "mismatch in its core dimension", "Is a transpose missing?"),
        (lambda x, w, b: x / x.sum(-1), "could not be broadcast", "without keepdims=True?"),
        (lambda x, w, b: x[len(x)], "index 2 is out of bounds", None),
        (lambda x, w, b: [1, 2, 3][9], "list index out of range", "goes one too far"),
        (lambda x, w: x, "it takes 2 arguments (x, w), and is called with 3", None),
        (lambda x, w, b: None, "returned None: is the return statement missing?", None),
        (lambda x, w, b: "no", "returned the text 'no'; expected y", None),
    ],
)
def test_what_cannot_run(function, says, hint):
    found = stopped(diagnose("linear", function), "run")
    assert says in found.headline
    if hint:
        assert hint in found.hints[0]
    else:
        assert found.hints == ()
    assert any("Called with x (B=2, L=5, D=21)" in line for line in found.details)


def test_a_wrong_number_of_gradients():
    two = bent("linear", part="gradient", end=lambda dx, dw, db: (dx, dw))
    found = stopped(diagnose("linear", gradient=two), "run", part="gradient")
    assert found.headline == "returned 2 values; expected dx, dw, db"
    assert found.details[-1].startswith("Wanted: linear_gradient(x (B,L,D)")
    none = bent("linear", part="gradient", end=lambda dx, dw, db: (dx, None, db))
    assert diagnose("linear", gradient=none).headline == "dw is None"


def hangs(x):
    while True:
        pass


def exits(x):
    os._exit(3)


def test_what_does_not_come_back():
    found = stopped(diagnose("relu", hangs, time_limit=2), "run")
    assert found.headline == "the function did not end within 2 s"
    assert any("in hangs: " in line for line in found.details)
    found = stopped(diagnose("relu", exits), "run")
    assert found.headline == "the function ended the process with exit code 3"
    assert found.details[0] == "In the case primes."


def test_sizes_written_into_the_code():
    found = stopped(diagnose("attention", lambda *a: attention(*a).reshape(2, 3, 5, 7)), "run")
    assert "cannot reshape array of size 256 into shape (2,3,5,7)" in found.headline
    assert "(case square)." in found.details[1]

    def root(q, k, v, bias):
        return attention(q * (q.shape[-1] / 7) ** 0.5, k, v, bias)

    found = stopped(diagnose("attention", root), "values")
    assert "context is wrong in 2 of 3 cases" in found.headline
    assert any("right in the case primes: sizes written" in hint for hint in found.hints)


def test_it_runs_in_some_cases_and_is_right_there():
    def f(x):
        return np.maximum(x, 0) if len(x) == 2 else 1 / 0

    found = stopped(diagnose("relu", f), "run")
    assert found.details[-1] == "It runs, and is right, in the case primes."


# --- shape ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "shape", "cause", "hint", "seems"),
    [
        (lambda c: c.swapaxes(1, 2), "(2, 5, 3, 7)", "permuted-axes",
         "The axes H and L are exchanged: swapaxes(1, 2)", "(B,L,H,K)"),
        (lambda c: c.transpose(3, 0, 1, 2), "(7, 2, 3, 5)", "permuted-axes",
         "the same axes in another order", "(K,B,H,L)"),
        (lambda c: c.swapaxes(1, 2).reshape(c.shape[0], c.shape[2], -1), "(2, 5, 21)",
         "merged-axes", "the right number of entries", "(B,L,D)"),
        (lambda c: c.reshape(c.shape[0], c.shape[2], -1), "(2, 5, 21)", "reshaped",
         "the right number of entries", "(B,L,D)"),
        (lambda c: c.sum(-1), "(2, 3, 5)", "reduced", "The axis K is gone", "(B,H,L)"),
        (lambda c: c.mean(2, keepdims=True), "(2, 3, 1, 7)", "reduced",
         "The axis L is of length 1", "(B,H,1,K)"),
        (lambda c: c[None], "(1, 2, 3, 5, 7)", "extra-axis", "an axis too many", "(1,B,H,L,K)"),
        (lambda c: c[..., None], "(2, 3, 5, 7, 1)", "extra-axis", "an axis too many", "K,1)"),
        (lambda c: c.mean(), "()", "reduced", "a single number", ""),
    ],
)  # fmt: skip
def test_wrong_shapes(end, shape, cause, hint, seems):
    f = bent("attention", end=lambda c: (end(c),))
    found = stopped(diagnose("attention", f), "shape")
    assert found.headline == f"context has the shape {shape}, wanted (B=2, H=3, L=5, K=7)"
    assert ids(found)[0] == cause
    assert hint in found.hints[0]
    assert seems in found.hints[-1]


def test_the_shape_of_a_gradient():
    f = bent("linear", part="gradient", end=lambda dx, dw, db: (dx, dw.T, db))
    found = stopped(diagnose("linear", gradient=f), "shape", part="gradient")
    assert found.headline == "dw has the shape (21, 11), wanted (F=11, D=21)"
    assert ids(found) == ["linear-gradient-dw-transposed"]
    assert "The axes F and D are exchanged" in found.hints[0]


def test_the_kind_of_numbers():
    found = stopped(diagnose("relu", lambda x: np.maximum(x, 0) + 0j), "shape")
    assert found.headline == "y is complex128, wanted float64"
    found = stopped(diagnose("relu", lambda x: np.maximum(x, 0).astype(int)), "values")
    assert any("It returns whole numbers" in hint for hint in found.hints)
    found = stopped(diagnose("relu", lambda x: np.abs(x).astype(np.float16)), "values")
    assert any("It answers in float16" in hint for hint in found.hints)
    for kind in (np.float16, np.float32):
        found = diagnose("relu", lambda x, kind=kind: np.maximum(x, 0).astype(kind))
        assert found.ok, str(found)
    found = stopped(diagnose("relu", lambda x: x > 0), "values")
    assert "It returns true and false: a comparison where a product is meant?" in found.hints


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [bool, np.int8, object])
@pytest.mark.parametrize("op", ["linear", "softmax", "mse"])
def test_other_kinds_are_compared_as_they_are(op, kind):
    f = bent(op, end=lambda y: (np.asarray(y + 2 if kind is object else y > 0.1).astype(kind),))
    found = stopped(diagnose(op, f), "values")
    assert not found.certain


@pytest.mark.filterwarnings("error")
def test_nothing_and_huge_numbers():
    for end in (lambda y: np.zeros((0, 3)), lambda y: y[..., :0], lambda y: []):
        stopped(diagnose("linear", bent("linear", end=lambda y, end=end: (end(y),))), "shape")
    found = stopped(diagnose("relu", lambda x: np.where(x > 0, 1e308, 0)), "values")
    assert found.mismatches[0].got == 1e308


def test_a_dict_with_names_too_many_or_too_few():
    def more(clipped):
        return (clipped | {"more": np.ones(2)},)

    found = stopped(diagnose("clip_global", bent("clip_global", end=more)), "shape")
    assert found.headline.startswith("clipped.more is not wanted: it returned clipped.dense")

    def fewer(clipped):
        return (dict(list(clipped.items())[:1]),)

    found = stopped(diagnose("clip_global", bent("clip_global", end=fewer)), "shape")
    assert "are missing: it returned clipped.dense.weight" in found.headline


# --- finite ---------------------------------------------------------------------------------------


def test_nan_and_infinity():
    found = stopped(diagnose("relu", lambda x: np.where(x > 1, np.nan, np.maximum(x, 0))), "finite")
    assert "entries of y are NaN (case primes)" in found.headline
    assert np.isnan(found.mismatches[0].got)
    assert found.mismatches[0].expected > 1
    assert found.causes == ()
    found = stopped(diagnose("relu", lambda x: np.maximum(x, 0) / (x > 0)), "finite")
    assert "are NaN" in found.headline
    assert any("invalid value encountered" in line for line in found.details)
    found = stopped(diagnose("relu", lambda x: np.where(x > 1, np.inf, np.maximum(x, 0))), "finite")
    assert "entries of y are infinite" in found.headline


def test_nothing_but_nan_is_consistent_with_no_relation():
    found = stopped(diagnose("attention", lambda *a: attention(*a) * np.nan), "finite")
    assert "210 of 210 entries of context are NaN" in found.headline
    assert not found.causes


def test_what_is_finite_beside_nan_is_explained():
    def f(x):
        y = np.abs(x)
        y[0, 0, 0] = np.nan
        return y

    found = stopped(diagnose("relu", f), "finite")
    assert ids(found)[0] == "relu-absolute"
    assert not found.certain


def test_nan_in_a_gradient():
    f = bent("relu", part="gradient", end=lambda dx: (dx / (dx != 0),))
    found = stopped(diagnose("relu", gradient=f), "finite", part="gradient")
    assert "entries of dx are NaN" in found.headline


# --- inputs, and a second call --------------------------------------------------------------------


def in_place(x):
    x *= x > 0
    return x


def in_place_and_wrong(x):
    x *= x < 0
    return x


def test_inputs_that_are_changed():
    found = stopped(diagnose("relu", in_place), "inputs")
    assert found.headline == "it changes its input x in place (case primes)"
    assert "take a copy first" in found.hints[0]
    assert found.hints[1] == "What it returns is right."
    found = stopped(diagnose("relu", in_place_and_wrong), "inputs")
    assert found.hints[1] == "What it returns is wrong as well."

    def gradient(x, dy):
        dy *= x > 0
        return dy

    found = stopped(diagnose("relu", gradient=gradient), "inputs", part="gradient")
    assert "its input dy" in found.headline


def test_in_place_in_float32_is_right_all_the_same():
    found = diagnose("relu", lambda x: in_place(x).astype(np.float32))
    assert found.hints[1] == "What it returns is right."


def test_an_optimizer_may_work_in_place():
    def adamw(p, g, m, v, t, lr):
        m *= 0.9
        m += 0.1 * g
        v *= 0.999
        v += 0.001 * g * g
        p *= 1 - 0.01 * lr
        p -= lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return p, m, v

    found = diagnose("adamw", adamw)
    assert found.ok, str(found)
    assert any("it changes m, p, v in place" in line for line in found.advice)


def test_a_second_call_with_other_numbers():
    rng, calls = np.random.default_rng(), []

    def random(x):
        return np.maximum(x, 0) * (rng.random(x.shape) > 0.1)

    def counts(x):
        calls.append(x)
        return np.maximum(x, 0) * (2 if len(calls) > 3 else 1)

    for function in (random, counts):
        found = stopped(diagnose("relu", function), "values", last="repeatable")
        assert found.headline == "a second call with the same inputs gives other numbers"
        assert "does it keep something from call to call?" in found.hints[0]
        assert "No mistake of the catalogue" not in str(found)


def test_a_second_call_that_fails():
    calls = []

    def raises(x):
        calls.append(x)
        return np.maximum(x, 0) / int(len(calls) < 4) if len(calls) < 4 else calls[-9]

    found = stopped(diagnose("relu", raises), "run", last="repeatable")
    assert found.headline.startswith("in a second call with the same inputs it raises IndexError")
    assert "It runs, and is right, in the case primes, square, other." in found.details

    def ends(x):
        calls.append(x)
        return np.maximum(x, 0) if len(calls) < 4 else os._exit(5)

    found = stopped(diagnose("relu", ends), "run", last="repeatable")
    assert "the function ended the process with exit code 5" in found.headline


# --- values, and the order ------------------------------------------------------------------------


def test_values():
    found = stopped(diagnose("relu", lambda x: np.maximum(x, 0) + (x > 1)), "values")
    assert found.headline == "y is wrong in 3 of 3 cases"
    (one,) = found.mismatches
    assert (one.name, one.case, one.total) == ("y", "primes", 210)
    assert 0 < one.differing < 210
    assert one.got == pytest.approx(one.expected + 1)
    assert one.where.startswith("[B=")
    assert f"worst at {one.where}: got {one.got:.9g}, expected {one.expected:.9g}" in str(found)
    assert "No mistake of the catalogue, no two together" in str(found)


def test_the_worst_entry_is_found():
    def f(x):
        y = np.maximum(x, 0)
        y[1, 2, 3] += 0.5
        y[0, 1, 2] -= 7
        return y

    (one,) = diagnose("relu", f).mismatches
    assert (one.where, one.differing) == ("[B=0, L=1, D=2]", 2)
    assert "only at L = 1, 2 of 5" in one.facts


def test_each_gradient_is_told():
    f = bent("linear", part="gradient", end=lambda dx, dw, db: (-dx, dw, -db))
    found = stopped(diagnose("linear", gradient=f), "values", part="gradient")
    assert found.headline == "dx and db are wrong in 3 of 3 cases"
    assert [m.name for m in found.mismatches] == ["dx", "db"]


def test_the_forward_comes_before_the_gradient():
    wrong = bent("relu", part="gradient", end=lambda dx: (-dx,))
    both = diagnose("relu", lambda x: -np.maximum(x, 0), gradient=wrong)
    assert (both.part, both.gate) == ("forward", "values")
    found = diagnose("relu", lambda x: np.maximum(x, 0), gradient=wrong)
    assert (found.part, found.gate) == ("gradient", "values")
    assert found.passed == (*passed("forward", "values"), "forward values",
                            *passed("gradient", "values")[1:])  # fmt: skip
    right = diagnose("relu", lambda x: np.maximum(x, 0), gradient=bent("relu", part="gradient"))
    assert right.ok
    assert (right.part, right.gate, right.passed[-1]) == (
        "forward and gradient", "", "gradient values")  # fmt: skip
    assert right.measured.count("3 cases agree") == 2


def test_a_function_with_all_faults_is_told_one_after_the_other():
    def f(x, faults):
        if "run" in faults:
            raise ValueError
        y = -np.maximum(x, 0) if "values" in faults else np.maximum(x, 0)
        if "inputs" in faults:
            x += 1
        y = y * np.nan if "finite" in faults else y
        return y[None] if "shape" in faults else y

    faults = ["run", "shape", "finite", "inputs", "values"]
    while faults:
        assert diagnose("relu", lambda x: f(x, faults)).gate == faults.pop(0)
    assert diagnose("relu", lambda x: f(x, faults)).ok


def test_nothing_is_printed_here(capfd):
    def f(x):
        print("loud")
        os.write(2, b"louder\n")
        return np.maximum(x, 0)

    found = diagnose("relu", f)
    sys.stdout.flush()
    assert capfd.readouterr() == ("", "")
    assert "loud" in found.printed
    assert "louder" in found.printed
