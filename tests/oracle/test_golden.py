"""The golden files are what their references compute, here and now."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from minibert.check import assert_close
from minibert.check.cases import CASES, FORMULAS
from minibert.check.cases.plain import plain_inputs
from minibert.check.references import golden, golden_names

from .harness import REFERENCES, golden_arrays, load_references

pytestmark = pytest.mark.oracle
load_references()


def test_every_case_has_a_reference_and_the_other_way_round():
    assert {case.op for case in CASES} == REFERENCES.keys()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_regenerated(case):
    stored = golden(str(case))
    assert stored.source == REFERENCES[case.op].named(case.mode)
    assert stored.plain == plain_inputs(case)
    made = golden_arrays(case)
    assert made.keys() == stored.arrays.keys()
    for name, array in made.items():
        kept = stored.arrays[name]
        assert (array.dtype, array.shape) == (kept.dtype, kept.shape), name
        exact = array.dtype != np.float64
        # The reference's own rounding depends on the machine: its BLAS sums in another order.
        floor = 1e-3 * np.linalg.norm(_largest(made, name))
        assert_close(kept, array, name=name, rtol=0 if exact else 1e-12, floor=max(floor, 1e-300))


def _largest(arrays, name):
    """Among arrays of this kind the one with the largest norm: some gradients are zero in truth."""
    kind = name.split(".")[0]
    return max((a for n, a in arrays.items() if n.startswith(kind) and a.dtype == np.float64),
               key=np.linalg.norm, default=np.zeros(1))


def test_no_file_is_left_over():
    assert set(golden_names()) == set(map(str, CASES))


def test_ids_are_different():
    ids = [formula.id for formula in FORMULAS]
    assert len(set(ids)) == len(ids)
