"""Masking: how many, which, and what becomes of them."""

import numpy as np
import pytest

from minibert.data import mask_tokens

pytestmark = pytest.mark.quick
V, MASK = 97, 4
SPECIAL = [0, 1, 2, 3, 4]


def batch(B, L, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, V, size=(B, L))
    ids[:, 0] = 2
    for row, n in zip(ids, rng.integers(2, L + 1, size=B), strict=True):
        row[n - 1] = 3
        row[n:] = 0
    return ids


def mask(ids, seed=0, **options):
    rng = np.random.default_rng(seed)
    return mask_tokens(ids, rng, mask_id=MASK, vocab=V, special_ids=SPECIAL, **options)


@pytest.mark.parametrize("rate", [0.15, 0.4, 1.0])
def test_exactly_so_many_in_every_row(rate):
    ids = batch(211, 41)
    labels = mask(ids, rate=rate)[1]
    n = (ids > 4).sum(axis=1)
    wanted = [max(1, round(rate * int(k))) if k else 0 for k in n]
    assert (labels != -100).sum(axis=1).tolist() == wanted
    assert 0 in n


def test_labels_are_the_hidden_ids_and_the_rest_is_left_alone():
    ids = batch(211, 41)
    before = ids.copy()
    masked, labels = mask(ids)
    chosen = labels != -100
    assert np.array_equal(ids, before)
    assert np.array_equal(labels[chosen], ids[chosen])
    assert np.array_equal(masked[~chosen], ids[~chosen])
    assert (ids[chosen] > 4).all()
    assert labels.dtype == np.int64
    assert mask(ids.astype(np.int32))[0].dtype == np.int32


def test_eighty_ten_ten():
    ids = batch(2003, 61)
    masked, labels = mask(ids)
    chosen = labels != -100
    became = masked[chosen]
    kept = became == ids[chosen]
    n = chosen.sum()
    # Four standard deviations; one draw in 92 is the hidden token itself and counts as kept.
    for part, expected in [
        ((became == MASK).mean(), 0.8),
        (kept.mean(), 0.1 + 0.1 / 92),
        (((became != MASK) & ~kept).mean(), 0.1 - 0.1 / 92),
    ]:
        assert abs(part - expected) < 4 * np.sqrt(expected * (1 - expected) / n)
    drawn = became[(became != MASK) & ~kept]
    assert drawn.min() == 5
    assert drawn.max() == V - 1
    assert np.bincount(drawn)[5:].std() < 3 * np.sqrt(len(drawn) / 92)


def test_every_place_is_chosen_equally_often():
    ids = np.tile(np.array([2, *range(10, 20), 3, 0]), (20_000, 1))
    often = (mask(ids)[1] != -100).mean(axis=0)
    assert often[[0, 11, 12]].max() == 0
    assert np.abs(often[1:11] - 0.2).max() < 4 * np.sqrt(0.16 / 20_000)


def test_chance_comes_from_the_generator_alone():
    ids = batch(11, 41)
    first, again, other = mask(ids, 1), mask(ids, 1), mask(ids, 2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_dynamic():
    ids, rng = batch(11, 41), np.random.default_rng(0)
    options = {"mask_id": MASK, "vocab": V, "special_ids": SPECIAL}
    labels = [mask_tokens(ids, rng, **options)[1] for _ in range(2)]
    assert not np.array_equal(*labels)


def test_whole_words():
    continues = np.arange(V) >= 60
    ids = batch(1009, 41)
    labels = mask(ids, continues=continues)[1]
    chosen = labels != -100
    follows = continues[ids] & (ids > 4)
    follows[:, 1:] &= ids[:, :-1] > 4
    assert follows.any()
    assert np.array_equal(chosen[:, 1:][follows[:, 1:]], chosen[:, :-1][follows[:, 1:]])
    wanted = (mask(ids)[1] != -100).sum(axis=1)
    assert (chosen.sum(axis=1) >= wanted).all()
    assert (chosen.sum(axis=1) > wanted).any()
    assert (ids[chosen] > 4).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="rate=15"):
        mask(batch(2, 7), rate=15)
    with pytest.raises(ValueError, match="vocab=3"):
        mask_tokens(batch(2, 7), np.random.default_rng(0), mask_id=2, vocab=3, special_ids=range(5))
