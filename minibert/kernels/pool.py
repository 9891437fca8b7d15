"""One thread pool for every kernel, Numba's and C's, and one number of threads for BLAS too.

A kernel is single-threaded and does not hold the interpreter lock; an op cuts its rows into
blocks and lets `run` go over them. Three rules:

* The blocks depend on the shapes alone, never on the number of threads, so that the results are
  the same bits with one thread or many. Whoever is free takes the next block.
* BLAS runs with one thread inside `run` (see `blas_threads`).
* With one block, or where the pool is at work already (a nested or a concurrent call), the
  caller does everything itself. Otherwise it begins at once, and waits in the end only for
  threads that did begin: one that the system wakes too late finds nothing left to do.

`together` is for work that its threads share by themselves, in C: it has no blocks, and waits for
nobody.

What a run costs, as a share of a block of 150 us, on two processors:

    two blocks, over the time of one          1/4     waking a thread, passing on the lock
    one block                                 1/80
    one block, BLAS held at one thread        1/20    where it had one already
                                              1/16    where it had several

A run that Ctrl-C ends leaves the pool as it was. After a fork the child starts a pool of its own
when it first needs one.
"""

import atexit
import os
import queue
import threading

from minibert.kernels.blas_threads import BlasThreads
from minibert.kernels.processors import default_threads

# In operations, of which a matrix product does about a hundred in a nanosecond.
BLOCK_WORK = 64_000_000  # of a block at most, 0.6 ms: larger ones balance badly
LEAST_WORK = 8_000_000  # that is cut at all: a hand-over costs a third of it

_BLAS = BlasThreads()
_state = {"lock": threading.Lock(), "asked": None, "default": None, "pool": None}


def set_threads(n):
    """Use at most n threads from now on: minibert's own, and BLAS's.

    Runs that are going on in other threads end with the number that they began with. With n = 1
    everything runs in the thread that calls. Each thread of yours that calls minibert counts for
    itself: the first of them has the n - 1 helpers, the others work alone meanwhile.

    Parameters
    ----------
    n : int or None
        None: the number in the environment variable MINIBERT_THREADS, or else as many as there are
        processors to run on; BLAS gets back the number that it had at the start.

    Notes
    -----
    The number for BLAS (never more than it had at the start) holds for the whole process, NumPy's
    own products included. Numba's kernels have no threads of their own: ``numba.set_num_threads``
    and NUMBA_NUM_THREADS mean nothing here. No number of threads changes a bit of a result.

    Examples
    --------
    >>> set_threads(1)
    >>> get_threads()
    1
    >>> set_threads(None)
    """
    if n is not None and (not isinstance(n, int) or n < 1):
        raise ValueError(f"n is {n!r}; it is a number of threads, at least 1, or None")
    default, source = default_threads()
    _replace_pool(asked=n, default=(default, source))
    _BLAS.limit(default if n is None and source == "MINIBERT_THREADS" else n)


def get_threads():
    """How many threads minibert uses, the caller's among them; see `set_threads`."""
    return _count_and_source()[0]


def threads_source():
    """Where the number of threads comes from, in words."""
    return _count_and_source()[1]


def run(*jobs, blas=True):
    """Call each job's function on each of its blocks, on all threads, and wait for the end.

    Parameters
    ----------
    *jobs : (function, blocks)
        The blocks of several jobs run side by side; they must not depend on one another.
    blas : bool
        False where no function calls BLAS: holding it at one thread costs some microseconds.

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
    if not blas:
        _share(tasks)
        return
    token = object()
    try:
        _BLAS.enter(token)
        _share(tasks)
    finally:
        _BLAS.inside.discard(token)  # at once: Ctrl-C can cut off a call of ours, not this one
        _BLAS.leave()


def together(function):
    """Call a function in all threads that are free; the calls share its work among themselves.

    Parameters
    ----------
    function : callable without arguments
        When one of its calls returns, all of the work must be done, however many threads came;
        others may still be on their way out, and hold what they use.

    Returns
    -------
    object
        What the caller's own call returned. What others return or raise nobody sees.
    """
    pool = _free_pool()
    if pool is None:
        return function()
    with pool.busy:
        return pool.together(function)


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


def _share(tasks):
    """Do the tasks, with the pool if there is more than one and it is free."""
    pool = _free_pool() if len(tasks) > 1 else None
    if pool is None:
        for function, block in tasks:
            function(block)
        return
    with pool.busy:  # who comes between the two lines waits for a run, which is short
        pool.run(tasks)


def _free_pool():
    pool = _pool()
    return None if pool is None or pool.busy.locked() else pool


class _Pool:
    """size - 1 threads that wait for tasks; the caller is the last one."""

    def __init__(self, size):
        self.size = 1
        self.busy = threading.Lock()
        self.inbox = queue.SimpleQueue()
        while self.size < size:
            try:
                threading.Thread(target=self._wait, name="minibert", daemon=True).start()
            except RuntimeError:  # the system gives no more
                break
            self.size += 1

    def run(self, tasks):
        """Every thread takes a ticket when it begins; those left in the end bar the late ones."""
        tasks.reverse()  # the last is taken first
        helpers = min(self.size, len(tasks)) - 1
        tickets, done = [None] * helpers, queue.SimpleQueue()
        try:
            for _ in range(helpers):
                self.inbox.put((tasks, tickets, done))
            error = _work(tasks)
            for _ in range(helpers - _take_all(tickets)):
                error = done.get() or error
        finally:
            tasks.clear()
        if error is not None:
            raise error

    def together(self, function):
        """What the caller's call returns; each of the others has one task, which is a call."""
        tasks = [[(lambda _: function(), None)] for _ in range(self.size - 1)]
        tickets, unread = [None] * (self.size - 1), queue.SimpleQueue()
        try:
            for one in tasks:
                self.inbox.put((one, tickets, unread))
            return function()
        finally:  # nothing is left for late ones, nor kept alive by them
            tickets.clear()
            for one in tasks:
                one.clear()

    def close(self):
        """Its threads end when they have done what they are at."""
        for _ in range(self.size - 1):
            self.inbox.put(None)

    def _wait(self):
        while (job := self.inbox.get()) is not None:
            tasks, tickets, done = job
            if _take(tickets):
                done.put(_work(tasks))
            del job, tasks, tickets, done  # an idle thread must not keep the arrays alive


def _take(tickets):
    """Whether there was one."""
    try:
        tickets.pop()
    except IndexError:
        return False
    return True


def _take_all(tickets):
    """How many there were."""
    count = 0
    while _take(tickets):
        count += 1
    return count


def _work(tasks):
    """Take tasks until none is left; what went wrong is returned, and ends the others' work."""
    try:
        while tasks:
            try:
                function, block = tasks.pop()
            except IndexError:  # another thread was faster
                break
            function(block)
    except BaseException as error:
        tasks.clear()
        return error


def _pool():
    pool = _state["pool"]
    if pool is None and get_threads() > 1:
        with _state["lock"]:
            pool = _state["pool"]
            if pool is None and get_threads() > 1:
                pool = _state["pool"] = _Pool(get_threads())
    return pool


def _count_and_source():
    if _state["asked"] is not None:
        return _state["asked"], "set_threads"
    if _state["default"] is None:
        _state["default"] = default_threads()
    return _state["default"]


def _replace_pool(**numbers):
    """Let the pool go; the next run makes another, of the new size."""
    with _state["lock"]:
        pool = _state["pool"]
        _state.update(pool=None, **numbers)
    if pool is not None:
        pool.close()


def _after_fork():
    _state.update(lock=threading.Lock(), pool=None)
    _BLAS.after_fork()


if os.environ.get("MINIBERT_THREADS"):
    set_threads(None)  # which tells BLAS
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
# The interpreter cannot end well under threads that are about to return to it.
atexit.register(_replace_pool, asked=1)
