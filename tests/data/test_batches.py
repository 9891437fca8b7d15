"""Batches: every text once, little padding, the same plan from the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.data import in_input_order, iterate_batches, pad_batch, shuffled_plan, sorted_plan

pytestmark = pytest.mark.quick
LENGTHS = np.random.default_rng(3).integers(3, 60, size=1013)


def rows_of(plan):
    return [rows.tolist() for rows in plan]


@settings(deadline=None)
@given(
    st.lists(st.integers(2, 9), max_size=40),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_every_text_once(lengths, batch_size, pool, seed):
    for plan in (
        shuffled_plan(lengths, batch_size, seed=seed, epoch=1, pool=pool),
        sorted_plan(lengths, batch_size),
    ):
        assert sorted(i for rows in plan for i in rows.tolist()) == list(range(len(lengths)))
        assert sum(len(rows) != batch_size for rows in plan) <= 1
        assert all(len(rows) for rows in plan)


def test_plan_is_a_function_of_seed_and_epoch():
    plans = {
        (seed, epoch): rows_of(shuffled_plan(LENGTHS, 32, seed=seed, epoch=epoch))
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    again = rows_of(shuffled_plan(list(LENGTHS), 32, seed=1, epoch=0))
    assert again == plans[1, 0]
    assert all(again != plan for key, plan in plans.items() if key != (1, 0))


def test_little_is_padded():
    def padded(plan):
        return sum(int(LENGTHS[rows].max()) * len(rows) for rows in plan) / LENGTHS.sum() - 1

    bucketed = padded(shuffled_plan(LENGTHS, 16, seed=0, epoch=0))
    assert bucketed < 0.05
    assert padded(sorted_plan(LENGTHS, 16)) < 0.05
    assert padded(shuffled_plan(LENGTHS, 16, seed=0, epoch=0, pool=1)) > 10 * bucketed


def test_batches_do_not_come_in_order_of_length():
    plan = shuffled_plan(LENGTHS, 16, seed=0, epoch=0)
    means = np.array([LENGTHS[rows].mean() for rows in plan])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_other_texts_meet_in_the_next_epoch():
    def neighbours(epoch):
        plan = shuffled_plan(LENGTHS, 16, seed=0, epoch=epoch)
        return {(i, j) for rows in plan for i in rows for j in rows if i < j}

    first, second = neighbours(0), neighbours(1)
    assert len(first & second) < 0.3 * len(first)


def test_predictions_come_back_in_order():
    plan = sorted_plan(LENGTHS, 64)
    assert LENGTHS[plan[0][0]] == LENGTHS.max()
    outputs = [np.stack([LENGTHS[rows], rows], axis=1) for rows in plan]
    ordered = in_input_order(outputs, plan)
    assert np.array_equal(ordered, np.stack([LENGTHS, np.arange(1013)], axis=1))
    with pytest.raises(ValueError, match="16 batches"):
        in_input_order(outputs[:3], plan)


def test_padding():
    batch = pad_batch([[2, 5, 3], [2, 3], [2, 6, 7, 8, 3]], [[0] * 3, [0, 1], [0, 0, 1, 1, 1]], 9)
    assert batch["input_ids"].tolist() == [[2, 5, 3, 9, 9], [2, 3, 9, 9, 9], [2, 6, 7, 8, 3]]
    assert batch["token_type_ids"].tolist() == [[0] * 5, [0, 1, 0, 0, 0], [0, 0, 1, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1] * 5]
    assert all(array.dtype == np.int64 for array in batch.values())
    assert pad_batch([])["input_ids"].shape == (0, 0)


def test_batches_hold_the_rows_of_the_plan():
    ids = [[2, *range(10, 10 + n), 3] for n in (4, 1, 0, 2, 3)]
    logits = np.arange(10.0, dtype=np.float32).reshape(5, 2)
    plan = [np.array([3, 0]), np.array([2])]
    batches = list(iterate_batches(plan, ids, logits))
    assert batches[0]["input_ids"].tolist() == [[2, 10, 11, 3, 0, 0], [2, 10, 11, 12, 13, 3]]
    assert batches[0]["labels"].tolist() == [[6, 7], [0, 1]]
    assert batches[1]["labels"].dtype == np.float32
    assert batches[1]["input_ids"].tolist() == [[2, 3]]
    assert "labels" not in next(iterate_batches(plan, ids))
    segments = [[1] * len(row) for row in ids]
    assert next(iterate_batches(plan, ids, None, segments))["token_type_ids"].sum() == 10


def test_bad_arguments():
    with pytest.raises(ValueError, match="batch_size=0"):
        shuffled_plan(LENGTHS, 0, seed=0, epoch=0)
    with pytest.raises(ValueError, match="2 labels for 3 texts"):
        next(iterate_batches([np.array([0])], [[1], [2], [3]], [0, 1]))
