"""Read what tokenizers are saved as: vocab.txt, tokenizer.json, tokenizer_config.json.

From tokenizer.json come the vocabulary and the normalizer's rules. The truncation and padding
stored there are left alone: they are what somebody last used, and a call says what it wants.
Where files disagree, tokenizer_config.json tells the rules and vocab.txt the pieces. Tokens that
somebody added to a vocabulary keep their ids, but are not searched for in texts.
"""

import json
from pathlib import Path

from minibert.text.vocabulary import read_vocab

RULES = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
_NORMALIZER_NAMES = ("lowercase", "strip_accents", "handle_chinese_chars")  # of the RULES, there


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
        Those of `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`, `model_max_length`
        that the files tell.

    Raises
    ------
    FileNotFoundError
        If `folder` is no folder, or has no vocabulary.
    ValueError
        If tokenizer.json holds another tokenizer than BERT's, or a file is no JSON.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds vocab.txt")
    whole = _read_json(folder / "tokenizer.json")
    if (folder / "vocab.txt").exists():
        tokens = read_vocab(folder / "vocab.txt")
    elif whole:
        tokens = _tokens_of(whole, folder / "tokenizer.json")
    else:
        raise FileNotFoundError(f"{folder} has neither vocab.txt nor tokenizer.json")
    normalizer = whole.get("normalizer") or {}
    settings = {
        rule: normalizer[name]
        for rule, name in zip(RULES, _NORMALIZER_NAMES, strict=True)
        if name in normalizer
    }
    saved = _read_json(folder / "tokenizer_config.json")
    settings |= {rule: saved[rule] for rule in RULES if rule in saved}
    positions = _read_json(folder / "config.json").get("max_position_embeddings")
    limits = [n for n in (saved.get("model_max_length"), positions) if n and n < 1e9]
    if limits:  # 1e30, often found, means that nobody set one
        settings["model_max_length"] = int(min(limits))
    return tokens, settings


def _read_json(path: Path) -> dict:
    """The object in `path`, {} if there is no such file."""
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_bytes().decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds a {type(value).__name__}, not an object")
    return value


def _tokens_of(whole: dict, path: Path) -> list[str]:
    """The tokens of a tokenizer.json, those added later included, in the order of their ids."""
    model = whole.get("model") or {}
    kind = model.get("type", "WordPiece")  # the oldest files do not tell
    prefix = model.get("continuing_subword_prefix", "##")
    normalizer = (whole.get("normalizer") or {}).get("type")
    if (kind, prefix, normalizer) != ("WordPiece", "##", "BertNormalizer"):
        raise ValueError(
            f"{path} holds model {kind!r}, prefix {prefix!r}, normalizer {normalizer!r}; "
            "BERT's are 'WordPiece', '##' and 'BertNormalizer'"
        )
    by_id = {i: token for token, i in model["vocab"].items()}
    by_id |= {added["id"]: added["content"] for added in whole.get("added_tokens") or ()}
    if sorted(by_id) != list(range(len(by_id))):
        raise ValueError(f"{path}: the ids are not 0 to {len(by_id) - 1}, each once")
    return [by_id[i] for i in range(len(by_id))]
