"""Added tokens: tokens put behind a finished vocabulary, as markers for a task of one's own.

They are found in a text wherever they stand, as [MASK] is, and words are never spelled with them.
Files say more about each; two things matter here:

- special: `decode` leaves it out when special tokens are to be skipped;
- normalized: it is looked for in the text as cleaning, accents and lower-casing leave it, so that
  "NewTok" is found in "newtok" too.

"lstrip" and "rstrip" (take the spaces beside it) change no id and are passed over. "single_word"
(find it only where it is a word) would change ids; a file that asks for it is refused.
"""

from minibert.text.vocabulary import SPECIAL_TOKENS

FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def word_pieces(tokens: list[str], added: list[str]) -> dict[str, int]:
    """The tokens that words are spelled with, and their ids: all but added ones at the end.

    An added token that stands among the pieces was one before it was added, and stays one.

    Examples
    --------
    >>> word_pieces(["[UNK]", "new", "##er", "<e>", "newer"], ["new", "newer", "<e>"])
    {'[UNK]': 0, 'new': 1, '##er': 2}
    """
    n, added = len(tokens), {*added} - {*SPECIAL_TOKENS}
    while n and tokens[n - 1] in added:
        n -= 1
    return {token: i for i, token in enumerate(tokens[:n])}


def check_items(items) -> None:
    """Refuse what is no list of added tokens as tokenizer.json has it.

    Raises
    ------
    ValueError
        If an item is not of the form, or is to be found in a way that is not followed.
    """
    well_formed = isinstance(items, list) and all(
        isinstance(item, dict)
        and isinstance(item.get("content"), str)
        and item["content"]
        and all(isinstance(item.get(flag, False), bool) for flag in FLAGS)
        for item in items
    )
    if not well_formed:
        raise ValueError("added_tokens is no list of objects with a content, an id and flags")
    for item in items:
        if item.get("single_word"):
            raise ValueError(
                f"the added token {item['content']!r:.40} is to be found only as a whole word "
                "(single_word), which minibert does not do; set that to false"
            )


def join_ids(vocab: dict, items: list[dict]) -> dict[str, int]:
    """The ids of the vocabulary and of the added tokens; one token has one id, and no other has it.

    Raises
    ------
    ValueError
        If that is not so.
    """
    ids = {}
    for token, i in [*vocab.items(), *((item["content"], item.get("id")) for item in items)]:
        if type(i) is not int or ids.setdefault(token, i) != i:
            raise ValueError(f"token {token!r:.40} has the id {i!r:.40}; wanted one int")
    if len(set(ids.values())) < len(ids):
        raise ValueError("several tokens have the same id")
    return ids


def added_settings(items: list[dict]) -> dict[str, list[str]]:
    """What a `BertTokenizer` is to be told of added tokens; of two items of one token the last."""
    items = {item["content"]: item for item in sorted(items, key=lambda item: item["id"])}
    added = [token for token in items if token not in SPECIAL_TOKENS]
    settings = {
        "added_tokens": added,
        "additional_special_tokens": [t for t in added if items[t].get("special")],
        "normalized_tokens": [t for t in items if items[t].get("normalized")],
    }
    return {name: tokens for name, tokens in settings.items() if tokens}


def slow_items(listed: dict, config: dict, special_map: dict) -> list[dict]:
    """The added tokens of a folder without tokenizer.json, in the form that they have there.

    Parameters
    ----------
    listed : dict
        added_tokens.json: from tokens to ids.
    config : dict
        tokenizer_config.json, whose `added_tokens_decoder` goes from ids to flags.
    special_map : dict
        special_tokens_map.json, which tells what is special where `listed` has no flags.

    Returns
    -------
    list of dict
        Not checked yet.
    """
    names = ("additional_special_tokens", "extra_special_tokens")
    named = [t for source in (config, special_map) for n in names for t in source.get(n) or ()]
    special = [t.get("content") if isinstance(t, dict) else t for t in named]
    items = [
        {"id": i, "content": token, "special": token in special, "normalized": token not in special}
        for token, i in listed.items()
    ]
    decoder = config.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict) or not all(isinstance(t, dict) for t in decoder.values()):
        raise ValueError(f"added_tokens_decoder is {decoder!r:.40}, no object from ids to tokens")
    return items + [flags | {"id": int(i) if i.isdecimal() else i} for i, flags in decoder.items()]
