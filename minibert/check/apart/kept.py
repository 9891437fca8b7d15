"""What a child prints, and where it is: in files that it cannot take from its parent."""

import contextlib
import os

from minibert.check.apart import child

MOST_PRINTED = 2_000  # characters that are kept
FLOOD = 2**20  # bytes that may lie in the file of printed text


class Kept:
    """Files that are open from before the child begins: they stay, whatever it does to the folder.

    What is printed, and the number of the call that runs.
    """

    def __init__(self, folder):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self.head, self.numbers = b"", {}
        for name in ("printed", "running"):
            self.numbers[name] = os.open(os.path.join(folder, name), flags, 0o600)
        os.write(self.numbers["running"], b"%*d" % (child.NUMBER, -1))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for number in self.numbers.values():
            os.close(number)

    def _first(self, name, most):
        os.lseek(self.numbers[name], 0, os.SEEK_SET)
        return os.read(self.numbers[name], most)

    def keep_short(self):
        """Keep the beginning of what was printed, and little of the rest."""
        with contextlib.suppress(OSError):
            if os.fstat(self.numbers["printed"]).st_size > FLOOD:
                self.head = self.head or self._first("printed", 4 * MOST_PRINTED)
                os.truncate(self.numbers["printed"], 0)

    def printed(self):
        """The beginning of what was printed."""
        data = self.head or self._first("printed", 4 * MOST_PRINTED)
        return data.decode("utf-8", "replace")[:MOST_PRINTED]

    def running(self):
        """The number of the call that was made last; -1 before the first."""
        try:
            return int(self._first("running", child.NUMBER))
        except ValueError:
            return -1
