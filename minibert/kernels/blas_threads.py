"""BLAS's own threads: one inside the thread pool, and at most as many as were asked for outside.

Two threads with half of the rows each are faster than two BLAS threads sharing every product,
which wait for one another spinning: on a busy machine that wait is many times the product.

The number belongs to the process: NumPy's matmul anywhere in it sees what is set here.
"""

import threading


class BlasThreads:
    """Holds BLAS at one thread while somebody is inside; the last to leave puts it back.

    Ctrl-C may come between any two lines. So those inside are a set of tokens and no count, and
    the numbers to go back to are forgotten only when they are set: the next `leave` mends it.
    """

    def __init__(self):
        self.lock, self.inside, self.before = threading.Lock(), set(), None
        self.libraries = self.found = None

    def enter(self, token):
        """BLAS has one thread from here on. Take the token out of `inside` before `leave`."""
        with self.lock:
            if not self.inside:
                if self.before is None:
                    self.before = self.counts()
                self._change(self.before, [1] * len(self.before))
            self.inside.add(token)

    def leave(self):
        """Put the number of threads back if nobody is inside."""
        with self.lock:
            if self.before is not None and not self.inside:
                self._change([1] * len(self.before), self.before)
                self.before = None

    def limit(self, most):
        """Outside, at most so many threads; None: as many as BLAS had when it was first seen."""
        with self.lock:
            self._look_up()
            counts = self.found if most is None else [min(count, most) for count in self.found]
            if self.inside:
                self.before = counts
            else:
                self._change(self.counts(), counts)

    def counts(self):
        """The number of threads of each BLAS library in the process."""
        self._look_up()
        return [get() for get, _ in self.libraries]

    def after_fork(self):
        """The threads that were inside do not exist in the child."""
        self.lock, self.inside = threading.Lock(), set()
        if self.before is not None:
            self._change([1] * len(self.before), self.before)
            self.before = None

    def _look_up(self):
        """Once, since it goes through everything that the process has loaded."""
        if self.libraries is None:
            import numpy  # noqa: F401  (its BLAS must be loaded to be found)
            from threadpoolctl import ThreadpoolController

            found = ThreadpoolController().lib_controllers
            libraries = [_get_and_set(library) for library in found if library.user_api == "blas"]
            self.found = [get() for get, _ in libraries]
            self.libraries = libraries

    def _change(self, old, new):
        for (_, set_), a, b in zip(self.libraries, old, new, strict=True):
            if a != b:
                set_(b)


def _get_and_set(library):
    """The functions of a library.

    OpenBLAS's own: threadpoolctl ignores what any thread but the first one sets.
    """
    for prefix in ("", "scipy_"):
        for suffix in ("", "64_", "_64"):
            names = (f"{prefix}openblas_{what}_num_threads{suffix}" for what in ("get", "set"))
            found = [getattr(library.dynlib, name, None) for name in names]
            if None not in found:
                return found
    return library.get_num_threads, library.set_num_threads
