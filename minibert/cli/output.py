"""A file that is written line by line, and appears whole or not at all."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def text_output(path):
    """A UTF-8 text stream that becomes the file at the end of the block; "-" is standard output.

    Parameters
    ----------
    path : path or "-"

    Raises
    ------
    OSError
        The file cannot be written; its name is in the message. What was there before stays.
    """
    if str(path) == "-":
        yield sys.stdout
        return
    path = Path(path)
    in_place = path.exists() and not path.is_file()  # a device or pipe must not be replaced
    written = path if in_place else path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(written, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
        if not in_place:
            os.replace(written, path)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        if not in_place:
            written.unlink(missing_ok=True)
