"""One thread pool for every kernel, Numba's and C's.

A kernel is single-threaded and does not hold the interpreter lock; an op cuts its rows into
blocks and lets `run` go over them. Three rules:

* The blocks depend on the shapes alone, never on the number of threads, so that the results are
  the same bits with one thread or many. Whoever is free takes the next block.
* BLAS runs with one thread inside `run`. Two threads with half of the rows each are faster than
  two BLAS threads sharing every product, which wait for one another spinning: on a busy machine
  that wait is many times the product. Setting BLAS's thread count costs a few microseconds,
  since the libraries are looked up once.
* With one block, or where the pool is at work already (a nested or a concurrent call), the
  caller does everything itself.

After a fork the child starts a pool of its own when it first needs one.
"""

import os
import queue
import threading

from threadpoolctl import ThreadpoolController

# In operations, of which a matrix product does about a hundred in a nanosecond.
BLOCK_WORK = 64_000_000  # of a block at most, 0.6 ms: larger ones balance badly
LEAST_WORK = 16_000_000  # that is cut at all: a hand-over costs a third of it

_state = {"size": None, "pool": None}


def run(*jobs):
    """Call each job's function on each of its blocks, on all threads, and wait for the end.

    Parameters
    ----------
    *jobs : (function, blocks)
        The blocks of several jobs run side by side; they must not depend on one another.

    Raises
    ------
    BaseException
        What a function raised; the blocks not begun by then are left out.

    Examples
    --------
    >>> squares = [0] * 4
    >>> def square(rows):
    ...     squares[rows] = [i * i for i in range(4)[rows]]
    >>> run((square, blocks(4, 2)))
    >>> squares
    [0, 1, 4, 9]
    """
    tasks = [(function, block) for function, blocks in jobs for block in blocks]
    with _ONE_BLAS_THREAD:
        pool = _pool() if len(tasks) > 1 else None
        if pool is None or not pool.free.acquire(blocking=False):
            for function, block in tasks:
                function(block)
            return
        try:
            pool.run(tasks)
        finally:
            pool.free.release()


def blocks(n, size):
    """Slices that cover range(n), each of this size but the last."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def even_blocks(n, work, step=1):
    """Cut n into one block, or an even number of nearly equal ones.

    Parameters
    ----------
    n : int
        Number of rows, or of whatever is cut.
    work : int
        Operations that one of them takes; see BLOCK_WORK.
    step : int
        The sizes are multiples of it.

    Returns
    -------
    list of slice
        One where the work is under LEAST_WORK, or of BLOCK_WORK each at most.
    """
    total = n * work
    pairs = -(-total // (2 * BLOCK_WORK))
    count = 2 * pairs if total > LEAST_WORK else 1
    rows = max(-(-n // count), 1)
    return blocks(n, -(-rows // step) * step)


def row_blocks(n, work):
    """`even_blocks` of rows for BLAS, which likes multiples of 16."""
    return even_blocks(n, work, 16)


def threads():
    """How many threads `run` uses, the caller's among them."""
    if _state["size"] is None:
        count = os.cpu_count() or 1
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
        _state["size"] = min(count, allowed)
    return _state["size"]


def set_threads(n):
    """Use n threads from now on; None: as many as there are processors to run on."""
    if n is not None and (not isinstance(n, int) or n < 1):
        raise ValueError(f"n is {n!r}; it is a number of threads, at least 1, or None")
    if _state["pool"] is not None:
        _state["pool"].close()
    _state.update(size=n, pool=None)


class _Pool:
    """size - 1 threads that wait for tasks; the caller is the last one."""

    def __init__(self, size):
        self.size = size
        self.free = threading.Lock()
        self.inbox = queue.SimpleQueue()
        for _ in range(size - 1):
            threading.Thread(target=self._wait, name="minibert", daemon=True).start()

    def run(self, tasks):
        shared, done = iter(tasks), queue.SimpleQueue()
        helpers = min(self.size, len(tasks)) - 1
        for _ in range(helpers):
            self.inbox.put((shared, done))
        errors = [_work(shared)]
        errors += [done.get() for _ in range(helpers)]
        for error in errors:
            if error is not None:
                raise error

    def close(self):
        for _ in range(self.size - 1):
            self.inbox.put(None)

    def _wait(self):
        while (job := self.inbox.get()) is not None:
            shared, done = job
            done.put(_work(shared))
            del job, shared, done  # an idle thread must not keep the arrays alive


def _work(shared):
    """Take tasks until none is left; what went wrong is returned, and ends the others' work."""
    try:
        for function, block in shared:
            function(block)
    except BaseException as error:
        list(shared)
        return error


def _pool():
    if _state["pool"] is None and threads() > 1:
        _state["pool"] = _Pool(threads())
    return _state["pool"]


class _OneBlasThread:
    """A ``with`` block in which BLAS has one thread; the last to leave puts it back."""

    def __init__(self):
        self.lock, self.inside, self.before, self.libraries = threading.Lock(), 0, [], None

    def __enter__(self):
        with self.lock:
            if self.libraries is None:
                found = ThreadpoolController().lib_controllers
                self.libraries = [library for library in found if library.user_api == "blas"]
            if self.inside == 0:
                self.before = [library.get_num_threads() for library in self.libraries]
                self._set([1] * len(self.before))
            self.inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self._set(self.before)

    def _set(self, counts):
        for library, count, before in zip(self.libraries, counts, self.before, strict=True):
            if before != 1:
                library.set_num_threads(count)

    def after_fork(self):
        """The threads that were inside do not exist in the child."""
        if self.inside:
            self._set(self.before)
        self.lock, self.inside = threading.Lock(), 0


_ONE_BLAS_THREAD = _OneBlasThread()


def _after_fork():
    _state["pool"] = None
    _ONE_BLAS_THREAD.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
