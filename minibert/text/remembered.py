"""Remember what a function makes of strings: texts use few words, again and again.

A text of ten million characters has two million words, but hardly 70 thousand different ones. As
a dict that works out what it does not hold, ``map(remembered.__getitem__, words)`` looks words up
without a line of Python for those that have been seen.
"""

from collections.abc import Callable

MOST = 1 << 16  # strings remembered; some 15 MB with the few ids that each has
LONGEST = 24  # characters; longer strings hardly ever come again, and would take the room


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
