"""Windows over long texts, as they are cut and as they come out of a call."""

from itertools import pairwise

import numpy as np
import pytest

from minibert.text import SPECIAL_TOKENS, BertTokenizer
from minibert.text.windows import windows

LETTERS = list("abcdefghijklm")


@pytest.fixture
def tok():
    return BertTokenizer([*SPECIAL_TOKENS, *LETTERS])


@pytest.mark.quick
def test_windows_cover_everything_and_share_the_stride():
    for length in range(24):
        for room in range(1, 9):
            for stride in range(room):
                parts = windows(length, room, stride)
                assert parts[0][0] == 0
                assert parts[-1][1] == length
                assert all(0 <= b - a <= room for a, b in parts)
                shared = [e - s for (_, e), (s, _) in pairwise(parts)]
                assert shared == [stride] * len(shared)
                assert all(b - a == room for a, b in parts[:-1])
                # No window is inside the one before it.
                assert all(b[1] > a[1] for a, b in pairwise(parts))


def test_windows_of_texts(tok):
    batch = tok(
        ["a b c d e f g", "", "a b"],
        truncation=True,
        max_length=5,
        stride=1,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    assert tok.batch_decode(batch.input_ids, skip_special_tokens=True) == [
        "a b c",
        "c d e",
        "e f g",
        "",
        "a b",
    ]
    assert batch.overflow_to_sample_mapping.tolist() == [0, 0, 0, 1, 2]
    assert batch.offset_mapping[1].tolist() == [[0, 0], [4, 5], [6, 7], [8, 9], [0, 0]]
    assert batch.word_ids(2) == [None, 4, 5, 6, None]
    assert batch.n_truncated == 0


def test_windows_of_contexts(tok):
    batch = tok(
        [("a b", "c d e f g h i j"), ("a", "b")],
        truncation="only_second",
        max_length=9,
        stride=2,
        return_overflowing_tokens=True,
        return_tensors=None,
    )
    assert tok.batch_decode(batch.input_ids) == [
        "[CLS] a b [SEP] c d e f [SEP]",
        "[CLS] a b [SEP] e f g h [SEP]",
        "[CLS] a b [SEP] g h i j [SEP]",
        "[CLS] a [SEP] b [SEP]",
    ]
    assert batch.overflow_to_sample_mapping == [0, 0, 0, 1]
    assert batch.token_type_ids[0] == [0] * 4 + [1] * 5
    assert batch.sequence_ids(1) == [None, 0, 0, None, 1, 1, 1, 1, None]
    assert [batch.char_to_token(i, 8, 1) for i in range(3)] == [None, 6, 4]


def test_windows_of_first_texts(tok):
    batch = tok(
        "a b c d e", "f", truncation="only_first", max_length=6, return_overflowing_tokens=True
    )
    assert tok.batch_decode(batch.input_ids, skip_special_tokens=True) == ["a b f", "c d f", "e f"]


def test_nothing_to_window(tok):
    batch = tok(["a b", "c"], return_overflowing_tokens=True, stride=1)
    assert batch.overflow_to_sample_mapping.tolist() == [0, 1]
    long = tok("a " * 601, return_overflowing_tokens=True)  # nothing is cut without being asked for
    assert (long.input_ids.shape, long.overflow_to_sample_mapping.tolist()) == ((1, 603), [0])
    assert tok([], return_overflowing_tokens=True).overflow_to_sample_mapping.dtype == np.int64


def test_bad_strides(tok):
    options = {"max_length": 6, "return_overflowing_tokens": True}
    assert len(tok("a b c d e f", stride=3, **options).input_ids) == 3
    with pytest.raises(ValueError, match=r"index 0: stride=4 .* 4 pieces.*stride < 4"):
        tok("a b c d e f", stride=4, **options)
    with pytest.raises(ValueError, match=r"index 1: stride=2 .* 2 pieces"):
        tok([("a", "b c"), ("a", "b c d")], stride=2, truncation="only_second", **options)
    with pytest.raises(ValueError, match=r"no room for a window; .*max_length"):
        tok("a b c d", "e", stride=0, truncation="only_second", **options)
    with pytest.raises(ValueError, match="stride=-1"):
        tok("a", stride=-1, **options)
    with pytest.raises(ValueError, match="return_overflowing_tokens=True"):
        tok("a", stride=1, max_length=6)
    with pytest.raises(ValueError, match="only_first' or 'only_second"):
        tok("a", "b", truncation=True, **options)
