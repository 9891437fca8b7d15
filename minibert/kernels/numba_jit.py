"""How every Numba kernel is compiled, and a line that says so when it takes time.

nogil            the thread pool runs kernels side by side; they have no threads of their own
cache            the second process loads the machine code from disk
error_model      "numpy": a division by zero is inf or NaN and not an exception, whose check
                 would keep the compiler from using vector instructions
fastmath         "reassoc" lets a sum run in several lanes, "contract" allows fused
                 multiply-add. NaN and infinity keep their meaning; never fastmath=True
"""

import os
import sys
import threading
import time

try:
    import numba
    from llvmlite.binding import ffi as llvm
    from numba.core import event
    from numba.core.compiler_lock import global_compiler_lock
except Exception as error:  # a Numba that does not fit this NumPy or Python fails in many ways
    raise ImportError(f"Numba is missing or does not fit ({error}): pip install numba") from error

REORDER = frozenset({"reassoc", "contract"})  # sums in any order
FUSE = frozenset({"contract"})  # what is written, but for fused multiply-add
EXACT = frozenset()  # the very bits of NumPy

PATIENCE = 0.5  # seconds of compiling before a word is said
_KERNELS, _UNCACHED = [], []


def jit(fastmath):
    """The decorator of a kernel; fastmath is REORDER, FUSE or EXACT."""
    options = dict(nogil=True, error_model="numpy", fastmath=set(fastmath) or False)

    def decorate(function):
        try:
            kernel = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # there is no folder that the cache could be written to
            kernel = numba.njit(**options)(function)
            _UNCACHED.append(kernel)
        _KERNELS.append(kernel)
        return kernel

    return decorate


def cache_folder():
    """The folder that keeps the kernels' machine code; None where none can be written to."""
    cached = [kernel for kernel in _KERNELS if kernel not in _UNCACHED]
    stats = [kernel.stats for kernel in cached if hasattr(kernel, "stats")]  # not uncompiled
    return stats[0].cache_path if stats else None


class _Announcer(event.Listener):
    """One line on stderr once compiling has taken PATIENCE; loading from the cache is no event.

    Numba calls it under its compiler's lock, for kernels of everybody's and, inside of one, for
    those that it calls.
    """

    def __init__(self):
        self.depth, self.begun, self.done, self.seconds, self.said = 0, 0.0, 0, 0.0, False
        self.timer = None

    def on_start(self, event):
        if _is_ours(event):
            if self.depth == 0 and not self.said:
                self.begun = time.perf_counter()
                # A thread says it: this one is about to compile, which may take long.
                self.timer = threading.Timer(max(PATIENCE - self.seconds, 0), self._say)
                self.timer.daemon = True
                self.timer.start()
            self.depth += 1

    def on_end(self, event):
        if _is_ours(event):
            self.depth -= 1
            self.done += 1
            if self.depth == 0:
                self.timer.cancel()
                self.seconds += time.perf_counter() - self.begun

    def _say(self):
        if self.said:
            return
        self.said = True
        if sys.stderr is None or os.environ.get("MINIBERT_QUIET", "0") not in ("", "0"):
            return
        left = sum(not kernel.signatures for kernel in _KERNELS)
        often = "once"
        if _UNCACHED:
            often = "every time: no folder can be written to, set NUMBA_CACHE_DIR to one"
        each = self.seconds / self.done if self.done else 1.0  # seconds
        print(
            f"minibert: compiling up to {left} kernels for this machine, {often} "
            f"(about {max(left * each, 1):.0f} s if all are needed)",
            file=sys.stderr,
            flush=True,
        )


def _is_ours(event):
    return event.data["dispatcher"].py_func.__module__.startswith("minibert.")


event.register("numba:compile", _Announcer())

# A child made while another thread compiles would wait for that thread, which it has not. So a fork
# waits until nobody compiles.
_LOCKS = [global_compiler_lock, getattr(llvm.lib, "_lock", None)]
_LOCKS = [lock for lock in _LOCKS if lock is not None]


def _before_fork():
    for lock in _LOCKS:
        lock.__enter__()


def _after_fork():
    for lock in reversed(_LOCKS):
        lock.__exit__(None, None, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
