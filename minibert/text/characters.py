"""What BERT takes a character to be: control, space, CJK ideograph or punctuation.

Every rule looks at one character alone, by its Unicode general category (``unicodedata.category``:
"Cc" control, "Cf" format, "Zs" space, "Mn" accent, "P?" punctuation) or by its place in the code
table. Source: Devlin et al. 2018, "BERT", and the rules its released vocabularies were made with.

Which characters belong to a category depends on the Unicode version of the Python that runs
(14.0 in 3.11, 15.0 in 3.12, 15.1 in 3.13); characters older than that never change in practice.
"""

import unicodedata

CJK_RANGES = (
    (0x3400, 0x4DBF),  # extension A
    (0x4E00, 0x9FFF),  # unified ideographs: nearly all of everyday Chinese
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0x20000, 0x2A6DF),  # extension B
    (0x2A700, 0x2CEAF),  # extensions C, D, E
    (0x2F800, 0x2FA1F),  # compatibility supplement
)


def is_space(char: str) -> bool:
    r"""Tell whether `char` separates words: tab, line ends and the Unicode separators.

    >>> [is_space(c) for c in (" ", "\t", "\u3000", "\u200b", "_")]
    [True, True, True, False, False]
    """
    return char in "\t\n\r" or unicodedata.category(char) in ("Zs", "Zl", "Zp")


def is_control(char: str) -> bool:
    r"""Tell whether `char` is dropped: control, format, private use, lone surrogate, U+FFFD.

    Unassigned code points stay: a newer Unicode may have made them letters.

    >>> [is_control(c) for c in ("\x00", "\u200b", "\ufffd", "\n", "a")]
    [True, True, True, False, False]
    """
    if char in "\t\n\r":
        return False
    return char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs")


def is_cjk(char: str) -> bool:
    """Tell whether `char` is a CJK ideograph. Kana and Hangul are not: they are spelled in words.

    >>> [is_cjk(c) for c in "天あ한a"]
    [True, False, False, False]
    """
    code = ord(char)
    return code >= 0x3400 and any(first <= code <= last for first, last in CJK_RANGES)


def is_accent(char: str) -> bool:
    r"""Tell whether `char` is a mark that takes no space of its own (category "Mn").

    >>> is_accent("\u0301"), is_accent("e")
    (True, False)
    """
    return unicodedata.category(char) == "Mn"


def is_punctuation(char: str) -> bool:
    """Tell whether `char` stands alone: Unicode punctuation, and every ASCII symbol.

    ASCII's ``$ + < = > ^ ` | ~`` are symbols to Unicode; BERT splits them off all the same.

    >>> [is_punctuation(c) for c in "!。$€a"]
    [True, True, True, False, False]
    """
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char).startswith("P")
