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


def pairs(text, text_pair) -> list[tuple[str, str | None]]:
    """The batch as (text, second text or None), every entry checked."""
    if isinstance(text, str):
        if text_pair is not None and not isinstance(text_pair, str):
            raise TypeError(f"text is one string, so text_pair must be one, not {text_pair!r:.80}")
        return [(text, text_pair)]
    if not isinstance(text, (list, tuple)):
        raise TypeError(
            f"text is a {type(text).__name__}; give a string, a list of strings or of pairs"
        )
    if text_pair is None:
        return [_checked(item, i) for i, item in enumerate(text)]
    if not isinstance(text_pair, (list, tuple)) or len(text_pair) != len(text):
        raise ValueError(f"text_pair must be a list of {len(text)} strings, one for each text")
    return [_checked(item, i) for i, item in enumerate(zip(text, text_pair, strict=True))]


def _checked(item, index: int) -> tuple[str, str | None]:
    """One entry of a batch: a string, or a pair of strings."""
    if isinstance(item, str):
        return item, None
    if isinstance(item, (tuple, list)) and len(item) == 2 and all(isinstance(x, str) for x in item):
        return tuple(item)
    raise TypeError(
        f"the text at index {index} is {item!r:.80} ({type(item).__name__}); "
        "every text must be a string, or a pair of strings"
    )
