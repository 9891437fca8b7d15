"""Labelled files and their division."""

import numpy as np
import pytest

from minibert.data import label_names, read_labelled, stratified_split

pytestmark = pytest.mark.quick


def write(tmp_path, content):
    path = tmp_path / "some.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "texts", "labels"),
    [
        ("a\t1\nb\t2\n", ["a", "b"], ["1", "2"]),
        ("a\t1\r\nb\t2", ["a", "b"], ["1", "2"]),
        ("\ufeffa\t1\n", ["a"], ["1"]),
        ("a\tb\tc\n", ["a\tb"], ["c"]),
        ("a\u2028b\x0bc\x85d\re\t 1 \n", ["a\u2028b\x0bc\x85d\re"], [" 1 "]),
        ("天气 \t好\n", ["天气 "], ["好"]),
        ('"a\t"1"\n', ['"a'], ['"1"']),
    ],
)
def test_read(tmp_path, content, texts, labels):
    assert read_labelled(write(tmp_path, content)) == (texts, labels)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xb5\xe7\t1", "not UTF-8"),
        (b"text 1", "no tab in 'text 1'"),
        (b"", "no tab in ''"),
        (b"\t1", "the text before the tab is empty"),
        (" \u3000\t1".encode(), "the text before the tab is empty"),
        (b"text\t", "the label after the last tab is empty"),
        (b"text\t ", "the label after the last tab is empty"),
        (b"text\t\r", "the label after the last tab is empty"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path, line, reason):
    path = write(tmp_path, b"a\t1\n\xe2\x80\xa8a\t1\r\n" + line + b"\nb\t2\n")
    with pytest.raises(ValueError, match=rf"some\.tsv, line 3: {reason}"):
        read_labelled(path)


def test_a_file_of_another_kind(tmp_path):
    with pytest.raises(ValueError, match="is empty"):
        read_labelled(write(tmp_path, b"\xef\xbb\xbf"))
    with pytest.raises(ValueError, match="line 1: not UTF-8"):
        read_labelled(write(tmp_path, "a\t1\n".encode("utf-16")))
    with pytest.raises(FileNotFoundError):
        read_labelled(tmp_path / "none.tsv")


def test_label_names():
    assert label_names(["10", "-1", "9", "9"]) == ["-1", "9", "10"]
    assert label_names(["1", "01", "+1", "001", "0001"]) == ["+1", "0001", "001", "01", "1"]
    assert label_names(["10", "9", "1.5"]) == ["1.5", "10", "9"]
    assert label_names(["10", "²"]) == ["10", "²"]


def test_split_keeps_the_mixture():
    labels = np.array(["a"] * 500 + ["b"] * 53 + ["c"] * 2 + ["d"])
    labels = labels[np.random.default_rng(0).permutation(len(labels))]
    train, test = stratified_split(labels, 0.2, seed=5)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert np.array_equal(train, np.sort(train))
    assert np.array_equal(test, np.sort(test))
    counts = {name: int((labels[test] == name).sum()) for name in "abcd"}
    assert counts == {"a": 100, "b": 11, "c": 1, "d": 0}


def test_split_depends_on_the_seed_alone():
    labels = [i % 7 for i in range(211)]
    test = stratified_split(labels, seed=1)[1]
    assert np.array_equal(test, stratified_split([str(c) for c in labels], seed=1)[1])
    assert not np.array_equal(test, stratified_split(labels, seed=2)[1])


def test_split_is_random_within_a_class():
    train = stratified_split([0] * 1000, 0.5, seed=0)[0]
    assert 400 < (train < 500).sum() * 2 < 600


def test_split_that_cannot_be():
    with pytest.raises(ValueError, match="right order"):
        stratified_split(["a", "b", "c"])
    with pytest.raises(ValueError, match="right order"):
        stratified_split([])
    with pytest.raises(ValueError, match="test=20"):
        stratified_split([0, 0, 1, 1], 20)
