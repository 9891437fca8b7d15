"""A person's own files: what is read, and what is said of a file that is not right."""

import csv
import json
import random

import pytest

from minibert.data import Table, label_indices, read_table

pytestmark = pytest.mark.quick


def write(tmp_path, suffix, content):
    path = tmp_path / f"some{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


EXPECTED = Table(["a", "二 b"], None, ["x", "y"])


@pytest.mark.parametrize(
    ("suffix", "content", "columns"),
    [
        (".tsv", "text\tlabel\na\tx\n二 b\ty\n", {}),
        (".TSV", "\ufefftext\tlabel\r\na\tx\r\n二 b\ty", {}),
        (".tsv", "id\tkind\tbody\n\tx\ta\n\ty\t二 b\n", {"text": "body", "label": "kind"}),
        (".tsv", "a\tx\n二 b\ty\n", {"text": 1, "label": 2}),
        (".tsv", "x\t\t\ta\ny\t\t\t二 b\n", {"text": 4, "label": 1}),
        (".csv", "\ufefflabel,text\r\nx,a\r\ny,二 b\r\n", {}),
        (".csv", 'label,text\n"x","a"\ny,"二 b"', {}),
        (".csv", "a,x\n二 b,y\n", {"text": 1, "label": 2}),
        (".jsonl", '{"text": "a", "label": "x"}\n{"label": "y", "text": "二 b", "id": 3}\n', {}),
        (".jsonl", '{"1": "a", "2": "x"}\n{"1": "\\u4e8c b", "2": "y"}\r\n', {"text": "1",
                                                                              "label": "2"}),
    ],
)
def test_the_same_table(tmp_path, suffix, content, columns):
    assert read_table(write(tmp_path, suffix, content), **columns) == EXPECTED


def test_pairs_and_numbers(tmp_path):
    path = write(tmp_path, ".tsv", "one\ttwo\tscore\na\tb\t2.5\nc\td\t-1e3\n")
    table = read_table(path, text="one", text_pair="two", label="score", numbers=True)
    assert table == Table(["a", "c"], ["b", "d"], [2.5, -1000.0])
    path = write(tmp_path, ".jsonl", '{"a": "t", "n": 3}\n{"a": "u", "n": "0.5"}\n')
    table = read_table(path, text="a", label="n", numbers=True)
    assert table.labels == [3.0, 0.5]
    assert all(type(label) is float for label in table.labels)


def test_labels_of_json(tmp_path):
    path = write(tmp_path, ".jsonl", '{"text":"a","label":true}\n{"text":"b","label":-3}\n')
    assert read_table(path).labels == ["true", "-3"]


def test_a_quote_is_a_character_in_tsv_only(tmp_path):
    content = 'text{}label\n"a{}"x"\n'
    assert read_table(write(tmp_path, ".tsv", content.format("\t", "\t"))).texts == ['"a']
    with pytest.raises(ValueError, match=r"line 2: .* double quotes"):
        read_table(write(tmp_path, ".csv", content.format(",", ",")))


def test_lines_end_at_newlines_only(tmp_path):
    odd = "a\u2028b\x0bc\x85d\re"
    assert read_table(write(tmp_path, ".tsv", f"text\tlabel\n{odd}\t 1 \n")).texts == [odd]
    assert read_table(write(tmp_path, ".csv", f'text,label\n"{odd}",1\n')).texts == [odd]
    assert read_table(write(tmp_path, ".txt", f"{odd}\n\n b \r\n"), label=None).texts == [
        odd, "", " b ",
    ]
    inside = json.dumps({"text": odd}, ensure_ascii=False) + "\n"  # U+2028 and U+0085 as they are
    assert read_table(write(tmp_path, ".jsonl", inside), label=None).texts == [odd]


def test_csv_against_the_writer(tmp_path):
    """Anything the csv module writes comes back, line ends inside a field as "\\n"."""
    rng = random.Random(5)
    rows = [["".join(rng.choices('ab,"\n\t雨 ', k=rng.randint(1, 9))) + "." for _ in range(3)]
            for _ in range(200)]
    path = tmp_path / "some.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    table = read_table(path, text=1, text_pair=2, label=3)
    assert [list(row) for row in zip(*table, strict=True)] == rows
    assert read_table(write(tmp_path, ".csv", 'text,label\n"a\r\nb",1\r\n')).texts == ["a\nb"]


def test_without_labels(tmp_path):
    path = write(tmp_path, ".tsv", "text\tkind\na\tx\n")
    assert read_table(path, need_label=False).labels is None
    assert read_table(path, label="kind", need_label=False).labels == ["x"]
    assert read_table(path, label=None) == Table(["a"], None, None)
    assert read_table(path, text=2, need_label=False) == Table(["kind", "x"], None, None)
    assert read_table(path, text=1, label=9, need_label=False).labels is None
    path = write(tmp_path, ".txt", "a\nb\n")
    assert read_table(path, need_label=False) == Table(["a", "b"], None, None)


HEADER = b"text\tlabel\na\tx\n"


@pytest.mark.parametrize(
    ("suffix", "content", "columns", "message"),
    [
        (".tsv", b"", {}, "is empty"),
        (".txt", b"\xef\xbb\xbf", {"label": None}, "is empty"),
        (".tsv", b"text\tlabel\n", {}, "a header line and nothing after"),
        (".tsv", HEADER + b"caf\xe9\tx\n", {}, "line 3: not UTF-8 at byte 3"),
        (".csv", b"text,label\n\xff,x\n", {}, "line 2: not UTF-8 at byte 0"),
        (".jsonl", b'{"text": "\xe9"}', {}, "line 1: not UTF-8"),
        (".txt", "a\n".encode("utf-16"), {"label": None}, "line 1: not UTF-8"),
        (".tsv", HEADER + b"b\n", {}, "line 3: 1 field; line 1 has 2"),
        (".tsv", HEADER + b"b\tc\td\n", {}, "line 3: 3 fields; line 1 has 2"),
        (".tsv", HEADER + b"\nb\ty\n", {}, "line 3: 1 field; line 1 has 2"),
        (".csv", b'text,label\n"a\nb",x\nc\n', {}, "line 4: 1 field; line 1 has 2"),
        (".csv", b'text,label\na,x\n"b,y\nc,z\n', {}, "line 3: .* double quotes"),
        (".csv", b'text,label\n"a"b,x\n', {}, "line 2: .* double quotes"),
        (".csv", b'text,label\n"a\n\nb",x\n"\n\n",y\n', {}, "line 5: text .* is empty"),
        (".tsv", HEADER + b" \tx\n", {}, r"line 3: text \(column 'text'\) is empty"),
        (".tsv", HEADER + b"b\t\n", {}, r"line 3: label \(column 'label'\) is empty"),
        (".tsv", b"a\tx\n\ty\n", {"text": 1, "label": 2}, r"line 2: text \(column 1\) is empty"),
        (".tsv", HEADER, {"text": "txet"}, r"no column text='txet'; it has 'text', 'label'; "
                                          r"did you mean 'text'\?\. .* by number"),
        (".tsv", b"one\tx\n", {}, "no column text='text'; it has 'one', 'x'.* by number, from 1"),
        (".tsv", HEADER, {"text": 3, "label": 1}, "no column text=3; its first line has 2"),
        (".tsv", HEADER, {"text": 1}, "text=1, label='label': give both as names"),
        (".tsv", HEADER, {"label": 2}, "text='text', label=2: give both as names"),
        (".tsv", HEADER, {"text": "label"}, "text and label are both column 'label'"),
        (".tsv", b"text\ttext\tlabel\na\tb\tc\n", {}, "more than one column 'text'"),
        (".tsv", HEADER, {"text": 0, "label": 1}, "text=0; a column is a name, or a whole number"),
        (".tsv", HEADER, {"text": True, "label": 2}, "text=True; a column is"),
        (".tsv", HEADER, {"text": None}, "text=None; a column is"),
        (".tsv", HEADER, {"text_pair": ""}, "text_pair=''; a column is"),
        (".tsv", HEADER, {"numbers": True}, "line 2: label .* is \"x\"; it must be a finite num"),
        (".tsv", b"1\ta\nnan\tb", {"label": 1, "text": 2, "numbers": True}, "line 2: .* finite"),
        (".tsv", b"1\ta\n-inf\tb", {"label": 1, "text": 2, "numbers": True}, "line 2: .* finite"),
        (".jsonl", b'{"text": "a", "label": 1}\n{"text": "a"', {}, "line 2: not JSON"),
        (".jsonl", b"[" * 100_000, {}, "line 1: not JSON"),
        (".jsonl", b'{"text": "a", "label": 1}\n\n{"text": "b"}\n', {}, "line 2: not JSON"),
        (".jsonl", b'["a", "b"]', {}, "line 1: .* is no JSON object"),
        (".jsonl", b'{"text": "a"}', {}, "no column label='label'; it has 'text'$"),
        (".jsonl", b'{"text": "a"}', {"text": 1}, "columns of .jsonl are keys"),
        (".jsonl", b'{"text": "a", "label": 1}\n{"text": "a", "x": 1}', {},
         "line 2: label .* is missing; the object has 'text', 'x'"),
        (".jsonl", b'{"text": 7, "label": 1}', {}, "line 1: text .* is 7; it must be a string"),
        (".jsonl", b'{"text": "a", "label": null}', {}, "label .* is null; it must be a string"),
        (".jsonl", b'{"text": "a", "label": 1.5}', {}, "label .* is 1.5; .*numbers=True"),
        (".jsonl", b'{"text": "a", "label": NaN}', {"numbers": True}, "is NaN; .* finite"),
        (".jsonl", b'{"text": "a", "label": 1' + b"0" * 400 + b"}", {"numbers": True}, "finite"),
        (".jsonl", b'{"text": "a", "label": true}', {"numbers": True}, "is true; .* finite"),
        (".txt", b"a\n", {}, "no label; use .tsv"),
        (".txt", b"a\n", {"label": None, "text_pair": "b"}, "no text_pair; use .tsv"),
        (".xlsx", b"a\n", {}, "one of .tsv, .csv, .jsonl, .txt; this one's is '.xlsx'"),
        ("", b"a\n", {}, "this one's is ''"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, suffix, content, columns, message):
    path = write(tmp_path, suffix, content)
    with pytest.raises(ValueError, match=message):
        read_table(path, **columns)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")


def test_a_label_not_seen_in_training():
    assert label_indices(["b", "a", "b"], ["a", "b"], "dev.tsv") == [1, 0, 1]
    with pytest.raises(ValueError, match=r"dev\.tsv, example 3: the label 'spams' was not seen in "
                                         r"training; known are 'mail', 'spam'; did you mean 'sp"):
        label_indices(["spam", "mail", "spams"], ["mail", "spam"], "dev.tsv")
    names = [str(i) for i in range(150)]
    with pytest.raises(ValueError, match="'19' and 130 more"):
        label_indices(["no"], names, "dev.tsv")


def test_real_files(data_dir):
    """CoLA has no header, RTE has one and pairs."""
    cola = read_table(data_dir / "cola" / "in_domain_train.tsv", text=4, label=2)
    assert (len(cola.texts), set(cola.labels)) == (8551, {"0", "1"})
    rte = read_table(data_dir / "rte" / "dev.tsv", text="sentence1", text_pair="sentence2")
    assert len(rte.pairs) == 139
    assert set(rte.labels) == {"entailment", "not_entailment"}


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".tsv", "text\tlabel\na\tx\n\n\n"),
        (".csv", "text,label\na,x\r\n\r\n"),
        (".jsonl", '{"text": "a", "label": "x"}\n\n'),
    ],
)
def test_empty_lines_at_the_end_are_no_records(tmp_path, suffix, content):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content.encode())
    assert read_table(path) == (["a"], None, ["x"])
