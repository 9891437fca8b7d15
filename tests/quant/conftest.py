"""These tests run on the formulas; the kernels are held against them elsewhere."""

import pytest

from minibert import kernels as F


@pytest.fixture(autouse=True, scope="module")
def _formulas():
    with F.use("numpy"):
        yield
