"""From the tokens of a batch back to the texts it was made from.

Most batches are only fed to a model, so this is worked out when it is asked for, row by row, by
going through the text again.
"""

from collections.abc import Callable

from minibert.text.pieces import Pieces
from minibert.text.rows import Row, framed


class Alignment:
    """What the tokens of a batch have to do with the texts; padding is left out everywhere.

    Parameters
    ----------
    texts : list of (text, text or None)
    rows : list of Row
    special : bool
        Whether the rows have [CLS] and [SEP].
    trace : callable
        From a text to its `Pieces`.
    """

    def __init__(
        self, texts: list, rows: list[Row], special: bool, trace: Callable[[str | list], Pieces]
    ):
        self.rows, self.special = rows, special
        self._texts, self._trace = texts, trace
        self._traced: dict[int, tuple[Pieces, Pieces | None]] = {}

    def offsets(self, i: int) -> list[tuple[int, int]]:
        """First and last + 1 character of every token; (0, 0) at special tokens."""
        return self._of_pieces(i, "offsets", (0, 0))

    def words(self, i: int) -> list[int | None]:
        """The word of every token; None at special tokens."""
        return self._of_pieces(i, "words", None)

    def texts(self, i: int) -> list[int | None]:
        """0 at tokens of the first text, 1 at those of the second; None at special tokens."""
        _, first, second = self.rows[i]
        n = 0 if second is None else second.stop - second.start
        marks = [0] * (first.stop - first.start), None if second is None else [1] * n
        return framed(*marks, (None, None) if self.special else None)

    def _of_pieces(self, i: int, name: str, at_special) -> list:
        """One of the lists of `Pieces`, brought into the form of the row."""
        sample, first, second = self.rows[i]
        a, b = self._pieces(sample)
        return framed(
            getattr(a, name)[first],
            None if b is None else getattr(b, name)[second],
            (at_special, at_special) if self.special else None,
        )

    def _pieces(self, sample: int) -> tuple[Pieces, Pieces | None]:
        """The pieces of a text, or pair; remembered, as its windows stand side by side."""
        if sample not in self._traced:
            pair = self._texts[sample]
            self._traced = {sample: tuple(None if t is None else self._trace(t) for t in pair)}
        return self._traced[sample]
