"""How many threads to use: what was asked for, or as many as this process can keep busy."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def default_threads():
    """The number of threads where `set_threads` was not called, and where it comes from.

    Returns
    -------
    count : int
    source : str
        For `minibert doctor`.

    Raises
    ------
    ValueError
        MINIBERT_THREADS is not a number of threads.
    """
    asked = os.environ.get("MINIBERT_THREADS", "").strip()
    if asked:
        if not (asked.isascii() and asked.isdigit() and int(asked)):
            raise ValueError(f"MINIBERT_THREADS is {asked!r}; it is a number of threads, 1 or more")
        return int(asked), "MINIBERT_THREADS"
    count, quota = usable(), container_quota()
    if quota is not None and math.ceil(quota) < count:
        return math.ceil(quota), f"the container's quota of {quota:g} processors"
    return count, "the processors this process may run on"


def usable():
    """Processors that this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def container_quota(folder=_CGROUP):
    """Processors' worth of time that a Linux container may use, or None.

    More threads than that would be stopped together until the next period begins.
    """
    try:
        return _quota(*(folder / "cpu.max").read_text().split())  # version 2
    except (OSError, ValueError, TypeError):
        pass
    try:
        names = "cpu.cfs_quota_us", "cpu.cfs_period_us"  # version 1
        return _quota(*((folder / "cpu" / name).read_text() for name in names))
    except (OSError, ValueError):
        return None


def _quota(quota, period):
    quota = -1 if quota == "max" else int(quota)
    return quota / int(period) if quota > 0 and int(period) > 0 else None
