"""Which implementations the op tests ran on; a skip here is the reason why not on all."""

import pytest

from minibert import kernels, ops

from .conftest import LEVELS, _has

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("level", [level for level in LEVELS if level != "numpy"])
def test_a_level_is_there_and_has_kernels_of_its_own(level):
    functions, reason = kernels.available(level)
    if reason:
        pytest.skip(f"the op tests did not run on {level}: {reason}")
    assert functions.keys() <= set(dir(ops)), "a kernel has the name of its formula"
    assert any(_has(level, name) for name in functions)
