"""What runs on this machine, what does not, and why.

Everything but Python and NumPy is optional: what is missing costs speed or figures, and the line
says what. Please put the whole output into a bug report.
"""

import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from minibert._version import __version__

# The CPU features that the kernels, NumPy or its BLAS look for, as Linux spells them.
FLAGS = (
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512vl"),
    *("avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve"),
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

NO_CACHE = "each process compiles its kernels anew; set NUMBA_CACHE_DIR to a folder to write to"


class Finding(NamedTuple):
    """One line of the report."""

    name: str
    ok: bool
    detail: str


def add_arguments(parser):
    """Declare the arguments of `minibert doctor`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args):
    """Print the report."""
    found = examine()
    if args.json:
        print(json.dumps({f.name: {"ok": f.ok, "detail": f.detail} for f in found}, indent=2))
        return
    width = max(len(f.name) for f in found)
    for f in found:
        print(f"{'ok' if f.ok else '--'}  {f.name:<{width}}  {f.detail}")


def examine():
    """Look at the machine.

    Returns
    -------
    list of Finding
        Always the same names in the same order. Never raises: what fails is a finding.
    """
    return [_examine(name, probe) for name, probe in PROBES.items()]


def _examine(name, probe):
    try:
        return Finding(name, True, probe())
    except Exception as error:  # a broken package may raise anything
        said = " ".join(str(error).split()) or type(error).__name__
        lost = f" ({LOST[name]})" if name in LOST else ""
        return Finding(name, False, said + lost)


def _version(name):
    importlib.import_module(name)
    return importlib.metadata.version(name)


def _python():
    build = " free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return f"{platform.python_version()} {platform.python_implementation()}{build}"


def _cpu():
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{platform.processor() or platform.machine()}; features not known on this system"
    fields = dict(line.split(":", 1) for line in text.split("\n") if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    have = fields.get("flags", fields.get("Features", "")).split()
    model = fields.get("model name", platform.machine())
    return f"{model}: {' '.join(flag for flag in FLAGS if flag in have)}"


def _threads():
    from minibert.kernels import pool

    count, source = pool.get_threads(), pool.threads_source()
    return f"{count} ({source}); the machine has {os.cpu_count()} processors"


def _blas():
    import numpy as np  # noqa: F401  (its BLAS must be loaded to be seen)
    from threadpoolctl import threadpool_info

    pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
    said = (f"{p['internal_api']} {p['version']}, {p['num_threads']} threads" for p in pools)
    return "; ".join(dict.fromkeys(said)) or "one that threadpoolctl does not know"


def _numba():
    version = _version("numba")
    from minibert.kernels import numba_jit, numba_ops  # noqa: F401  (the kernels it compiles)

    folder = numba_jit.cache_folder()
    return f"{version}, {f'cache in {folder}' if folder else 'no cache: ' + NO_CACHE}"


def _extension():
    try:
        importlib.import_module("minibert.kernels.c_int8")
    except ImportError as error:
        raise ImportError(f"{error}{_toolchain()}") from None
    return Path(sys.modules["minibert._c"].__file__).name


def _toolchain():
    """What a build would miss on this machine now, as far as it can be told."""
    missing = []
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if sys.platform != "win32" and not shutil.which(compiler):
        missing.append(f"no compiler {compiler}")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        missing.append("no Python headers")
    return f"; still missing: {', '.join(missing)}" if missing else ""


def _levels(family):
    try:
        from minibert.kernels import c_int8, c_library
    except ImportError:
        raise ImportError("none without the C extension") from None
    levels = {"int8": c_int8.LEVELS, "float": c_library.FLOAT}[family]
    cannot = [f"{name}: {why}" for name, why in levels.known.items() if why]
    can = [name for name, why in levels.known.items() if not why]
    return "; ".join([f"{levels.name} runs, of {', '.join(can)}", *cannot])


def _kernels():
    from minibert import kernels

    count = Counter(kernels.source(name) for name in kernels.OPS)
    return f"{kernels.level()}: " + ", ".join(f"{n} functions {who}" for who, n in count.items())


def _cjk_font():
    from minibert import plot

    fonts = plot.cjk_families()
    if not fonts:
        raise LookupError("none is installed")
    return ", ".join(fonts)


def _fetched():
    from minibert.data.fetch import home, is_there
    from minibert.data.sources import read_sources

    names = [name for name in read_sources() if is_there(name)]
    return f"{', '.join(names) or 'nothing'} in {home()}"


def _settings():
    names = sorted(name for name in os.environ if name.startswith("MINIBERT_"))
    names += [name for name in THREADS if name in os.environ]
    return " ".join(f"{name}={os.environ[name]}" for name in names) or "none"


PROBES = {
    "minibert": lambda: f"{__version__} in {Path(__file__).parents[1]}",
    "python": _python,
    "system": lambda: f"{platform.system()} {platform.release()} {platform.machine()}",
    "cpu": _cpu,
    "threads": _threads,
    "settings": _settings,
    "numpy": lambda: _version("numpy"),
    "blas": _blas,
    "numba": _numba,
    "c extension": _extension,
    "float levels": lambda: _levels("float"),
    "int8 levels": lambda: _levels("int8"),
    "kernels": _kernels,
    "safetensors": lambda: _version("safetensors"),
    "matplotlib": lambda: _version("matplotlib"),
    "cjk font": _cjk_font,
    "fetched": _fetched,
}

# What a line's failure means.
LOST = {
    "blas": "threads cannot be counted or limited",
    "numba": "NumPy does its work, slower",
    "c extension": "NumPy does its work, slower",
    "int8 levels": "int8 in NumPy",
    "matplotlib": "no figures",
    "cjk font": "figures number Chinese tokens instead of showing them",
}
