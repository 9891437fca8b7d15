r"""Labelled text in a file: a text, a tab, its label; one a line, UTF-8.

The label is what stands after the *last* tab, so a text may hold tabs. Lines end at "\n" or
"\r\n" and nowhere else (a text may hold U+2028 and the like), a byte order mark at the beginning
is skipped, and labels are taken as they come. A line that breaks the rules is named by its number.
"""

import os

from minibert.data.lines import read_lines


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
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "mails.tsv"
    >>> _ = path.write_bytes("win a prize\tspam\r\n明天开会\tmail\n".encode())
    >>> read_labelled(path)
    (['win a prize', '明天开会'], ['spam', 'mail'])
    """
    texts, labels = [], []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            text, label = _split(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
        texts.append(text)
        labels.append(label)
    return texts, labels


def _split(line: str) -> tuple[str, str]:
    """Text and label of one line."""
    text, tab, label = line.rpartition("\t")
    if not tab:
        raise ValueError(f"no tab in {line[:40]!r}; a line is text, tab, label")
    if not text.strip():
        raise ValueError("the text before the tab is empty")
    if not label.strip():
        raise ValueError("the label after the last tab is empty")
    return text, label
