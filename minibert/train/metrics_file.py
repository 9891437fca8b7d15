"""metrics.csv: one line a training step, written as the step is done.

The file is line-buffered, so that an interrupted run keeps every line so far. Numbers have all
their digits: read back, they are the same bits.
"""

import csv
import os


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
        self.columns = columns
        kept = _rows_until(path, columns, done)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with open(temporary, "w", encoding="utf-8", newline="") as f:
            csv.writer(f, lineterminator="\n").writerows([columns, *kept])
        os.replace(temporary, path)
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
        self.writer.writerow(row.values())

    def close(self):
        """Close the file."""
        self.file.close()


def _rows_until(path, columns, done):
    """The rows of an earlier metrics.csv with step <= done."""
    if done == 0 or not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.reader(f))
    if rows and rows[0] != columns:
        raise ValueError(
            f"{path}: its columns are {rows[0]}, this run's are {columns}; use another folder"
        )
    return [row for row in rows[1:] if len(row) == len(columns) and int(row[0]) <= done]
