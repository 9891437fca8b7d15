"""What the kernel tests share: a level, small blocks of rows, a number of threads."""

import pytest

from minibert import kernels
from minibert.kernels import pool


@pytest.fixture
def numba():
    """The ops with Numba's kernels in the table; a skip with the reason where there are none."""
    reason = kernels.available("numba")[1]
    if reason:
        pytest.skip(reason)
    with kernels.use("numba"):
        yield kernels


@pytest.fixture(params=["numba", "c-scalar", "c-avx2", "c-avx512", "c-amx"])
def engine(request):
    """The ops with the float32 kernels of Numba, or of C at a level; a skip with the reason."""
    provider, _, level = request.param.partition("-")
    reason = kernels.available(provider)[1]
    if reason:
        pytest.skip(reason)
    if provider == "numba":
        with kernels.use("numba"):
            yield kernels
        return
    from minibert.kernels.c_library import FLOAT

    if FLOAT.known[level]:
        pytest.skip(f"{level}: {FLOAT.known[level]}")
    with kernels.use("c"), FLOAT.use(level):
        yield kernels


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 16 rows, or of one head, so that small arrays already have many of them."""
    monkeypatch.setattr(pool, "BLOCK_WORK", 1000)
    monkeypatch.setattr(pool, "LEAST_WORK", 1000)


@pytest.fixture
def set_threads():
    """`pool.set_threads`, put back at the end."""
    yield pool.set_threads
    pool.set_threads(None)
