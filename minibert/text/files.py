"""Read what tokenizers are saved as: vocab.txt, tokenizer.json, tokenizer_config.json.

vocab.txt and tokenizer.json must hold the same tokens, if both are there; which of the two is
stale nobody can know. For the rules tokenizer_config.json goes before tokenizer.json.
"""

import json
from pathlib import Path

from minibert.text.tokenizer_json import SavedTokenizer, parse
from minibert.text.vocabulary import SPECIAL_TOKENS, read_vocab

RULES = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


def read_tokenizer_files(folder: str | Path) -> tuple[list[str], dict]:
    """Read the vocabulary and the settings that `folder` holds.

    Parameters
    ----------
    folder : path
        With vocab.txt or tokenizer.json; tokenizer_config.json and config.json if there.

    Returns
    -------
    tokens : list of str
        In the order of their ids.
    settings : dict
        Those of `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`, `model_max_length`,
        `added_tokens` that the files tell.

    Raises
    ------
    FileNotFoundError
        If `folder` is no folder, or has no vocabulary.
    ValueError
        If tokenizer.json holds another tokenizer than BERT's, a file is not of its form, or
        vocab.txt and tokenizer.json disagree.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds vocab.txt")
    saved = _read_tokenizer_json(folder / "tokenizer.json")
    listed = read_vocab(folder / "vocab.txt") if (folder / "vocab.txt").exists() else None
    if saved is None and listed is None:
        raise FileNotFoundError(f"{folder} has neither vocab.txt nor tokenizer.json")
    tokens = listed if saved is None else _tokens(saved, listed, folder)
    settings = {} if saved is None else dict(saved.rules)
    added = [] if saved is None else [t for t in saved.added if t not in SPECIAL_TOKENS]
    if added:
        settings["added_tokens"] = added
    config = _read_json(folder / "tokenizer_config.json")
    settings |= {rule: config[rule] for rule in RULES if rule in config}
    for rule in RULES:
        if settings.get(rule) not in (True, False, None):
            raise ValueError(f"{folder}: {rule} is {settings[rule]!r:.40}; wanted true or false")
    positions = _read_json(folder / "config.json").get("max_position_embeddings")
    limits = [n for n in (config.get("model_max_length"), positions) if _is_limit(n)]
    if limits:
        settings["model_max_length"] = int(min(limits))
    return tokens, settings


def _is_limit(n) -> bool:
    """Whether `n` is a length; 1e30, often found, means that nobody set one."""
    return type(n) in (int, float) and 0 < n < 1e9


def _read_json(path: Path) -> dict:
    """The object in `path`, {} if there is no such file."""
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds a {type(value).__name__}, not an object")
    return value


def _read_tokenizer_json(path: Path) -> SavedTokenizer | None:
    """What a tokenizer.json tells, None if there is no such file."""
    if not path.exists():
        return None
    content = _read_json(path)
    try:
        return parse(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _tokens(saved: SavedTokenizer, listed: list[str] | None, folder: Path) -> list[str]:
    """The tokens in the order of their ids: those listed in vocab.txt, then those added."""
    in_order = sorted(saved.ids, key=saved.ids.get)
    if listed is None:
        if [saved.ids[token] for token in in_order] != list(range(len(in_order))):
            raise ValueError(f"{folder / 'tokenizer.json'}: some ids below the last have no token")
        return in_order
    known, added = set(listed), set(saved.added)
    tokens = listed + [t for t in in_order if t in added and t not in known]
    ids = {token: i for i, token in enumerate(tokens)}
    if ids != saved.ids:
        token = next(t for t in [*tokens, *in_order] if ids.get(t) != saved.ids.get(t))
        raise ValueError(
            f"{folder}: vocab.txt and tokenizer.json disagree: {token!r:.40} has the ids "
            f"{ids.get(token)} and {saved.ids.get(token)}; delete the file that is stale"
        )
    return tokens
