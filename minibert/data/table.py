"""A person's own file as texts (or pairs of texts) and labels (names or numbers).

.tsv, .csv and .jsonl are in data/records.py. A column is a name, and then the file begins with a
header line, or a number from 1, and then it has none. In .jsonl a column is a key of the objects.
A .txt file is one text a line; its lines may be empty, and it has no labels.
"""

import os
from pathlib import Path
from typing import NamedTuple

from minibert.data.fields import read_class, read_number, read_text
from minibert.data.lines import read_lines
from minibert.data.names import nearest_name, some_names
from minibert.data.records import Record, read_records

Column = str | int


class Table(NamedTuple):
    """Texts, the second text of each pair or None, and labels or None; all equally many."""

    texts: list[str]
    pairs: list[str] | None
    labels: list[str] | list[float] | None


def read_table(
    path: str | os.PathLike,
    *,
    text: Column = "text",
    text_pair: Column | None = None,
    label: Column | None = "label",
    numbers: bool = False,
    need_label: bool = True,
) -> Table:
    r"""Read texts and labels from a .tsv, .csv, .jsonl or .txt file.

    Parameters
    ----------
    path : path
    text, text_pair, label : str or int
        The columns: all names, or all numbers from 1. None for `text_pair`: single texts. None
        for `label`: labels are not read.
    numbers : bool
        Labels are finite numbers (regression), not names.
    need_label : bool
        False: if the file has no column `label`, the labels are None.

    Returns
    -------
    Table
        Labels are strings as they stand in the file, or floats. In .jsonl a label may be a whole
        number or a boolean; it becomes the string that JSON writes: "3", "true".

    Raises
    ------
    ValueError
        If a column is not there, or at the first line that is not what it should be: not UTF-8, of
        another number of fields, with an empty text or label.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mails.csv"
    >>> _ = path.write_text('kind,body\nspam,"win, now"\nmail,see you\n')
    >>> read_table(path, text="body", label="kind")
    Table(texts=['win, now', 'see you'], pairs=None, labels=['spam', 'mail'])
    """
    path = Path(path)
    columns = {"text": text}
    columns |= {"text_pair": text_pair} if text_pair is not None else {}
    columns |= {"label": label} if label is not None else {}
    _check_columns(columns)
    if path.suffix.lower() == ".txt":
        return _plain_texts(path, columns, need_label)
    places, records = _find_columns(path, read_records(path), columns, need_label)
    readers = dict.fromkeys(places, read_text) | {"label": read_number if numbers else read_class}
    values = {role: [] for role in places}
    for record in records:
        for role, place in places.items():
            try:
                values[role].append(readers[role](_field(record, place)))
            except ValueError as error:
                raise ValueError(
                    f"{path}, line {record.line}: {role} (column {columns[role]!r}) {error}"
                ) from None
    return Table(values["text"], values.get("text_pair"), values.get("label"))


def parse_column(argument: str) -> Column:
    """A column as somebody types it: digits are a number, all else is a name.

    >>> parse_column("4"), parse_column("sentence")
    (4, 'sentence')
    """
    return int(argument) if argument.isascii() and argument.isdigit() else argument


def _check_columns(columns: dict[str, Column]) -> None:
    for role, column in columns.items():
        whole = isinstance(column, int) and not isinstance(column, bool) and column >= 1
        if not (whole or (isinstance(column, str) and column)):
            raise ValueError(
                f"{role}={column!r}; a column is a name, or a whole number from 1 where the file "
                "has no header line"
            )
        first = next(other for other in columns if columns[other] == column)
        if first != role:
            raise ValueError(f"{first} and {role} are both column {column!r}; they must differ")


def _plain_texts(path: Path, columns: dict[str, Column], need_label: bool) -> Table:
    """One text a line."""
    wanted = [role for role in columns if role == "text_pair" or (role == "label" and need_label)]
    if wanted:
        raise ValueError(
            f"{path}: a .txt file has one text a line and no {wanted[0]}; use .tsv, .csv or .jsonl"
        )
    return Table(read_lines(path), None, None)


def _find_columns(
    path: Path, records: list[Record], columns: dict[str, Column], need_label: bool
) -> tuple[dict[str, int | str], list[Record]]:
    """Where each column is in a record's fields, and the records without the header line."""
    keyed = path.suffix.lower() == ".jsonl"
    named = isinstance(columns["text"], str)
    if keyed and not named:
        raise ValueError(f"{path}: text={columns['text']}; the columns of .jsonl are keys: a name")
    header = records[0].fields
    places = {}
    for role, column in columns.items():
        optional = role == "label" and not need_label
        if isinstance(column, str) != named:
            if optional:
                continue
            raise ValueError(
                f"text={columns['text']!r}, {role}={column!r}: give both as names (the file has a "
                "header line) or both as numbers (it has none)"
            )
        known = list(header) if named else range(1, len(header) + 1)
        if column in known:
            places[role] = column if keyed else known.index(column)
        elif not optional:
            there = _known(column, known, keyed)
            raise ValueError(f"{path} has no column {role}={column!r}; {there}")
        if named and known.count(column) > 1:
            raise ValueError(f"{path} has more than one column {column!r}; rename the others")
    if named and not keyed:
        records = records[1:]
        if not records:
            raise ValueError(f"{path} has a header line and nothing after it")
    return places, records


def _known(column: Column, known, keyed: bool) -> str:
    """What columns there are, for a message."""
    if isinstance(known, range):
        return f"its first line has {len(known)}, between tabs or commas as the suffix says"
    advice = "" if keyed else ". If the first line is no header, select columns by number, from 1"
    return f"it has {some_names(known)}{nearest_name(column, known)}{advice}"


def _field(record: Record, place: int | str):
    """One field of a record."""
    if isinstance(place, str) and place not in record.fields:
        raise ValueError(f"is missing; the object has {some_names(record.fields)}")
    return record.fields[place]
