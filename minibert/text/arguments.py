"""Check what a tokenizer is called with, and bring it into one form."""

from collections.abc import Iterable
from numbers import Integral

from minibert.text.vocabulary import SPECIAL_TOKENS


def choice(name: str, value, default: str, choices: tuple[str, ...]) -> str | None:
    """What an option means that may be True (the default), False or None (nothing), or a word."""
    if value is True:
        return default
    if value is False or value is None or value in ("do_not_pad", "do_not_truncate"):
        return None
    if value not in choices:
        raise ValueError(f"{name}={value!r}; use True, False, {', '.join(map(repr, choices))}")
    return value


def check_whole(name: str, value, least: int = 1) -> None:
    """Refuse what is no whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r:.40}; give a whole number, at least {least}")


def checked_rules(rules: dict) -> dict[str, bool | None]:
    """The rules of tokenization, each True, False or None; None says something of accents only."""
    for name, value in rules.items():
        if not isinstance(value, bool | None):
            raise ValueError(f"{name}={value!r:.40}; give True, False or None")
    accents = rules["strip_accents"]
    return {name: bool(value) for name, value in rules.items()} | {"strip_accents": accents}


def added_lists(added, special, normalized) -> dict[str, list[str]]:
    """The lists of added tokens by the names of the arguments; the later are within the first."""
    given = {
        "added_tokens": added,
        "additional_special_tokens": special,
        "normalized_tokens": normalized,
    }
    for name, tokens in given.items():
        if isinstance(tokens, str) or not isinstance(tokens, Iterable):
            raise TypeError(f"{name}={tokens!r:.40}; give a list of tokens")
        given[name] = list(tokens)
        for token in given[name]:
            if not isinstance(token, str) or not token:
                raise TypeError(f"{name} holds {token!r:.40}; a token is a string, not empty")
            if token not in (*given["added_tokens"], *SPECIAL_TOKENS):
                raise ValueError(f"{name} holds {token!r:.40}, which is not in added_tokens")
    return given


def check_length(max_length: int, stride: int, return_overflowing_tokens: bool) -> None:
    """Refuse a length, or a `stride`, that is no number, and a `stride` without windows."""
    check_whole("max_length", max_length)
    check_whole("stride", stride, 0)
    if stride and not return_overflowing_tokens:
        raise ValueError(
            f"stride={stride} is for windows; ask for them: return_overflowing_tokens=True"
        )


def check_one(text, is_split_into_words: bool = False) -> None:
    """Refuse a batch where one text is wanted."""
    is_text, wanted = _form(is_split_into_words)
    if not is_text(text):
        raise TypeError(f"text is {text!r:.80}; give {wanted}; for several texts call tok(texts)")


def pairs(text, text_pair, is_split_into_words: bool = False) -> list[tuple]:
    """The batch as (text, second text or None), every entry checked.

    A text is a string, or, with `is_split_into_words`, a list of words.
    """
    is_text, wanted = _form(is_split_into_words)
    if is_text(text):
        if text_pair is not None and not is_text(text_pair):
            raise TypeError(f"text is {wanted}, so text_pair must be one, not {text_pair!r:.80}")
        return [(text, text_pair)]
    if not isinstance(text, (list, tuple)):
        raise TypeError(
            f"text is a {type(text).__name__}; give {wanted}, or a list of such, or of pairs"
            + (" (is_split_into_words=True)" if is_split_into_words else "")
        )
    if text_pair is None:
        return [_checked(item, i, is_text, wanted) for i, item in enumerate(text)]
    if not isinstance(text_pair, (list, tuple)) or len(text_pair) != len(text):
        raise ValueError(f"text_pair must be a list of {len(text)} texts, one for each text")
    both = zip(text, text_pair, strict=True)
    return [_checked(item, i, is_text, wanted) for i, item in enumerate(both)]


def _checked(item, index: int, is_text, wanted: str) -> tuple:
    """One entry of a batch: a text, or a pair of texts."""
    if is_text(item):
        return item, None
    if isinstance(item, (tuple, list)) and len(item) == 2 and all(map(is_text, item)):
        return tuple(item)
    raise TypeError(
        f"the text at index {index} is {item!r:.80} ({type(item).__name__}); "
        f"every text must be {wanted}, or a pair of such"
    )


def _form(is_split_into_words: bool):
    """What tells a text, and what to call it."""
    return (_is_words, "a list of words") if is_split_into_words else (_is_str, "a string")


def _is_str(value) -> bool:
    return isinstance(value, str)


def _is_words(value) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)
