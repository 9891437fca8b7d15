"""Doc stride: a text longer than the model, read through windows that overlap.

A question is asked of a context of 2,000 pieces, and the model takes 512. Cut into parts, an
answer that stands at a cut would be in neither; windows that overlap by `stride` pieces hold every
answer up to that length whole in at least one of them.
"""


def windows(length: int, room: int, stride: int) -> list[tuple[int, int]]:
    """Cover `length` pieces with windows of at most `room`, each two sharing `stride`.

    Parameters
    ----------
    length, room, stride : int
        In pieces. `stride` is what neighbours share, not how far one is from the next: so the
        word is used in Hugging Face's libraries.

    Returns
    -------
    list of (int, int)
        First and last + 1 piece of each window. One window, if all fits; the last may be short.

    Raises
    ------
    ValueError
        If there is no room, or windows that share so much would never come to the end.

    Examples
    --------
    >>> windows(10, 5, 2)
    [(0, 5), (3, 8), (6, 10)]
    >>> windows(5, 5, 2)
    [(0, 5)]
    """
    if length <= room:
        return [(0, length)]
    if room <= 0:
        raise ValueError(
            "the other text and the special tokens leave no room for a window; "
            "use a larger max_length"
        )
    if stride >= room:
        raise ValueError(
            f"stride={stride} does not fit windows of {room} pieces: each would begin where the "
            f"one before begins, or earlier; use stride < {room}, or a larger max_length"
        )
    starts = range(0, length - stride, room - stride)  # up to the one that reaches the end
    return [(start, min(start + room, length)) for start in starts]
