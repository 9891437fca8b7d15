"""`verify` proves every formula, and fails on every wrong one."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from minibert import kernels, ops
from minibert.check import verify
from minibert.check.cases import FORMULAS, formula_called
from minibert.ops import Attended

module = importlib.import_module("minibert.check.verify")  # the name is the function's, too


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.id)
def test_proved(formula):
    report = verify([formula.id])
    assert report, "\n".join(case.report for row in report.rows for case in row.cases)


def wrong(name, forward=None, backward=None):
    """The pair of an op with one half replaced."""
    pair = getattr(ops, f"{name}_forward"), getattr(ops, f"{name}_backward")
    return {name: (forward or pair[0], backward or pair[1])}


def unscaled(q, k, v, bias=None, **options):
    return ops.attention_forward(q * np.sqrt(q.shape[-1]).astype(q.dtype), k, v, bias, **options)


def no_scores(dout, cache):
    return ops.attention_backward(Attended(dout.context, None), cache)


@pytest.mark.parametrize(
    ("id", "swapped", "forms"),
    [
        ("attention", wrong("attention", forward=unscaled), {"numpy", "numba"}),
        ("attention", wrong("attention", backward=no_scores), {"numpy", "numba", "gradient"}),
        ("gelu", wrong("gelu", forward=ops.gelu_tanh_forward), {"numpy", "numba"}),
        ("layernorm", wrong("layernorm", backward=lambda dy, c: (dy, dy[0, 0], dy[0, 0])),
         {"numpy", "gradient"}),
        ("softmax", wrong("softmax", backward=lambda dp, p: 1 / 0), {"numpy", "gradient"}),
    ],
)  # fmt: skip
def test_a_wrong_formula_fails(id, swapped, forms):
    with kernels.swap(**swapped):
        report = verify([id])
    assert not report
    (row,) = report.rows
    seen = {form for form, check in row.checks.items() if check.state == "wrong"}
    assert forms - {"numba"} <= seen
    assert row.verdict.startswith("FAILED: ")
    assert any(case.report for case in row.cases)


def test_float64_out_of_float32_fails():
    forward, backward = ops.gelu_forward, ops.gelu_backward
    wide = (lambda x: (np.asarray(forward(x)[0], np.float64), x)), backward
    with kernels.swap(gelu=wide):
        (row,) = verify(["gelu"]).rows
    assert row.checks["numpy"].state == "wrong"
    assert "float64 out of float32" in row.cases[0].report


def test_a_formula_that_is_wrong_in_its_second_block_fails(monkeypatch):
    gelu = importlib.import_module("minibert.ops.gelu")
    right = gelu._in_blocks

    def first_block_only(function, *arrays):
        out = right(function, *arrays)
        out.reshape(-1)[gelu.BLOCK :] = 0
        return out

    monkeypatch.setattr(gelu, "_in_blocks", first_block_only)
    assert not verify(["gelu"])


@pytest.mark.skipif(bool(kernels.available("numba")[1]), reason="Numba is missing")
def test_a_kernel_that_never_runs_proves_nothing(monkeypatch):
    table, _ = kernels.available("numba")
    monkeypatch.setitem(table, "gelu_forward", lambda *args, **kwargs: NotImplemented)
    monkeypatch.setitem(table, "gelu_backward", lambda *args, **kwargs: NotImplemented)
    (row,) = verify(["gelu"]).rows
    assert row.verdict == "FAILED: numba"


def test_a_wrong_level_in_the_environment_is_no_formulas_fault(monkeypatch):
    monkeypatch.setenv("MINIBERT_KERNELS", "bogus")
    monkeypatch.setitem(kernels._state, "level", None)
    with pytest.raises(ValueError, match="kernels level is 'bogus'"):
        verify(["relu"])


def test_a_negative_seed():
    with pytest.raises(ValueError, match="seed is -1"):
        verify(["relu"], seed=-1)


def test_a_formula_named_twice_is_one_row():
    assert len(verify(["relu", "relu"]).rows) == 1


def test_a_wrong_loop_form_fails(monkeypatch):
    formula = formula_called("softmax")
    wrong_case = replace(formula.cases[0], forward=lambda s: np.exp(s))
    monkeypatch.setattr(module, "FORMULAS", (replace(formula, cases=(wrong_case,)),))
    (row,) = verify().rows
    assert row.checks["loops"].state == "wrong"
    assert not row.ok


def test_a_case_without_golden_file_is_not_proved(monkeypatch):
    formula = formula_called("softmax")
    new = replace(formula, cases=(replace(formula.cases[0], mode="new"),))
    monkeypatch.setattr(module, "FORMULAS", (new,))
    report = verify()
    assert not report
    assert "no golden file" in report.rows[0].checks["golden"].note


@pytest.mark.parametrize("level", ["numba", "c"])
def test_a_missing_level_says_so_and_is_no_failure(level, monkeypatch):
    there = kernels.available
    monkeypatch.setattr(
        kernels, "available", lambda name: ({}, "not built") if name == level else there(name)
    )
    report = verify(["layernorm", "int8-matmul"])
    assert report
    assert report.levels[level] == "not built"
    assert all("not built" in row.checks[level].note for row in report.rows)


def test_every_kernel_level_is_looked_at():
    report = verify(["int8-linear", "linear"])
    not_there = {"avx512"}, {"avx512vnni", "neon"}  # of int8's levels, of float32's
    for row, others in zip(report.rows, not_there, strict=True):
        for level, reason in report.levels.items():
            assert row.checks[level].state == ("none" if reason or level in others else "ok")


def test_an_unknown_formula():
    with pytest.raises(ValueError, match=r"no formula 'atention'; did you mean 'attention'"):
        verify(["atention"])
