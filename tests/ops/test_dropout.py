"""Dropout: the hash, its statistics, and what a mask depends on."""

import pickle

import numpy as np
import pytest

from minibert.check import assert_close, spec
from minibert.ops import Drop, keep_mask

pytestmark = pytest.mark.quick
OPS = ("dropout",)
N = 200_000


def _correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_the_share_of_kept_elements_is_right(rate):
    share = keep_mask((N,), Drop(rate, seed=1)).mean()
    assert abs(share - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / N)


def test_one_place_always_has_the_same_mask():
    drop = Drop(0.3, seed=1, step=2, site=3)
    assert np.array_equal(keep_mask((7, 11), drop), keep_mask((7, 11), Drop(0.3, 1, 2, 3)))
    assert np.array_equal(keep_mask((77,), drop).reshape(7, 11), keep_mask((7, 11), drop))


def test_a_longer_array_begins_with_the_shorter_ones_mask():
    drop = Drop(0.3, seed=1)
    assert np.array_equal(keep_mask((1000,), drop)[:77], keep_mask((77,), drop))


@pytest.mark.parametrize(
    "other",
    [Drop(0.5, 2, 3, 4), Drop(0.5, 1, 4, 4), Drop(0.5, 1, 3, 5), Drop(0.5, 3, 1, 4)],
    ids=str,
)
def test_masks_of_other_seeds_steps_and_sites_are_independent(other):
    a, b = (keep_mask((N,), drop).astype(float) for drop in (Drop(0.5, 1, 3, 4), other))
    for shift in (0, 1, 2, 16, 64):  # a hash that only moves its counter shows up in a shift
        assert abs(_correlation(a[shift:], b[: N - shift])) < 5 / np.sqrt(N), f"shift {shift}"
        assert abs(_correlation(b[shift:], a[: N - shift])) < 5 / np.sqrt(N), f"shift -{shift}"


def test_neighbours_within_a_mask_are_independent():
    a = keep_mask((N,), Drop(0.5, seed=9)).astype(float)
    for shift in (1, 2, 3, 4, 8, 16, 32, 64, 128, 312, 768, 1024):
        assert abs(_correlation(a[shift:], a[:-shift])) < 5 / np.sqrt(N), f"shift {shift}"


def test_the_hash_is_the_loop_form():
    for drop in (Drop(0.3, 1, 2, 3), Drop(0.1), Drop(0.7, seed=2**63, step=10**6, site=99)):
        assert np.array_equal(
            keep_mask((1000,), drop), spec.keep_mask(1000, drop.rate, *drop.hash_keys())
        )


def test_the_keys_come_from_splitmix64():
    """One round of zeros is the generator's published first output for seed 0."""
    first = 0xE220A8397B1DCDAF

    def mix(state):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ state >> shift) * factor % 2**64
        return state ^ state >> 31

    assert mix(0) == first
    state = mix(mix(mix(5) ^ 6) ^ 7)
    assert Drop(0.1, seed=5, step=6, site=7).hash_keys() == (state >> 32, state % 2**32)


def test_at_gives_another_site_of_the_same_step():
    drop = Drop(0.1, seed=5, step=6)
    assert drop.at(7) == Drop(0.1, 5, 6, 7)
    assert drop.at(7, rate=0.4) == Drop(0.4, 5, 6, 7)


def test_a_part_of_an_array_has_its_part_of_the_mask():
    drop = Drop(0.3, seed=1, step=2, site=3)
    whole = keep_mask((100,), drop)
    assert np.array_equal(keep_mask((5, 7), drop.part(40, (5, 7))), whole[40:75].reshape(5, 7))
    assert np.array_equal(keep_mask((4,), drop.part(40, (5, 7)).part(3, (4,))), whole[43:47])
    assert drop.part(40, (5, 7)) == Drop(0.3, 1, 2, 3, first=40)
    given = drop._replace(masks={3: ~whole, 4: whole})
    assert np.array_equal(keep_mask((5, 7), given.part(40, (5, 7))), ~whole[40:75].reshape(5, 7))


def test_numbers_end_at_2_to_the_32():
    last = Drop(0.5, first=2**32 - 3)
    assert keep_mask((3,), last).shape == (3,)
    with pytest.raises(ValueError, match=r"4294967297 elements; the hash counts to 2\^32"):
        keep_mask((4,), last)


def test_a_drop_of_before_first_is_unpickled():
    drop = Drop(0.3, 1, 2, 3)
    assert pickle.loads(pickle.dumps(drop)) == drop == Drop(*tuple(drop)[:5])


def test_the_first_number_reaches_the_mask(impl):
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    drop = Drop(0.5, seed=3, first=9)
    y, cache = impl("dropout")[0](x, drop)
    keep = keep_mask((44,), drop._replace(first=0))[9:].reshape(5, 7)
    assert np.array_equal(y, np.where(keep, 2 * x, 0))
    assert np.array_equal(impl("dropout")[1](x, cache), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kept_are_scaled_and_the_rest_is_zero(impl, dtype):
    x = np.random.default_rng(0).standard_normal((5, 7, 11)).astype(dtype)
    drop = Drop(0.25, seed=3)
    forward, backward = impl("dropout")
    y, cache = forward(x, drop)
    keep = keep_mask(x.shape, drop)
    assert 0 < keep.sum() < keep.size
    assert_close(y, np.where(keep, x / 0.75, 0), rtol=1e-6 if dtype == np.float32 else 1e-15)
    assert_close(backward(x, cache), y, rtol=1e-15, name="the backward is the same map")


def test_evaluation_and_a_rate_of_zero_change_nothing(impl):
    x = np.random.default_rng(0).standard_normal((5, 7))
    forward, backward = impl("dropout")
    for drop in (None, Drop(0.0)):
        y, cache = forward(x, drop)
        assert np.array_equal(y, x)
        assert np.array_equal(backward(x, cache), x)


def test_explicit_masks_take_the_place_of_the_hash(impl):
    x = np.random.default_rng(0).standard_normal((3, 5))
    masks = {2: x > 0, 4: x > 1}
    forward, backward = impl("dropout")
    for site, mask in masks.items():
        y, cache = forward(x, Drop(0.5, masks=masks).at(site))
        assert np.array_equal(y, np.where(mask, 2 * x, 0))
        assert np.array_equal(backward(np.ones_like(x), cache), 2.0 * mask)
