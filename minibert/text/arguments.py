"""Check what a tokenizer is called with, and bring it into one form."""


def choice(name: str, value, default: str, choices: tuple[str, ...]) -> str | None:
    """What an option means that may be True (the default), False or None (nothing), or a word."""
    if value is True:
        return default
    if value is False or value is None or value in ("do_not_pad", "do_not_truncate"):
        return None
    if value not in choices:
        raise ValueError(f"{name}={value!r}; use True, False, {', '.join(map(repr, choices))}")
    return value


def check_stride(stride: int, return_overflowing_tokens: bool) -> None:
    """Refuse a `stride` that is negative, or asked for without windows."""
    if not isinstance(stride, int) or stride < 0:
        raise ValueError(f"stride={stride!r}; give the number of pieces that windows share, >= 0")
    if stride and not return_overflowing_tokens:
        raise ValueError(
            f"stride={stride} is for windows; ask for them: return_overflowing_tokens=True"
        )


def pairs(text, text_pair, is_split_into_words: bool = False) -> list[tuple]:
    """The batch as (text, second text or None), every entry checked.

    A text is a string, or, with `is_split_into_words`, a list of words.
    """
    is_text, wanted = _is_str, "a string"
    if is_split_into_words:
        is_text, wanted = _is_words, "a list of words"
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


def _is_str(value) -> bool:
    return isinstance(value, str)


def _is_words(value) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)
