r"""Files of records: .tsv, .csv, .jsonl, told apart by their suffix.

- .tsv: fields between tabs; a quote is a character like any other, as in the GLUE files.
- .csv: RFC 4180. A field in double quotes may hold commas, doubled quotes and ends of lines (which
  all become "\n"). A record's line is the one it begins on.
- .jsonl: one JSON object a line.

In the first two every record has as many fields as the first. Empty lines at the end of a file
are no records.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minibert.data.lines import read_lines


class Record(NamedTuple):
    """One record: the number of its line, and its fields by place (from 0) or by key."""

    line: int
    fields: list[str] | dict[str, object]


def read_records(path: Path) -> list[Record]:
    """Read the records of a .tsv, .csv or .jsonl file; a header line is a record too.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Record

    Raises
    ------
    ValueError
        If the suffix is another, the file is empty, or a line is not what it should be.
    """
    parse = PARSERS.get(path.suffix.lower())
    if parse is None:
        raise ValueError(
            f"{path}: the kind of a file is told by its suffix, one of {', '.join(PARSERS)}, .txt; "
            f"this one's is {path.suffix!r}"
        )
    lines, records = read_lines(path), []
    while len(lines) > 1 and not lines[-1]:  # many programs end a file with an empty line
        lines.pop()
    for record in parse(path, lines):
        records.append(record)
        got, wanted = len(record.fields), len(records[0].fields)
        if got != wanted and isinstance(record.fields, list):
            raise ValueError(
                f"{path}, line {record.line}: {got} field{'s' * (got != 1)}; "
                f"line {records[0].line} has {wanted}"
            )
    return records


def _tsv(path: Path, lines: list[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        yield Record(number, line.split("\t"))


def _csv(path: Path, lines: list[str]) -> Iterator[Record]:
    reader = csv.reader((line + "\n" for line in lines), strict=True)
    number = 1
    try:
        for fields in reader:
            yield Record(number, fields)
            number = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {number}: {error}; a field with a quote, a comma or a line's end in it "
            'stands in double quotes, and a quote inside is doubled: "so ""quoted"" it is"'
        ) from None


def _jsonl(path: Path, lines: list[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}: not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise ValueError(f"{path}, line {number}: {line[:40]!r} is no JSON object {{...}}")
        yield Record(number, fields)


PARSERS = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl}
