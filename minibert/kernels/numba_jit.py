"""How every Numba kernel is compiled.

nogil            the thread pool runs kernels side by side; they have no threads of their own
cache            the second process loads the machine code from disk
error_model      "numpy": a division by zero is inf or NaN and not an exception, whose check
                 would keep the compiler from using vector instructions
fastmath         "reassoc" lets a sum run in several lanes, "contract" allows fused
                 multiply-add. NaN and infinity keep their meaning; never fastmath=True
"""

try:
    import numba
except Exception as error:  # a Numba that does not fit this NumPy or Python fails in many ways
    raise ImportError(f"Numba is missing or does not fit ({error}): pip install numba") from error

REORDER = frozenset({"reassoc", "contract"})  # sums in any order
FUSE = frozenset({"contract"})  # what is written, but for fused multiply-add
EXACT = frozenset()  # the very bits of NumPy


def jit(fastmath):
    """The decorator of a kernel; fastmath is REORDER, FUSE or EXACT."""
    options = dict(nogil=True, error_model="numpy", fastmath=set(fastmath) or False)

    def decorate(function):
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # there is no folder that the cache could be written to
            return numba.njit(**options)(function)

    return decorate
