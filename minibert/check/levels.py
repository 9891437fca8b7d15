"""Which kernels this machine has, and which of them serve a formula."""

import importlib
from contextlib import ExitStack, contextmanager

from minibert import kernels as F

# Everything that goes through large arrays a block at a time, and what it takes for a block.
BLOCKS = (
    ("minibert.kernels.pool", "BLOCK_WORK"),
    ("minibert.kernels.pool", "LEAST_WORK"),
    ("minibert.ops.gelu", "BLOCK"),
    ("minibert.ops.adam", "BLOCK"),
    ("minibert.train.sweep", "PIECE"),
)


def kernel_levels():
    """The levels in order: "" where a level can run here, otherwise the reason why it cannot.

    Those of C are instruction sets; the int8 kernels know some of them, the float32 ones others.

    Examples
    --------
    >>> kernel_levels()["numpy"]
    ''
    """
    levels = {"numpy": "", "numba": F.available("numba")[1]}
    missing = F.available("c")[1]
    if missing:
        return levels | {"c": missing}
    found = {}
    for family in _families():
        found |= {name: reason or "" for name, reason in family.known.items()}
    return levels | {name: found[name] for name in sorted(found, key=_C_ORDER.index)}


_C_ORDER = ["scalar", "neon", "avx2", "avx512", "avx512vnni", "amx"]


@contextmanager
def at_level(level):
    """The kernels at one level: "numpy", "numba", or one of C."""
    with ExitStack() as stack:
        if level in ("numpy", "numba"):
            stack.enter_context(F.use(level))
        else:
            stack.enter_context(F.use("c"))
            for family in _families():
                if level in family.known:
                    stack.enter_context(family.use(level))
        yield


@contextmanager
def small_blocks(size=7):
    """Blocks so small that the little arrays of the table have several."""
    places = [(importlib.import_module(module), name) for module, name in BLOCKS]
    usual = [getattr(module, name) for module, name in places]
    try:
        for module, name in places:
            setattr(module, name, size)
        yield
    finally:
        for (module, name), value in zip(places, usual, strict=True):
            setattr(module, name, value)


def serves(level, case):
    """Whether a level has something of its own for a case."""
    if level == "numpy" or level in case.levels:
        return True
    names = F.OPS.keys() & {case.op, f"{case.op}_forward", f"{case.op}_backward"}
    if level == "numba":
        return bool(names & F.available("numba")[0].keys())
    kernels = F.available("c")[0]
    return any(level in kernels[name].levels.known for name in names & kernels.keys())


def _families():
    """The instruction-set levels of int8, and those of float32."""
    from minibert.kernels import c_int8, c_library

    return c_int8.LEVELS, c_library.FLOAT
