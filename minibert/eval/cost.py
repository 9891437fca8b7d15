"""What a model costs: operations and milliseconds."""

import time

import numpy as np


def encoder_flops(config, length):
    """Floating-point operations of the encoder's matrix products for one sequence.

    A multiply-add counts as two:

    (1)  sum over layers of 2 L (4 D H K + 2 D F) + 4 L^2 H K

    Embeddings, LayerNorm, GELU, softmax and the heads are left out, as in the TinyBERT paper.

    Parameters
    ----------
    config : BertConfig
    length : int
        L.

    Examples
    --------
    >>> from minibert.config import preset
    >>> round(encoder_flops(preset("tinybert-4l-312"), 128) / 1e9, 2)
    1.25
    """
    L, D = length, config.hidden
    total = 0
    for size in config.layers:
        width = size.heads * size.head_size
        total += 2 * L * (4 * D * width + 2 * D * size.ffn) + 4 * L * L * width  # (1)
    return total


def median_ms(function, repeats=5):
    """Median wall time of function() in milliseconds, after one call that is not counted."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3
