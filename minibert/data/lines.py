r"""The lines of a text file, the same for every kind of file that is read.

Lines end at "\n" or "\r\n" and nowhere else: a text may hold a lone "\r", U+2028 and the like.
"""

import os
from pathlib import Path

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(path: str | os.PathLike) -> list[str]:
    r"""Read the lines of a UTF-8 file, without their ends; a byte order mark is skipped.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of str
        Line n is at n - 1. The end of the last line begins no further line.

    Raises
    ------
    ValueError
        If the file has no line, or a line (named by its number) is not UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "lines.txt"
    >>> _ = path.write_bytes("one\r\n二\n\n".encode())
    >>> read_lines(path)
    ['one', '二', '']
    """
    data = Path(path).read_bytes().removeprefix(BYTE_ORDER_MARK)
    if not data:
        raise ValueError(f"{path} is empty")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        raise ValueError(
            f"{path}, line {line}: not UTF-8 at byte {byte}; save the file as UTF-8"
        ) from None
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
