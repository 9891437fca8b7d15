"""Read named members of an archive that nobody vouches for.

Its sha256 is compared before it is opened. After that, the names in it decide nothing (they are
compared with those asked for and never become paths), the sizes in it are not believed (what comes
out is counted), and links and devices are refused.
"""

import gzip
import hashlib
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO


def check_sha256(path: Path, expected: str) -> None:
    """Raise ValueError if the file's sha256 is not `expected`, in hexadecimal digits."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path.name} has sha256 {found} and should have {expected}: it is another file than "
            "the one minibert was made for, so it was not opened"
        )


def read_members(
    path: Path, wanted: Collection[str] | re.Pattern, *, limit: int, total_limit: int
) -> dict[str, bytes]:
    """Read some members of a wheel (or other zip file) or a .tar.gz.

    Parameters
    ----------
    path : Path
        Its name says which of the two it is.
    wanted : collection of str, or re.Pattern
        Exact names, each of which must be there; or what a whole name must match.
    limit : int
        Bytes that one member may have.
    total_limit : int
        Bytes that all of them may have; in a .tar.gz, where what is skipped is unpacked too, of
        all that is unpacked.

    Returns
    -------
    dict of str to bytes
        In the order of the archive.

    Raises
    ------
    ValueError
        If a member is missing, there twice, too large, or no plain file, or the archive is broken.
    """
    is_wanted = wanted.fullmatch if isinstance(wanted, re.Pattern) else set(wanted).__contains__
    members = _tar_members if path.name.endswith(".tar.gz") else _zip_members
    found: dict[str, bytes] = {}
    left = total_limit
    try:
        for name, stream in members(path, is_wanted, total_limit):
            if stream is None or name in found:
                raise ValueError(f"{path.name}: {name} is there twice or is no plain file")
            found[name] = _read(stream, min(limit, left), f"{path.name}: {name}")
            left -= len(found[name])
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path.name} is no whole archive: {error}") from None
    missing = [] if isinstance(wanted, re.Pattern) else sorted(set(wanted) - set(found))
    if missing or not found:
        raise ValueError(f"{path.name} has no {', '.join(missing) or wanted.pattern}")
    return found


def _zip_members(path, is_wanted, total_limit) -> Iterator[tuple[str, BinaryIO | None]]:
    """(name, open stream) of each wanted member; None for what is no plain file."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not is_wanted(info.filename):
                continue
            plain = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
            # Other compressions may unpack without end in one read; encrypted ones not at all.
            usual = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            if not (plain and usual and not info.flag_bits & 1):
                yield info.filename, None
                continue
            with archive.open(info) as stream:
                yield info.filename, stream


def _tar_members(path, is_wanted, total_limit) -> Iterator[tuple[str, BinaryIO | None]]:
    """(name, open stream) of each wanted member; None for what is no plain file."""
    with gzip.open(path) as unpacked:
        counted = _Counted(unpacked, total_limit, path.name)
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            for member in archive:
                if is_wanted(member.name):
                    plain = member.isreg() and not member.issparse()
                    yield member.name, archive.extractfile(member) if plain else None


def _read(stream: BinaryIO, limit: int, what: str) -> bytes:
    """All of a stream, if it is no longer than `limit`."""
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{what} is larger than the {limit:,} bytes that it may have")
    return data


class _Counted:
    """A stream that ends in an error when too much has come out of it."""

    def __init__(self, stream: BinaryIO, limit: int, what: str):
        self.stream, self.left, self.limit, self.what = stream, limit, limit, what

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"{self.what} unpacks to more than {self.limit:,} bytes")
        return data
