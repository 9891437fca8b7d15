"""The thread pool: every block once, errors come out, BLAS is left as it was, forks work."""

import gc
import os
import queue
import signal
import sys
import threading
import weakref

import numpy as np
import pytest

from minibert.kernels import pool

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def _two_threads(set_threads):
    set_threads(2)


def blas_threads():
    """Of each BLAS library; NumPy's is one."""
    return pool._BLAS.counts()


def hold_the_helper():
    """The pool's only one is at work until the event that is returned."""
    held, let_go = threading.Event(), threading.Event()

    def hold(_):
        held.set()
        let_go.wait(60)

    pool._pool().inbox.put(([(hold, None)], [None], queue.SimpleQueue()))  # the only helper
    assert held.wait(60)
    return let_go


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 17])
def test_every_block_runs_once(n, threads):
    pool.set_threads(threads)
    seen = np.zeros(n, int)

    def count(rows):
        seen[rows] += 1

    pool.run((count, pool.blocks(n, 3)), (count, pool.blocks(n, 2)))
    assert (seen == 2).all()


def test_two_threads_work_at_the_same_time():
    """Each block waits for the other: alone, the first would wait for ever."""
    barrier = threading.Barrier(2, timeout=20)
    pool.run((lambda _: barrier.wait(), pool.blocks(2, 1)))


def test_one_block_runs_in_the_caller():
    names = []
    pool.run((lambda _: names.append(threading.current_thread()), pool.blocks(5, 5)))
    assert names == [threading.current_thread()]


def test_one_thread_runs_everything_in_the_caller():
    pool.set_threads(1)
    names = set()
    pool.run((lambda _: names.add(threading.current_thread()), pool.blocks(5, 1)))
    assert names == {threading.current_thread()}


@pytest.mark.parametrize("bad", [0, 1, 7])
def test_an_error_in_a_block_comes_out(bad):
    def block(rows):
        if rows.start == bad:
            raise KeyError(f"block {bad}")

    before = blas_threads()
    with pytest.raises(KeyError, match=f"block {bad}"):
        pool.run((block, pool.blocks(8, 1)))
    assert blas_threads() == before
    seen = []
    pool.run((seen.append, pool.blocks(8, 1)))
    assert len(seen) == 8, "the pool was left broken"


def test_a_run_inside_a_run_does_not_wait_for_itself():
    inner = []

    def block(rows):
        pool.run((inner.append, pool.blocks(3, 1)))

    pool.run((block, pool.blocks(4, 1)))
    assert len(inner) == 12


def test_a_thread_that_comes_too_late_is_not_waited_for():
    let_go = hold_the_helper()
    caller, names = threading.current_thread(), []
    pool.run((lambda _: names.append(threading.current_thread()), pool.blocks(6, 1)))
    let_go.set()
    assert names == [caller] * 6


def test_together_every_free_thread_makes_one_call():
    barrier, names = threading.Barrier(2, timeout=20), []

    def share():
        names.append(threading.current_thread().name)
        barrier.wait()

    for _ in range(20):
        pool.together(share)
    assert sorted(set(names)) == ["MainThread", "minibert"]
    assert len(names) == 40


def test_together_does_not_wait_for_who_comes_back_later():
    begun, let_go, ended = threading.Event(), threading.Event(), threading.Event()
    caller = threading.current_thread()

    def share():
        if threading.current_thread() is caller:
            assert begun.wait(60)
        else:
            begun.set()
            let_go.wait(60)
            ended.set()

    pool.together(share)
    assert not ended.is_set()
    let_go.set()
    assert ended.wait(60)


def test_together_who_comes_too_late_makes_no_call():
    let_go = hold_the_helper()
    names = []
    pool.together(lambda: names.append(threading.current_thread()))
    let_go.set()
    pool.run((lambda _: None, pool.blocks(2, 1)))
    assert names == [threading.current_thread()]


def test_together_leaves_nothing_for_who_comes_too_late():
    let_go = hold_the_helper()
    array = np.zeros(10)
    alive = weakref.ref(array)
    assert pool.together(lambda array=array: array.sum()) == 0
    del array
    gc.collect()
    assert alive() is None
    let_go.set()


def test_together_inside_a_run_is_the_caller_alone():
    names = []

    def block(_):
        me = threading.current_thread()
        pool.together(lambda: names.append(threading.current_thread() is me))

    pool.run((block, pool.blocks(2, 1)))
    assert names == [True, True]


@pytest.mark.parametrize("whose", ["MainThread", "minibert"])
def test_together_an_error_is_the_callers_own(whose):
    both = threading.Barrier(2, timeout=20)

    def share():
        both.wait()
        if threading.current_thread().name == whose:
            raise KeyError("mine")

    if whose == "MainThread":
        with pytest.raises(KeyError, match="mine"):
            pool.together(share)
    else:
        pool.together(share)
    seen = []
    pool.run((seen.append, pool.blocks(8, 1)))
    assert len(seen) == 8, "the pool was left broken"


def test_two_callers_at_once():
    counts = [0, 0]

    def caller(me):
        for _ in range(200):
            done = []
            pool.run((done.append, pool.blocks(7, 1)))
            counts[me] += len(done)

    callers = [threading.Thread(target=caller, args=(me,)) for me in (0, 1)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(60)
    assert counts == [1400, 1400]


def test_blas_has_one_thread_inside_and_its_own_number_after():
    before = blas_threads()
    inside = []

    def block(_):
        inside.extend(blas_threads())  # a run inside a run

    pool.run((block, pool.blocks(2, 1)))
    assert set(inside) == {1}
    assert blas_threads() == before


def test_an_idle_thread_keeps_nothing_alive():
    array = np.zeros(10)
    alive = weakref.ref(array)

    def block(rows, array=array):
        array[rows] += 1

    pool.run((block, pool.blocks(10, 1)))
    pool.together(lambda array=array: array.sum())
    pool.run((lambda _: None, pool.blocks(2, 1)))  # the helper is through with it
    del array, block
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("n", [1, 15, 16, 17, 100, 1536])
@pytest.mark.parametrize("work", [1, 10**5, 10**9])
def test_row_blocks_cover_the_rows_evenly(n, work):
    found = pool.row_blocks(n, work)
    assert [i for rows in found for i in range(n)[rows]] == list(range(n))
    sizes = [rows.stop - rows.start for rows in found]
    assert all(size == sizes[0] for size in sizes[:-1])
    assert len(found) == 1 or sizes[0] % 16 == 0


def test_the_blocks_do_not_depend_on_the_threads():
    found = []
    for threads in (1, 2, 3):
        pool.set_threads(threads)
        found.append(pool.row_blocks(1000, 10**6))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 1


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2"])
def test_a_number_of_threads_is_a_whole_number(bad):
    with pytest.raises(ValueError, match="threads"):
        pool.set_threads(bad)


def test_by_default_as_many_threads_as_processors():
    pool.set_threads(None)
    assert 1 <= pool.get_threads() <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_pool_of_its_own():
    """The parent's threads do not exist in the child; waiting for them would never end."""

    def work():
        seen = []
        pool.run((lambda rows: seen.append(float((np.ones((64, 64)) @ np.ones(64))[0])),
                  pool.blocks(6, 1)))  # fmt: skip
        return seen == [64.0] * 6

    def fork_inside(_):
        children.append(forked(work))

    def forked(function):
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # ends the child if it hangs
            os._exit(0 if function() else 1)
        return os.waitpid(child, 0)[1]

    assert work()
    children = [forked(work)]
    pool.run((fork_inside, [None]))  # while BLAS is held at one thread
    assert children == [0, 0]
    assert work()


def test_importing_the_pool_starts_no_thread():
    import subprocess

    code = "import threading, minibert.kernels.pool; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
