"""Which kernels this machine has, and which of them serve a formula."""

import importlib
from contextlib import ExitStack, contextmanager

from minibert import kernels as F

# Everything that goes through large arrays a block at a time, and what it takes for a block.
BLOCKS = (
    ("minibert.kernels.pool", "BLOCK_WORK"),
    ("minibert.kernels.pool", "LEAST_WORK"),
    ("minibert.ops.gelu", "BLOCK"),
    ("minibert.train.clipping", "BLOCK"),
    ("minibert.train.moments", "BLOCK"),
)


def kernel_levels():
    """The levels in order: "" where a level can run here, otherwise the reason why it cannot.

    Examples
    --------
    >>> kernel_levels()["numpy"]
    ''
    """
    levels = {"numpy": "", "numba": F.available("numba")[1]}
    missing = F.available("c")[1]
    if missing:
        return levels | {"c": missing}
    from minibert.kernels import c_int8

    return levels | {name: reason or "" for name, reason in c_int8.levels().items()}


@contextmanager
def at_level(level):
    """The kernels at one level: "numpy", "numba", or one of C."""
    with ExitStack() as stack:
        if level in ("numpy", "numba"):
            stack.enter_context(F.use(level))
        else:
            from minibert.kernels import c_int8

            stack.enter_context(F.use("numpy"))
            stack.enter_context(F.swap(**{name: getattr(c_int8, name) for name in _c_functions()}))
            stack.enter_context(c_int8.use_level(level))
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


def _c_functions():
    """The ops that the C extension has; on every level of it."""
    from minibert.kernels import c_int8

    return [name for name in F.OPS if name in vars(c_int8)]


def serves(level, case):
    """Whether a level has something of its own for a case."""
    if level == "numpy" or level in case.levels:
        return True
    names = F.OPS.keys() & {case.op, f"{case.op}_forward", f"{case.op}_backward"}
    if level == "numba":
        return bool(names & F.available("numba")[0].keys())
    return bool(names.intersection(_c_functions()))
