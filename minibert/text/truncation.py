"""Which pieces go when a text, or a pair of texts, is too long.

- ``only_first``, ``only_second``: that text loses its end. For a question and its context one
  keeps the question whole. At least one piece of it must stay.
- ``longest_first``: the longer text loses its last piece, again and again, until both fit.
  In closed form: a text under half of the room stays whole and the other gets the rest; if both
  are over half, each gets half, and an odd place goes to the longer one (to the second if they
  are equally long; the `tokenizers` library does the same).
"""

STRATEGIES = ("longest_first", "only_first", "only_second")


def truncated_lengths(
    first: int, second: int, room: int, strategy: str = "longest_first"
) -> tuple[int, int]:
    """Lengths that two texts are cut to.

    Parameters
    ----------
    first, second : int
        Lengths in pieces; `second` is 0 for a single text.
    room : int
        Pieces that may stay, special tokens not counted.
    strategy : {"longest_first", "only_first", "only_second"}

    Returns
    -------
    (int, int)

    Raises
    ------
    ValueError
        If the text that `strategy` names would lose all its pieces, or more than it has.

    Examples
    --------
    >>> truncated_lengths(3, 20, 10)
    (3, 7)
    >>> truncated_lengths(30, 20, 11)
    (6, 5)
    >>> truncated_lengths(3, 20, 10, "only_second")
    (3, 7)
    """
    if first + second <= room:
        return first, second
    if strategy == "longest_first":
        shorter = min(first, second)
        if shorter > room // 2:
            shorter = room // 2
        longer = room - shorter
        return (longer, shorter) if first > second else (shorter, longer)
    kept = room - (second if strategy == "only_first" else first)
    if kept < 1:
        raise ValueError(
            f"truncation={strategy!r} cannot fit pieces of lengths {first} and {second} into "
            f"{room}: nothing would be left of the text that is cut; use 'longest_first' or a "
            "larger max_length"
        )
    return (kept, second) if strategy == "only_first" else (first, kept)
