"""Names in messages: those there are, and the one that was perhaps meant."""

import difflib
from collections.abc import Iterable


def in_words(names: list[str]) -> str:
    """The names as they stand in a sentence.

    >>> in_words(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def some_names(names: Iterable[str], most: int = 20) -> str:
    """The names for a message, at most so many.

    >>> some_names("abc", most=2)
    "'a', 'b' and 1 more"
    """
    names = [repr(name) for name in names]
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def nearest_name(name: str, names: Iterable[str]) -> str:
    """The end of a message: the one of the names that was perhaps meant, or nothing.

    >>> nearest_name("sentance", ["label", "sentence"]), nearest_name("x", ["label"])
    ("; did you mean 'sentence'?", '')
    """
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
