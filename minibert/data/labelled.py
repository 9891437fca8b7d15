r"""Labelled text in a file: a text, a tab, its label; one a line, UTF-8.

The label is what stands after the *last* tab, so a text may hold tabs. Lines end at "\n" or
"\r\n" and nowhere else (a text may hold U+2028 and the like), a byte order mark at the beginning
is skipped, and labels are taken as they come. A line that breaks the rules is named by its number.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path


def read_labelled(path: str | os.PathLike) -> tuple[list[str], list[str]]:
    r"""Read texts and labels.

    Parameters
    ----------
    path : path

    Returns
    -------
    texts, labels : list of str

    Raises
    ------
    ValueError
        At the first bad line: not UTF-8, without a tab, with an empty text or label. Or if there
        is no line at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mails.tsv"
    >>> _ = path.write_bytes("win a prize\tspam\r\n明天开会\tmail\n".encode())
    >>> read_labelled(path)
    (['win a prize', '明天开会'], ['spam', 'mail'])
    """
    lines = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()  # the end of the last line is no further line
    if not lines:
        raise ValueError(f"{path} is empty; it needs lines of text, tab, label")
    texts, labels = [], []
    for number, line in enumerate(lines, start=1):
        try:
            text, label = _split(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
        texts.append(text)
        labels.append(label)
    return texts, labels


def _split(line: bytes) -> tuple[str, str]:
    """Text and label of one line."""
    try:
        decoded = line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    text, tab, label = decoded.rpartition("\t")
    if not tab:
        raise ValueError(f"no tab in {decoded[:40]!r}; a line is text, tab, label")
    if not text.strip():
        raise ValueError("the text before the tab is empty")
    if not label.strip():
        raise ValueError("the label after the last tab is empty")
    return text, label


def label_names(labels: Iterable[str]) -> list[str]:
    """The different labels in order: as numbers if all are whole numbers, else as text.

    >>> label_names(["10", "9", "9"]), label_names(["b", "10", "9"])
    (['9', '10'], ['10', '9', 'b'])
    """
    names = set(labels)
    if all(re.fullmatch(r"[+-]?[0-9]+", name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)
