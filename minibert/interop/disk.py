"""Getting bytes onto the disk, whole or not at all: a temporary name, fsync, then a rename."""

import os
from pathlib import Path

PART = ".part"


def part_of(path):
    """The temporary name of a file that is being written."""
    path = Path(path)
    return path.with_name(path.name + PART)


def write_part(path, chunks):
    """Write the file that is to be renamed to `path`, and wait until the disk has it.

    Parameters
    ----------
    path : path
    chunks : iterable of bytes-like

    Raises
    ------
    OSError
        The file cannot be written; the message names it.
    """
    try:
        with open(part_of(path), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from None


def sync_folder(folder):
    """Wait until renames in a folder are on the disk, where a folder can be asked for that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
