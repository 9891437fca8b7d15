"""The matrices from the student's width to the teacher's."""

import numpy as np

from minibert.distill import init_projections
from minibert.distill.projections import EMBEDDING, FIT_BIAS, FIT_WEIGHT, HIDDEN


def test_shapes_and_types():
    proj = init_projections(5, 7, dtype=np.float64)
    assert {name: p.shape for name, p in proj.items()} == {HIDDEN: (7, 5), EMBEDDING: (7, 5)}
    assert all(p.dtype == np.float64 for p in proj.values())
    assert all(p.dtype == np.float32 for p in init_projections(5, 7).values())


def test_the_seed_decides():
    a, b, c = (init_projections(5, 7, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not any(np.array_equal(a[name], c[name]) for name in a)
    assert not np.array_equal(a[HIDDEN], a[EMBEDDING])


def test_the_variance_stays():
    x = np.random.default_rng(5).standard_normal((500, 101))
    for w in init_projections(101, 307, dtype=np.float64).values():
        assert abs((x @ w.T).std() - 1.0) < 0.05


def test_the_released_code_has_one_with_a_bias():
    proj = init_projections(311, 7, mode="repo", dtype=np.float64)
    assert {name: p.shape for name, p in proj.items()} == {FIT_WEIGHT: (7, 311), FIT_BIAS: (7,)}
    assert abs(proj[FIT_WEIGHT].std() / 0.02 - 1) < 0.1
    assert not proj[FIT_BIAS].any()
    assert all(p.dtype == np.float32 for p in init_projections(5, 7, mode="repo").values())
