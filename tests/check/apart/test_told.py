"""What is told of a call: exceptions, changed inputs, warnings, steps, what is printed."""

import os
import random
import sys

import numpy as np
import pytest

from minibert.check.apart.records import make_plan
from minibert.check.apart.running import run_apart
from minibert.check.mistakes import op_called

from .plans import FIRST, PLAN, attention, first, linux, run


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
