"""Put part of the examples aside for testing, the same part of every class."""

from collections.abc import Sequence

import numpy as np


def stratified_split(
    labels: Sequence, test: float = 0.2, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Divide examples at random into two parts with the same mixture of classes.

    Parameters
    ----------
    labels : sequence
        The class of each example: strings or numbers.
    test : float
        The part for testing, in (0, 1). Of a class with n examples it gets round(test * n), ties
        to even, but at least one and at most n - 1; a class with one example stays in training.
    seed : int

    Returns
    -------
    train, test : ndarray of int64
        Indices, ascending; every example in exactly one.

    Raises
    ------
    ValueError
        If `test` is not in (0, 1), or no class has two examples.

    Examples
    --------
    >>> train, test = stratified_split(["a"] * 10 + ["b"] * 5)
    >>> len(train), len(test), int((test >= 10).sum())
    (12, 3, 1)
    """
    if not 0 < test < 1:
        raise ValueError(f"test={test}; it must be between 0 and 1, such as 0.2")
    _, classes, sizes = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    if sizes.max(initial=0) < 2:
        raise ValueError(
            f"{len(classes)} examples, {len(sizes)} different labels: none can be tested on "
            "after training; are text and label in the right order?"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(classes))
    in_test = np.zeros(len(classes), dtype=bool)
    for c, n in enumerate(sizes):
        n_test = min(max(1, round(test * int(n))), int(n) - 1)
        in_test[order[classes[order] == c][:n_test]] = True
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)
