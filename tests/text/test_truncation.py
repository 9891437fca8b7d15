"""Truncation: the closed form against removing one piece at a time."""

import pytest

from minibert.text.truncation import truncated_lengths


def one_at_a_time(first, second, room):
    """Shorten the longer one; of two equals the second, if the first was the longer before."""
    first_was_longer = first > second
    while first + second > room:
        if first > second or (first == second and not first_was_longer):
            first -= 1
        else:
            second -= 1
    return first, second


@pytest.mark.quick
def test_longest_first_is_what_its_name_says():
    for first in range(12):
        for second in range(12):
            for room in range(24):
                cut = truncated_lengths(first, second, room)
                assert cut == one_at_a_time(first, second, room), (first, second, room)


@pytest.mark.quick
def test_one_side():
    assert truncated_lengths(9, 4, 6, "only_first") == (2, 4)
    assert truncated_lengths(9, 4, 10, "only_second") == (9, 1)
    assert truncated_lengths(9, 4, 13, "only_second") == (9, 4)
    for room in (8, 9):
        with pytest.raises(ValueError, match=f"9 and 4 into {room}"):
            truncated_lengths(9, 4, room, "only_second")
    with pytest.raises(ValueError, match="9 and 0 into 0"):
        truncated_lengths(9, 0, 0, "only_first")
