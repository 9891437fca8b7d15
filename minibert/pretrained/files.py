"""Models in folders and files, with the tokenizer beside or inside."""

from pathlib import Path

from minibert.interop import read_file
from minibert.text import BertTokenizer, check_fits

VOCABULARIES = ("vocab.txt", "tokenizer.json")


def folder_tokenizer(folder, config):
    """The tokenizer in a folder, or None; a ValueError if it is another model's."""
    if not any((folder / name).exists() for name in VOCABULARIES):
        return None
    return _fitting(BertTokenizer.from_pretrained(folder), config, folder)


def read_one_file(path):
    """The params, config, head and tokenizer of a file that `save` wrote."""
    params, config, head, tokens, settings = read_file(path)
    if tokens is None:
        return params, config, head, None
    try:
        tokenizer = BertTokenizer(tokens, **settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no usable tokenizer: {error}") from None
    return params, config, head, _fitting(tokenizer, config, path)


def nothing_there(path):
    """The error for a path at which there is nothing; it knows what can be fetched."""
    from minibert.data.fetch import home, is_there
    from minibert.data.sources import read_sources

    name = Path(path).name.lower()
    if name not in read_sources():
        return FileNotFoundError(
            f"{path} is no folder or file here; nothing is downloaded: give the path of a model "
            "that was saved with save_pretrained"
        )
    has = "it was brought" if is_there(name) else f"`minibert fetch {name}` brings it"
    return FileNotFoundError(
        f"{path} is no folder or file here; nothing is downloaded: {has} into {home() / name}, "
        "which is the path to give"
    )


def _fitting(tokenizer, config, path):
    try:
        check_fits(tokenizer, config.vocab)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return tokenizer
