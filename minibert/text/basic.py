r"""Basic tokenization: text to words, before any vocabulary is looked at.

Five steps, in this order (Devlin et al. 2018; the multilingual and Chinese models added (2)):

1. clean: drop control characters, turn every kind of white space into a plain space;
2. put spaces around CJK ideographs, so that each becomes a word of its own;
3. strip accents: canonical decomposition (NFD), then drop the marks ("é" -> "e" + mark -> "e");
4. lower-case;
5. put spaces around punctuation. The words are what stands between spaces.

Each step looks at one character alone, so all five together are a table from a character to what
becomes of it ("é" -> "e", "\x00" -> "", "天" -> " 天 "). The table is filled in as characters turn
up, and ``str.translate`` applies it at C speed.

One thing NFD does that no table can: several marks on one letter are brought into a fixed order.
Nearly all marks are dropped as accents; the few that are not are sorted afterwards.

Lower-casing goes character by character: a capital sigma becomes "σ" even at the end of a word,
where ``str.lower`` would write "ς". The `tokenizers` library does the same.
"""

import unicodedata
from functools import cache

from minibert.text.characters import is_accent, is_cjk, is_control, is_punctuation, is_space


def replacement(
    char: str,
    *,
    do_lower_case: bool = True,
    strip_accents: bool | None = None,
    tokenize_chinese_chars: bool = True,
) -> str:
    r"""What becomes of one character in the five steps.

    Parameters
    ----------
    char : str
        One character.
    do_lower_case : bool
        Step 4. False for the "cased" models.
    strip_accents : bool, optional
        Step 3. None means: if lower-casing.
    tokenize_chinese_chars : bool
        Step 2.

    Returns
    -------
    str
        Empty, one character or several.

    Examples
    --------
    >>> [replacement(c) for c in "É\t\x00天!"]
    ['e', ' ', '', ' 天 ', ' ! ']
    """
    if is_control(char):  # (1)
        return ""
    if is_space(char):
        return " "
    alone = tokenize_chinese_chars and is_cjk(char)  # (2)
    if _strips(do_lower_case, strip_accents):  # (3)
        char = "".join(c for c in unicodedata.normalize("NFD", char) if not is_accent(c))
    if do_lower_case:  # (4)
        char = "".join(c.lower() for c in char)
    char = "".join(f" {c} " if is_punctuation(c) else c for c in char)  # (5)
    return f" {char} " if alone else char


class CharTable(dict):
    """Replacements by code point, for ``str.translate``; each is worked out when first needed.

    `marks` tells whether any of them so far holds a mark, so that there can be some to sort.
    """

    def __init__(self, rules: dict):
        self.rules, self.marks = rules, False
        self.strips = _strips(rules.get("do_lower_case", True), rules.get("strip_accents"))

    def __missing__(self, code: int) -> str:
        new = replacement(chr(code), **self.rules)
        if any(map(unicodedata.combining, new)):
            self.marks = True
        self[code] = new
        return new


@cache
def char_table(**rules) -> CharTable:
    """The table for a combination of rules, which are those of `replacement`."""
    return CharTable(rules)


def spaced_words(text: str, **rules) -> str:
    """The words of `text` with white space between them; `rules` as for `basic_tokenize`.

    >>> spaced_words("Café-day!").split(" ")
    ['cafe', '-', 'day', '!', '']
    """
    table = char_table(**rules)
    spaced = text.translate(table)
    if table.strips and table.marks and not unicodedata.is_normalized("NFD", spaced):
        return _sort_marks(spaced)
    return spaced


def basic_tokenize(text: str, **rules) -> list[str]:
    """Split `text` into words and single punctuation marks.

    Parameters
    ----------
    text : str
    **rules
        `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`, as for `replacement`.

    Returns
    -------
    list of str
        Never holds an empty word.

    Examples
    --------
    >>> basic_tokenize("Don't panic: 今天 is Café-day!")
    ['don', "'", 't', 'panic', ':', '今', '天', 'is', 'cafe', '-', 'day', '!']
    >>> basic_tokenize("Café", do_lower_case=False)
    ['Café']
    """
    return spaced_words(text, **rules).split()


def _strips(do_lower_case: bool, strip_accents: bool | None) -> bool:
    """Whether accents are stripped."""
    return do_lower_case if strip_accents is None else strip_accents


def _sort_marks(text: str) -> str:
    """Bring the marks behind each letter into the order of their combining classes."""
    letter, keys = 0, []
    for char in text:
        order = unicodedata.combining(char)  # 0: a letter, or anything else that is no such mark
        letter += order == 0
        keys.append((letter, order))
    places = sorted(range(len(text)), key=keys.__getitem__)
    return "".join(text[i] for i in places)
