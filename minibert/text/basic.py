r"""Basic tokenization: text to words, before any vocabulary is looked at.

Five steps, in this order (Devlin et al. 2018; the multilingual and Chinese models added (2)):

1. clean: drop control characters, turn every kind of white space into a plain space;
2. put spaces around CJK ideographs, so that each becomes a word of its own;
3. strip accents: canonical decomposition (NFD), then drop the marks ("é" -> "e" + mark -> "e");
4. lower-case;
5. put spaces around punctuation. The words are what stands between spaces.

All but NFD look at one character alone, so each step is a table from a character to its
replacement, filled in as characters turn up, and ``str.translate`` applies it at C speed.

Lower-casing goes character by character: a capital sigma becomes "σ" even at the end of a word,
where ``str.lower`` would write "ς". The `tokenizers` library does the same.
"""

import unicodedata
from collections.abc import Callable

from minibert.text.characters import is_accent, is_cjk, is_control, is_punctuation, is_space


class _Table(dict):
    """A translation table for ``str.translate`` that asks `rule` once for each new character."""

    def __init__(self, rule: Callable[[str], str]):
        self.rule = rule

    def __missing__(self, code: int) -> str:
        replacement = self[code] = self.rule(chr(code))
        return replacement


_CLEAN = _Table(lambda c: "" if is_control(c) else " " if is_space(c) else c)
_SPACE_CJK = _Table(lambda c: f" {c} " if is_cjk(c) else c)
_NO_ACCENT = _Table(lambda c: "" if is_accent(c) else c)
_LOWER = _Table(str.lower)
_SPACE_PUNCTUATION = _Table(lambda c: f" {c} " if is_punctuation(c) else c)


def drop_accents(text: str) -> str:
    """Decompose `text` (NFD) and drop the accents. Hangul syllables come apart into letters.

    >>> drop_accents("Crème brûlée")
    'Creme brulee'
    """
    return unicodedata.normalize("NFD", text).translate(_NO_ACCENT)


def normalize(
    text: str,
    *,
    do_lower_case: bool = True,
    strip_accents: bool | None = None,
    tokenize_chinese_chars: bool = True,
) -> str:
    r"""Steps 1 to 4: the text as the vocabulary spells it, words not yet separated.

    Parameters
    ----------
    text : str
    do_lower_case : bool
        Step 4. False for the "cased" models.
    strip_accents : bool, optional
        Step 3. None means: if lower-casing.
    tokenize_chinese_chars : bool
        Step 2.

    Returns
    -------
    str

    Examples
    --------
    >>> normalize("Ça\tva\x00 北京")
    'ca va  北  京 '
    """
    text = text.translate(_CLEAN)  # (1)
    if tokenize_chinese_chars:
        text = text.translate(_SPACE_CJK)  # (2)
    if do_lower_case if strip_accents is None else strip_accents:
        text = drop_accents(text)  # (3)
    return text.translate(_LOWER) if do_lower_case else text  # (4)


def basic_tokenize(text: str, **rules) -> list[str]:
    """Split `text` into words and single punctuation marks.

    Parameters
    ----------
    text : str
    **rules
        `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`, as for `normalize`.

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
    return normalize(text, **rules).translate(_SPACE_PUNCTUATION).split()  # (5)
