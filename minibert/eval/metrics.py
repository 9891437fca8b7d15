"""How good predictions are."""

import numpy as np


def accuracy(predicted, labels):
    """Share of the predictions that are right, in [0, 1].

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 2, 0])
    0.75
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape or not labels.size:
        raise ValueError(
            f"predicted is {predicted.shape}, labels {labels.shape}; give one of each per example"
        )
    return float((predicted == labels).mean())
