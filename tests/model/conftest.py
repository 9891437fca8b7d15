"""The model is tested on the formulas; test_kernels.py compares the other levels with them."""

import pytest

from minibert import kernels as F


@pytest.fixture(autouse=True, scope="module")
def _formulas():
    with F.use("numpy"):
        yield
