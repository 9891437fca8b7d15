"""Child processes, forked and spawned, of a process whose threads are at work."""

import multiprocessing
import os
import subprocess
import sys
import textwrap

import pytest

from minibert import kernels

PATIENCE = 240  # seconds for what takes a few, on a machine with other work
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# What each program begins with. Blocks are so small that a little model has many of them.
BEGIN = """
    import faulthandler, multiprocessing, os, signal, sys, threading, warnings
    faulthandler.dump_traceback_later(200, exit=True)
    warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads is what we test
    import numpy as np
    from minibert import kernels
    from minibert.config import BertConfig
    from minibert.kernels import pool
    from minibert.pretrained import BertForSequenceClassification
    from minibert.quant import quantize_params

    kernels.use("LEVEL")
    pool.BLOCK_WORK = pool.LEAST_WORK = 1000
    config = BertConfig.uniform(vocab=50, hidden=24, n_layers=2, heads=2, ffn=40)
    model = BertForSequenceClassification(config)
    int8 = model.quantize()
    ids = np.arange(60).reshape(4, 15) % 50

    def forward():
        pool.set_threads(2)
        bits = model(ids).logits.tobytes() + int8(ids).logits.tobytes()
        barrier = threading.Barrier(2, timeout=60)  # and two threads are there
        pool.run((lambda _: barrier.wait(), range(2)))
        return bits

    def send(queue):
        queue.put(forward())

    def keep_running():
        def run():
            while True:
                model(ids)
        for _ in range(2):
            threading.Thread(target=run, daemon=True).start()
    """


def levels():
    return ["auto", *(level for level in ("numba", "c") if not kernels.available(level)[1])]


def run(tmp_path, code, level="auto", **environment):
    """Run BEGIN and the code as a file, which a spawned child can import; it must end well."""
    begin = textwrap.dedent(BEGIN.replace("LEVEL", level))
    path = tmp_path / "program.py"
    path.write_text(begin + textwrap.dedent(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@needs_fork
@pytest.mark.parametrize("level", levels())
def test_children_forked_while_other_threads_are_inside_a_run(tmp_path, level):
    code = """
        expected = forward()
        keep_running()
        for _ in range(12):
            child = os.fork()
            if child == 0:
                signal.alarm(100)  # ends the child if it hangs
                os._exit(0 if forward() == expected else 1)
            status = os.waitpid(child, 0)[1]
            assert status == 0, status
        os._exit(0)  # not through the end of an interpreter with threads at work
        """
    run(tmp_path, code, level)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_of_multiprocessing(tmp_path, method):
    code = f"""
        if __name__ == "__main__":
            expected = forward()
            keep_running()
            context = multiprocessing.get_context({method!r})
            queue = context.Queue()
            children = [context.Process(target=send, args=(queue,)) for _ in range(2)]
            for child in children:
                child.start()
            assert [queue.get(timeout=150) for _ in children] == [expected] * 2
            for child in children:
                child.join()
                assert child.exitcode == 0
            sys.stdout.flush()
            os._exit(0)
        """
    run(tmp_path, code)


@needs_fork
def test_a_child_of_a_child(tmp_path):
    code = """
        expected = forward()

        def generation(n):
            child = os.fork()
            if child == 0:
                signal.alarm(100)
                right = forward() == expected and (n == 0 or generation(n - 1) == 0)
                os._exit(0 if right else 1)
            return os.waitpid(child, 0)[1]

        assert generation(2) == 0
        assert forward() == expected
        """
    run(tmp_path, code)


@needs_fork
@pytest.mark.skipif(bool(kernels.available("numba")[1]), reason="no Numba")
def test_a_child_forked_while_another_thread_compiles(tmp_path):
    """It would wait for the compiler's lock, whose owner does not exist in it."""
    code = """
        from minibert.kernels import numba_jit

        @numba_jit.jit(numba_jit.EXACT)
        def first(x):
            return np.sort(x).sum() + np.median(x)

        @numba_jit.jit(numba_jit.EXACT)
        def second(x):
            return x.sum()

        def compiling():
            while True:
                first.recompile()

        x = np.ones(4)
        first(x)
        threading.Thread(target=compiling, daemon=True).start()
        for _ in range(2):
            child = os.fork()
            if child == 0:
                signal.alarm(100)
                os._exit(0 if second(x) == 4 else 1)
            status = os.waitpid(child, 0)[1]
            assert status == 0, status
        os._exit(0)
        """
    run(tmp_path, code, NUMBA_CACHE_DIR=str(tmp_path))
