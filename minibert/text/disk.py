"""Files that appear whole or not at all: a temporary name, fsync, then a rename.

Who writes has the folder locked, so that the temporary name, which is the same for all, is nobody
else's: of two that write a file at once the last one wins, and what a killed one leaves behind is
overwritten by the next. Who opens a file once needs no lock to read it; who opens several, or one
twice, shares a lock with other readers, so that all is of one writer.
"""

import os
from contextlib import contextmanager, suppress
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
    with locked(Path(path).parent):
        try:
            write_part(path, data)
            os.replace(part_of(path), path)
        finally:
            part_of(path).unlink(missing_ok=True)
        sync_folder(Path(path).parent)


@contextmanager
def locked(folder, *, shared=False):
    """Wait until nobody else writes into a folder, neither process nor thread, and keep it so.

    A killed process holds no lock. Where the system cannot lock folders (Windows, some network
    drives) nothing is locked, and it is up to the callers not to write one file at once.

    Parameters
    ----------
    folder : path
    shared : bool
        Whether others may read at the same time.
    """
    handle = None
    with suppress(OSError):  # if it cannot be opened, writing into it will say so
        handle = os.open(folder, os.O_RDONLY)
    if handle is None:
        yield
        return
    import fcntl  # POSIX's, like opening a folder

    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # a child that was forked meanwhile has it too
        os.close(handle)


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
