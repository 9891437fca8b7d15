"""The vocabulary as a file: one piece a line, the line's number is the piece's id."""

import os
import re
from pathlib import Path

from minibert.text.disk import write_text
from minibert.text.wordpiece import UNKNOWN

PAD, CLS, SEP, MASK = "[PAD]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL_TOKENS = (PAD, UNKNOWN, CLS, SEP, MASK)  # ids 0 to 4 in a vocabulary trained here
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_vocab(path: str | os.PathLike) -> list[str]:
    r"""Read vocab.txt; the place in the list is the id.

    Lines end at "\n" or "\r\n" only: a piece may be any other character, U+2028 among them.
    A piece that stands twice keeps both places; the last one is its id in a tokenizer.

    Raises
    ------
    ValueError
        If the file is empty, or not UTF-8.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from None
    if not text:
        raise ValueError(f"{path} is empty; a vocabulary has one token a line")
    lines = text.removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines]


def check_lines(tokens: list[str]) -> None:
    r"""Refuse tokens that lines of UTF-8 cannot hold.

    Raises
    ------
    ValueError
        If a token has "\n" in it, or "\r" at its end, or half of a surrogate pair.
    """
    for token in tokens:
        if "\n" in token or token.endswith("\r") or _SURROGATE.search(token):
            raise ValueError(
                f"the token {token!r:.40} cannot be kept in a file that has one token a line: "
                "it holds a line end, or half of a surrogate pair"
            )


def write_vocab(path: str | os.PathLike, tokens: list[str]) -> None:
    """Write vocab.txt; the file appears whole or not at all.

    Raises
    ------
    ValueError
        If a token does not fit a line.
    """
    check_lines(tokens)
    write_text(path, "".join(token + "\n" for token in tokens))


def check_fits(tokenizer, vocab: int) -> None:
    """Refuse a tokenizer that has ids for which the embedding has no row.

    Some fewer tokens than rows are fine: tables are often padded to a round size.

    Parameters
    ----------
    tokenizer : BertTokenizer
    vocab : int
        Rows of the word embedding: `V` of the model's configuration.

    Raises
    ------
    ValueError
        If there are more tokens than rows, or so many fewer that this is another vocabulary.
    """
    if vocab - len(tokenizer) > max(1000, vocab // 10):
        raise ValueError(
            f"the tokenizer has {len(tokenizer)} tokens and the model's word embedding {vocab} "
            "rows: it is another model's, or its file was cut short"
        )
    if len(tokenizer) > vocab:
        raise ValueError(
            f"the tokenizer has {len(tokenizer)} tokens and the model's word embedding {vocab} "
            "rows: they do not belong together; load both from one folder"
        )
