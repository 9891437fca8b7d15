"""How busy other programs keep the machine while we measure.

Engines whose threads wait for one another at every product lose far more to a neighbour than
those whose threads seldom meet: on a busy machine a ratio says which one that is, and no more.
"""

import os
import time
from pathlib import Path

LIMIT = 0.15  # of the processors that we use: from there on the ratios are not to be trusted


class Others:
    """What others use from now on, of the processors that this process may run on."""

    def __init__(self):
        self._start, self._worked = time.perf_counter(), _worked_by_others()

    def processors(self):
        """How many they kept busy on average since the start; None where the system does not tell.

        What the host of a virtual machine took away counts too.
        """
        now = _worked_by_others()
        if now is None or self._worked is None:
            return None
        elapsed = time.perf_counter() - self._start
        return max((now - self._worked) / max(elapsed, 1e-3), 0.0)


def _worked_by_others():
    """Seconds that these processors have worked, but for ourselves and our ended children."""
    try:
        ours = {f"cpu{i}" for i in os.sched_getaffinity(0)}
        lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
    except (OSError, AttributeError):
        return None
    ticks = 0
    for name, *counts in (line.split() for line in lines if line):
        if name in ours:
            user, nice, system, _idle, _waiting, *interrupts_and_host = map(int, counts[:8])
            ticks += user + nice + system + sum(interrupts_and_host)
    return ticks / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])
