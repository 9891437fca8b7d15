"""What tokenizers are saved as: vocab.txt, tokenizer.json, tokenizer_config.json.

vocab.txt and tokenizer.json must hold the same tokens, if both are there; which of the two is
stale nobody can know. For the rules tokenizer_config.json goes before tokenizer.json; where it says
nothing of `do_lower_case`, a tokenizer.json that keeps the case is followed (transformers'
BertTokenizer lower-cases then).

Without tokenizer.json, as older programs save, the added tokens are in added_tokens.json or in
tokenizer_config.json.
"""

import json
from pathlib import Path

from minibert.text.added import added_settings, check_items, join_ids, slow_items
from minibert.text.disk import write_text
from minibert.text.tokenizer_json import SavedTokenizer, compose, parse
from minibert.text.vocabulary import check_lines, read_vocab, write_vocab

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
        `added_tokens`, `additional_special_tokens`, `normalized_tokens` that the files tell.

    Raises
    ------
    FileNotFoundError
        If `folder` is no folder, or has no vocabulary.
    ValueError
        If tokenizer.json holds another tokenizer than BERT's, a file is not of its form, or
        vocab.txt and another file disagree.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds vocab.txt")
    saved = _read_tokenizer_json(folder / "tokenizer.json")
    listed = read_vocab(folder / "vocab.txt") if (folder / "vocab.txt").exists() else None
    if saved is None and listed is None:
        raise FileNotFoundError(f"{folder} has neither vocab.txt nor tokenizer.json")
    config = _read_json(folder / "tokenizer_config.json")
    if saved is None:
        saved = _read_slow(folder, listed, config)
    tokens = _tokens(saved, listed, folder)
    settings = dict(saved.settings)
    settings |= {rule: config[rule] for rule in RULES if rule in config}
    for rule in RULES:
        if not isinstance(settings.get(rule, False), bool | None):
            raise ValueError(f"{folder}: {rule} is {settings[rule]!r:.40}; wanted true or false")
    positions = _read_json(folder / "config.json").get("max_position_embeddings")
    limits = [n for n in (config.get("model_max_length"), positions) if _is_limit(n)]
    if limits:
        settings["model_max_length"] = int(min(limits))
    return tokens, settings


def write_tokenizer_files(
    folder: str | Path, tokens: list[str], pieces: dict[str, int], settings: dict
) -> None:
    """Write vocab.txt, tokenizer.json and tokenizer_config.json.

    Parameters
    ----------
    folder : path
        Made if need be.
    tokens : list of str
    pieces : dict of str to int
        The tokens that words are spelled with.
    settings : dict
        Those of a `BertTokenizer`, all of them.

    Raises
    ------
    ValueError
        If vocab.txt cannot hold a token; nothing is written then.
    """
    check_lines(tokens)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_vocab(folder / "vocab.txt", tokens)
    vocab = {token: i for i, token in enumerate(tokens)}
    whole = compose(vocab, pieces, settings)
    write_text(folder / "tokenizer.json", json.dumps(whole, ensure_ascii=False) + "\n")
    saved = {name: settings[name] for name in (*RULES, "model_max_length")}
    saved = {"tokenizer_class": "BertTokenizer", **saved}
    write_text(folder / "tokenizer_config.json", json.dumps(saved, indent=2) + "\n")


def _is_limit(n) -> bool:
    """Whether `n` is a length; 1e30, often found, means that nobody set one."""
    return type(n) in (int, float) and 1 <= n < 1e9


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


def _read_slow(folder: Path, listed: list[str], config: dict) -> SavedTokenizer:
    """What vocab.txt and the added tokens beside it tell."""
    added = _read_json(folder / "added_tokens.json")
    try:
        items = slow_items(added, config, _read_json(folder / "special_tokens_map.json"))
        check_items(items)
        ids = join_ids({token: i for i, token in enumerate(listed)}, items)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{folder}, added tokens: {error}") from None
    return SavedTokenizer(ids, added_settings(items), {item["content"] for item in items})


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
        other, advice = "the added tokens", "they must go on where vocab.txt ends"
        if (folder / "tokenizer.json").exists():
            other, advice = "tokenizer.json", "delete the file that is stale"
        raise ValueError(
            f"{folder}: vocab.txt and {other} disagree: {token!r:.40} has the ids "
            f"{ids.get(token)} and {saved.ids.get(token)}; {advice}"
        )
    return tokens
