"""tokenizer.json: a tokenizer as the `tokenizers` library saves it, everything in one file.

Read are the vocabulary, the normalizer's rules and the added tokens. The truncation and padding
stored there are left alone: they are what somebody last used, and a call says what it wants.

Added tokens keep their ids and are found in texts where they are written exactly so; that some
may be written in other letters ("normalized"), or only apart from words, is not followed.
"""

from typing import NamedTuple

from minibert.text.vocabulary import CLS, SEP, SPECIAL_TOKENS
from minibert.text.wordpiece import CONTINUES, MAX_CHARS, UNKNOWN

# What BERT's parts are called in the file, and what must be said of them if anything is said.
_PARTS = {
    "model": {
        "type": "WordPiece",
        "continuing_subword_prefix": CONTINUES,
        "unk_token": UNKNOWN,
        "max_input_chars_per_word": MAX_CHARS,
    },
    "normalizer": {"type": "BertNormalizer", "clean_text": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
}
_RULES = {  # the normalizer's names of our rules
    "lowercase": "do_lower_case",
    "strip_accents": "strip_accents",
    "handle_chinese_chars": "tokenize_chinese_chars",
}


class SavedTokenizer(NamedTuple):
    """What a tokenizer.json tells: the id of every token, the rules, which tokens were added."""

    ids: dict[str, int]
    rules: dict[str, bool | None]
    added: list[str]


def parse(content: dict) -> SavedTokenizer:
    """Take a tokenizer.json apart.

    Parameters
    ----------
    content : dict
        The file as the json module reads it; nothing in it is believed unseen.

    Returns
    -------
    SavedTokenizer
        `rules` holds those the file tells.

    Raises
    ------
    ValueError
        If this is another tokenizer than BERT's, or not of the form.
    """
    parts = {name: _part(content, name, expected) for name, expected in _PARTS.items()}
    vocab = parts["model"].get("vocab")
    if not isinstance(vocab, dict):
        raise ValueError(f"model.vocab is {vocab!r:.40}, not an object from tokens to ids")
    added = _added_tokens(content.get("added_tokens") or [])
    ids = {}
    for token, i in [*vocab.items(), *added.items()]:
        if type(i) is not int or ids.setdefault(token, i) != i:
            raise ValueError(f"token {token!r:.40} has the id {i!r:.40}; wanted one int")
    if len(set(ids.values())) < len(ids):
        raise ValueError("several tokens have the same id")
    rules = {
        ours: parts["normalizer"][theirs]
        for theirs, ours in _RULES.items()
        if theirs in parts["normalizer"]
    }
    return SavedTokenizer(ids, rules, list(added))


def compose(vocab: dict[str, int], rules: dict[str, bool | None], added: list[str]) -> dict:
    """Write down a tokenizer as a tokenizer.json.

    Parameters
    ----------
    vocab : dict of str to int
    rules : dict
        `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`.
    added : list of str
        Tokens of the vocabulary that are found in texts, beside the special ones.

    Returns
    -------
    dict
    """
    normalizer = {theirs: rules[ours] for theirs, ours in _RULES.items()}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    found = sorted((vocab[t], t) for t in {*SPECIAL_TOKENS, *added} if t in vocab)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, **flags, "special": token in SPECIAL_TOKENS}
            for i, token in found
        ],
        "normalizer": _PARTS["normalizer"] | normalizer,
        "pre_tokenizer": _PARTS["pre_tokenizer"],
        "post_processor": {
            "type": "TemplateProcessing",
            "single": _template("A"),
            "pair": _template("AB"),
            "special_tokens": {t: {"id": t, "ids": [vocab[t]], "tokens": [t]} for t in (CLS, SEP)},
        },
        "decoder": {"type": "WordPiece", "prefix": CONTINUES, "cleanup": False},
        "model": _PARTS["model"] | {"vocab": vocab},
    }


def _template(texts: str) -> list[dict]:
    """[CLS] A [SEP] B [SEP], with the segments."""
    template = [{"SpecialToken": {"id": CLS, "type_id": 0}}]
    for segment, text in enumerate(texts):
        template.append({"Sequence": {"id": text, "type_id": segment}})
        template.append({"SpecialToken": {"id": SEP, "type_id": segment}})
    return template


def _part(content: dict, name: str, expected: dict) -> dict:
    """One of the parts, if it says nothing that BERT's would not say."""
    part = content.get(name) or {}
    if not isinstance(part, dict):
        raise ValueError(f"{name} is {part!r:.40}, not an object")
    if name == "normalizer" and not part:
        raise ValueError("there is no normalizer; BERT's is a 'BertNormalizer'")
    for key, value in expected.items():
        if part.get(key, value) != value:
            raise ValueError(f"{name}.{key} is {part[key]!r:.40}; BERT's is {value!r}")
    return part


def _added_tokens(items: list) -> dict[str, int]:
    """The added tokens and their ids."""
    well_formed = isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("content"), str) and item["content"]
        for item in items
    )
    if not well_formed:
        raise ValueError("added_tokens is no list of objects with a content and an id")
    return {item["content"]: item.get("id") for item in items}
