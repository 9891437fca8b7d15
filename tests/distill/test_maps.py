"""Layer maps, as FORMULAS of the paper and of the released code have them."""

import pytest

from minibert import distill
from minibert.check import spec
from minibert.distill import bottom_map, top_map, uniform_map

TABLE = [
    (uniform_map, 4, 12, (3, 6, 9, 12)),
    (uniform_map, 6, 12, (2, 4, 6, 8, 10, 12)),
    (uniform_map, 5, 12, (2, 4, 7, 9, 12)),  # floor(m N / M); the released code refuses this
    (uniform_map, 2, 3, (1, 3)),
    (uniform_map, 1, 12, (12,)),
    (top_map, 4, 12, (9, 10, 11, 12)),
    (top_map, 1, 3, (3,)),
    (bottom_map, 4, 12, (1, 2, 3, 4)),
]
MAPS = pytest.mark.parametrize("layer_map", [uniform_map, top_map, bottom_map])


@pytest.mark.quick
@pytest.mark.parametrize(("layer_map", "M", "N", "expected"), TABLE)
def test_table(layer_map, M, N, expected):
    assert layer_map(M, N) == expected


@MAPS
@pytest.mark.parametrize("N", [1, 2, 3, 7, 12])
def test_every_map_rises_within_the_teacher(layer_map, N):
    for M in range(1, N + 1):
        g = layer_map(M, N)
        assert len(g) == M
        assert list(g) == sorted(set(g))
        assert g[0] >= 1
        assert g[-1] <= N


@MAPS
def test_as_deep_as_the_teacher(layer_map):
    assert layer_map(5, 5) == (1, 2, 3, 4, 5)


@MAPS
@pytest.mark.parametrize(("M", "N"), [(0, 4), (5, 4), (-1, 4), (1, 0)])
def test_errors(layer_map, M, N):
    with pytest.raises(ValueError, match=f"{M} layers cannot learn from a teacher of {N}"):
        layer_map(M, N)


def test_the_released_code_refuses_what_does_not_divide():
    assert uniform_map(4, 12, mode="repo") == uniform_map(4, 12)
    with pytest.raises(ValueError, match=r'5 layers does not divide a teacher of 12.*"paper"'):
        uniform_map(5, 12, mode="repo")


@pytest.mark.parametrize("layer_map", ["uniform_map", "top_map", "bottom_map"])
def test_loops(layer_map):
    for N in range(1, 14):
        for M in range(1, N + 1):
            assert getattr(distill, layer_map)(M, N) == getattr(spec, layer_map)(M, N)
