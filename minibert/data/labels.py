"""Labels that are names: their order, and the class number of each."""

import os
import re
from collections.abc import Iterable, Sequence

from minibert.data.names import nearest_name, some_names


def label_names(labels: Iterable[str]) -> list[str]:
    """The different labels in order: as numbers if all are whole numbers, else as text.

    >>> label_names(["10", "9", "9"]), label_names(["b", "10", "9"])
    (['9', '10'], ['10', '9', 'b'])
    """
    names = set(labels)
    if all(re.fullmatch(r"[+-]?[0-9]+", name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def label_indices(
    labels: Sequence[str], names: Sequence[str], where: str | os.PathLike
) -> list[int]:
    """The class number of each label.

    Parameters
    ----------
    labels : sequence of str
    names : sequence of str
        Of the classes, in order.
    where : path or str
        What the labels are from, for the message.

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If a label is not among the names.

    Examples
    --------
    >>> label_indices(["b", "a"], ["a", "b"], "dev.tsv")
    [1, 0]
    """
    index = {name: i for i, name in enumerate(names)}
    for number, label in enumerate(labels, start=1):
        if label not in index:
            raise ValueError(
                f"{where}, example {number}: the label {label!r} was not seen in training; "
                f"known are {some_names(names)}{nearest_name(label, names)}"
            )
    return [index[label] for label in labels]
