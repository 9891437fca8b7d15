"""Remember what a function makes of strings: texts use few words, again and again.

Ten million characters of English are two million words, but fifty thousand different ones. This is
a dict that works out what it does not hold: ``map(remembered.__getitem__, words)`` runs no line of
Python for words that have been seen.
"""

from collections.abc import Callable

MOST = 1 << 16  # strings remembered; with the few ids that each has some 10 MB
LONGEST = 100  # characters; longer strings hardly ever come again


class Remembered(dict):
    """The values of a function of strings; when there are too many, all are forgotten.

    Parameters
    ----------
    function : callable
        From a string to a value that nobody changes.

    Examples
    --------
    >>> lengths = Remembered(len)
    >>> list(map(lengths.__getitem__, ["to", "be", "to"])), lengths
    ([2, 2, 2], {'to': 2, 'be': 2})
    """

    def __init__(self, function: Callable[[str], object]):
        super().__init__()
        self.function = function

    def __missing__(self, string: str):
        value = self.function(string)
        if len(string) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
            self[string] = value
        return value

    def __reduce__(self):
        """A copy begins with nothing remembered."""
        return Remembered, (self.function,)
