"""The peak of this process's memory during a block of code.

Resident memory is counted, as the system sees it: what NumPy, C and other libraries take is in.
Linux tells the peak (VmHWM) and forgets it when asked to; other Unix tells the highest ever, which
is enough where nothing larger went before. Windows is not asked.

What was freed before the block need not have gone back to the system, and would then be used again
unseen; glibc is asked to give it back first.
"""

import contextlib
import ctypes
import gc
import sys
from pathlib import Path

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """A ``with`` block whose highest memory use above that at its start is in `bytes`.

    Attributes
    ----------
    bytes : int or None
        None where the system does not tell.

    Examples
    --------
    >>> with Peak() as peak:
    ...     block = b"x" * 40_000_000
    >>> peak.bytes is None or 39_000_000 < peak.bytes < 60_000_000
    True
    """

    def __enter__(self):
        self.bytes = None
        self.forget()
        self._before, _ = _resident()
        return self

    def forget(self):
        """Let the peak be that from here on; it stays above what was held at the start."""
        gc.collect()
        with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
        with contextlib.suppress(OSError):
            _FORGET.write_text("5")

    def __exit__(self, *error):
        _, peak = _resident()
        if peak is not None:
            self.bytes = max(peak - self._before, 0)


def _resident():
    """(bytes now, their peak); where only the peak is known, that twice; None for unknown."""
    if _STATUS.exists():
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        return tuple(1024 * int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM"))
    try:
        import resource
    except ImportError:
        return None, None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    return peak, peak
