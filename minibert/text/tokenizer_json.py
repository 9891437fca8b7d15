"""tokenizer.json: a tokenizer as the `tokenizers` library saves it, everything in one file.

Read are the vocabulary, the normalizer's rules and the added tokens. The truncation and padding
stored there are left alone: they are what somebody last used, and a call says what it wants.

What is said of the added tokens, and what of it is followed: `minibert.text.added`.
"""

from typing import NamedTuple

from minibert.text.added import FLAGS, added_settings, check_items, join_ids
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
    """What files tell: the id of every token, some of a tokenizer's settings, what was added."""

    ids: dict[str, int]
    settings: dict
    added: set[str]


def parse(content: dict) -> SavedTokenizer:
    """Take a tokenizer.json apart.

    Parameters
    ----------
    content : dict
        The file as the json module reads it; nothing in it is believed unseen.

    Returns
    -------
    SavedTokenizer
        `settings` are rules, and lists of added tokens.

    Raises
    ------
    ValueError
        If this is another tokenizer than BERT's, or not of the form.
    """
    parts = {name: _part(content, name, expected) for name, expected in _PARTS.items()}
    vocab = parts["model"].get("vocab")
    if not isinstance(vocab, dict):
        raise ValueError(f"model.vocab is {vocab!r:.40}, not an object from tokens to ids")
    items = content.get("added_tokens") or []
    check_items(items)
    ids = join_ids(vocab, items)
    rules = {
        ours: parts["normalizer"][theirs]
        for theirs, ours in _RULES.items()
        if theirs in parts["normalizer"]
    }
    return SavedTokenizer(ids, rules | added_settings(items), {item["content"] for item in items})


def compose(vocab: dict[str, int], pieces: dict[str, int], settings: dict) -> dict:
    """Write down a tokenizer as a tokenizer.json.

    Parameters
    ----------
    vocab : dict of str to int
        All tokens.
    pieces : dict of str to int
        Those that words are spelled with.
    settings : dict
        Those of a `BertTokenizer`.

    Returns
    -------
    dict
    """
    normalizer = {theirs: settings[ours] for theirs, ours in _RULES.items()}
    special = {*SPECIAL_TOKENS, *settings["additional_special_tokens"]}
    added = special.union(settings["added_tokens"])
    found = sorted((vocab[token], token) for token in added if token in vocab)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": i,
                "content": token,
                **dict.fromkeys(FLAGS, False),
                "normalized": token in settings["normalized_tokens"],
                "special": token in special,
            }
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
        "model": _PARTS["model"] | {"vocab": pieces},
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
