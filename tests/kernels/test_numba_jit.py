"""Compiling is announced once, where it happens and takes its time, and never otherwise."""

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("numba")
from minibert.kernels import numba_jit, numba_ops  # noqa: F401  (the kernels)

PATIENCE = 240


def compile_two(tmp_path, patience, **environment):
    """stderr of a process that calls two little kernels, with its cache in tmp_path."""
    program = tmp_path / "kernels.py"
    program.write_text(
        textwrap.dedent(f"""
            import numba, numpy as np
            from minibert.kernels import numba_jit

            numba_jit.PATIENCE = {patience}

            @numba.njit(cache=True)
            def of_somebody_else(x):
                return x + 1

            @numba_jit.jit(numba_jit.EXACT)
            def first(x):
                return x + 2

            @numba_jit.jit(numba_jit.EXACT)
            def second(x):
                return first(x) + x

            of_somebody_else(1)
            print(second(1), first(1.0), second(2.0))
            """),
        encoding="utf-8",
    )
    code = "import sys, types; m = types.ModuleType('minibert.kernels.test'); "
    code += f"m.__file__ = {str(program)!r}; sys.modules[m.__name__] = m; "
    code += "exec(compile(open(m.__file__).read(), m.__file__, 'exec'), vars(m))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)} | environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["4", "3.0", "6.0"]
    return done.stderr


def test_one_line_where_something_is_compiled(tmp_path):
    said = compile_two(tmp_path, 0)
    assert said.count("\n") == 1
    assert said.startswith("minibert: compiling up to 2 kernels for this machine, once (about ")
    assert compile_two(tmp_path, 0) == "", "all was in the cache"


def test_no_word_where_it_is_quick(tmp_path):
    assert compile_two(tmp_path, 1000) == ""


def test_no_word_where_none_is_wanted(tmp_path):
    assert compile_two(tmp_path, 0, MINIBERT_QUIET="1") == ""


def test_without_a_cache_it_says_every_time(capsys, monkeypatch):
    monkeypatch.setattr(numba_jit, "PATIENCE", 0)
    monkeypatch.setattr(numba_jit, "_UNCACHED", [numba_jit._KERNELS[0]])
    monkeypatch.delenv("MINIBERT_QUIET", raising=False)
    numba_jit._Announcer()._say()
    assert "every time: no folder can be written to, set NUMBA_CACHE_DIR" in capsys.readouterr().err


def test_the_folder_of_the_cache(monkeypatch):
    monkeypatch.setattr(numba_jit, "_UNCACHED", list(numba_jit._KERNELS))
    assert numba_jit.cache_folder() is None
