"""Files that appear whole or not at all: a temporary name, fsync, then a rename."""

import os
from pathlib import Path

PART = ".part"


def write_text(path, text):
    """Write `text` as UTF-8, so that the file is there whole or as it was before.

    Parameters
    ----------
    path : path
    text : str

    Raises
    ------
    OSError
        The file cannot be written; the message names it.
    """
    write_whole(path, text.encode("utf-8"))


def write_whole(path, data):
    """The same with bytes."""
    try:
        write_part(path, data)
        os.replace(part_of(path), path)
    finally:
        part_of(path).unlink(missing_ok=True)
    sync_folder(Path(path).parent)


def part_of(path):
    """The temporary name of a file that is being written."""
    path = Path(path)
    return path.with_name(path.name + PART)


def write_part(path, data):
    """Write the file that is to be renamed to `path`, and wait until the disk has it.

    Parameters
    ----------
    path : path
    data : bytes

    Raises
    ------
    OSError
        The file cannot be written; the message names it.
    """
    try:
        with open(part_of(path), "wb") as file:
            file.write(data)
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
