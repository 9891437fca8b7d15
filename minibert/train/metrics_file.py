"""metrics.csv and validation.csv: one line a training step or validation, written at once.

The files are line-buffered, so that an interrupted run keeps every line so far. Numbers have all
their digits: read back, they are the same bits.
"""

import contextlib
import csv
import io
from pathlib import Path

from minibert.text import write_text
from minibert.train.environment import write_environment


class Records:
    """The history of a run, and its files where it has a folder.

    Parameters
    ----------
    out : path or None
        Folder for metrics.csv, validation.csv and env.json.
    done : int
        Steps that are done already. The files' lines up to this one are kept and begin the
        history; those after it belong to steps that are done again.

    Attributes
    ----------
    history : list of dict
        One row a step, with "score" where there was a validation.
    """

    def __init__(self, out, done):
        self.out, self.done, self.files, self.history = out, done, {}, []
        if out is None:
            return
        write_environment(out)
        if not done:
            self._path("validation").unlink(missing_ok=True)
        self.history = _numbers(self._path("metrics"), done)
        scores = {row["step"]: row["score"] for row in _numbers(self._path("validation"), done)}
        for row in self.history:
            if row["step"] in scores:
                row["score"] = scores[row["step"]]

    def add(self, row):
        """Keep the row of a step."""
        self._write("metrics", row)
        self.history.append(row)

    def add_score(self, score):
        """Keep the score of the last step's model."""
        row = self.history[-1]
        self._write("validation", {"step": row["step"], "score": score})
        row["score"] = score

    def close(self):
        """Close the files."""
        for file in self.files.values():
            file.close()

    def _path(self, name):
        """Of one of the files."""
        return Path(self.out) / f"{name}.csv"

    def _write(self, name, row):
        """Append a row to a file, which is opened with the first."""
        if self.out is None:
            return
        if name not in self.files:
            self.files[name] = Metrics(self._path(name), list(row), self.done)
        self.files[name].write(row)


class Metrics:
    """A metrics.csv that is open for appending.

    Parameters
    ----------
    path : Path
    columns : list of str
    done : int
        An existing file's lines up to this step are kept (rewritten under a temporary name, then
        put in place); those after it belong to steps that are done again.
    """

    def __init__(self, path, columns, done):
        self.path, self.columns = path, columns
        found, kept = _lines_until(path, done)
        if kept and found != columns:
            raise ValueError(
                f"{path}: its columns are {found}, this run's are {columns}; use another folder"
            )
        begun = io.StringIO(newline="")
        csv.writer(begun, lineterminator="\n").writerows([columns, *kept])
        write_text(path, begun.getvalue())
        self.file = open(path, "a", buffering=1, encoding="utf-8", newline="")  # noqa: SIM115
        self.writer = csv.writer(self.file, lineterminator="\n")

    def write(self, row):
        """Append one row; floats with all their digits."""
        if list(row) != self.columns:
            odd = sorted(set(row) ^ set(self.columns)) or list(row)
            raise ValueError(
                f"parts: {odd[0]!r} was not in every step; give each part in each "
                "step, 0.0 while it plays no role"
            )
        try:
            self.writer.writerow(row.values())
        except OSError as error:
            raise OSError(f"cannot write {self.path}: {error}") from None

    def close(self):
        """Close the file; what could not be written was said by `write`."""
        with contextlib.suppress(OSError):
            self.file.close()


def _lines_until(path, done):
    """The header of an earlier file and its lines with step <= done, as they are."""
    if done == 0 or not path.exists():
        return [], []
    text = path.read_bytes().decode("utf-8")
    whole = text[: text.rfind("\n") + 1]  # a full disk may have cut the last line short
    header, *rows = csv.reader(whole.split("\n")[:-1]) if whole else [["step"]]
    if header[:1] != ["step"]:
        raise ValueError(f"{path}: its first column is not 'step'; use another folder")
    return header, [row for row in rows if len(row) == len(header) and int(row[0]) <= done]


def _numbers(path, done):
    """The same as a list of dicts of numbers."""
    header, rows = _lines_until(path, done)
    return [
        {name: int(x) if name == "step" else float(x) for name, x in zip(header, row, strict=True)}
        for row in rows
    ]
