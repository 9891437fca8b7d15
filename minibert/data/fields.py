"""What a field of a record must be: a text, the name of a class, a number."""

import json
import math


def read_text(value) -> str:
    """A string with more than white space in it."""
    if not isinstance(value, str):
        raise ValueError(f"is {_short(value)}; it must be a string")
    if not value.strip():
        raise ValueError("is empty")
    return value


def read_class(value) -> str:
    """A string; JSON's whole numbers and booleans as JSON writes them.

    >>> read_class("good"), read_class(3), read_class(True)
    ('good', '3', 'true')
    """
    if isinstance(value, int):  # a boolean too
        return json.dumps(value)
    if isinstance(value, float):
        raise ValueError(
            f"is {_short(value)}; a class is a string, a whole number or a boolean; where labels "
            "are numbers to be predicted, say so (numbers=True)"
        )
    return read_text(value)


def read_number(value) -> float:
    """A finite number, or a string that spells one.

    >>> read_number("2.5"), read_number(3)
    (2.5, 3.0)
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"is {_short(value)}; it must be a finite number")
    return number


def _short(value) -> str:
    """The beginning of a value as JSON writes it."""
    return json.dumps(value, ensure_ascii=False)[:40]
