"""What a run ran on: versions, BLAS, threads and kernels, as env.json keeps it.

Whatever cannot be found out is None; nothing here can stop a training run. No host name, user
name or path is recorded.
"""

import json
import os
import platform
from importlib import import_module, metadata
from pathlib import Path

from minibert.text import write_text


def environment():
    """Describe the machine and the software of this process.

    Returns
    -------
    dict
        "versions" (of Python and packages), "system", "machine", "cpu", "cpus" (usable by this
        process), "blas" (one dict per library, with its threads), "float_level", "int8_level",
        "kernels" and "variables" (the environment variables that set threads and kernels). Only
        strings, numbers, lists, dicts and None.
    """
    return {
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in ("minibert-numpy", "numpy", "numba", "threadpoolctl")},
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cpus": _cpus(),
        "blas": _blas(),
        "float_level": _ask("minibert.kernels.c_library", "float_level"),
        "int8_level": _ask("minibert.kernels.c_int8", "level"),
        "kernels": _ask("minibert.kernels", "level"),
        "variables": {
            k: v
            for k, v in sorted(os.environ.items())
            if k.endswith("_NUM_THREADS") or k in _OURS
        },
    }


_OURS = {f"MINIBERT_{of}" for of in ("KERNELS", "THREADS", "FLOAT_LEVEL", "INT8_LEVEL")}


def write_environment(folder):
    """Write `environment()` as FOLDER/env.json, first under a temporary name.

    Parameters
    ----------
    folder : str or Path
        Made where it is missing.

    Returns
    -------
    Path
        Of the file.
    """
    path = Path(folder) / "env.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(environment(), indent=2) + "\n")
    return path


def _version(name):
    """An installed package's version, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu():
    """The processor's name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n"):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or None


def _cpus():
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _blas():
    """The BLAS libraries in this process and their threads; None without threadpoolctl."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    keys = ("internal_api", "version", "num_threads", "architecture", "threading_layer")
    found = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return [{k: info.get(k) for k in keys} for info in found]


def _ask(module, name):
    """What a function (or constant) of a module says, or None where either is missing or fails."""
    try:
        found = getattr(import_module(module), name)
        answer = found() if callable(found) else found
    except Exception:
        return None
    return answer if isinstance(answer, str | int | float | None) else str(answer)
