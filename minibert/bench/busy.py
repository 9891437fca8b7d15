"""How busy other programs keep the machine just now.

Engines whose threads wait for one another at every product lose far more to a neighbour than
those whose threads seldom meet: on a busy machine a ratio says which one that is, and no more.
"""

import os
import time
from pathlib import Path

LIMIT = 0.2  # processors, for each thread of ours, from which on the ratios are not to be trusted


def others(seconds=0.5):
    """Processors, of those that we may run on, that are in use while we sleep.

    Parameters
    ----------
    seconds : float
        To look.

    Returns
    -------
    float or None
        What a host took from a virtual machine counts too. None where the system does not tell.
    """
    try:
        before = _ticks()
        time.sleep(seconds)
        return (_ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds
    except (OSError, ValueError, AttributeError):
        return None


def _ticks():
    """Clock ticks that these processors have worked since the start of the machine."""
    ours = {f"cpu{i}" for i in os.sched_getaffinity(0)}
    lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
    total = 0
    for name, *ticks in (line.split() for line in lines):
        if name in ours:
            user, nice, system, _idle, _waiting, *interrupts_and_host = map(int, ticks[:8])
            total += user + nice + system + sum(interrupts_and_host)
    return total
