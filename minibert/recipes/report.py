"""The rows of a report: what each model is worth, and what it costs.

A row is a dict: "name", the model's scores ("accuracy", ...), and the fields of `Costs`.
"""

import time
from typing import NamedTuple

import numpy as np

from minibert.eval import encoder_flops
from minibert.eval.bag_of_words import split_words
from minibert.interop.tensors import write_tensors


class Costs(NamedTuple):
    """What a model needs."""

    parameters: int  # numbers that are stored
    bytes: int  # of all files that are needed to predict
    flops: int  # of the encoder's matrix products, mean over the test texts
    latency_ms_1: float  # from a text to its class, one text at a time
    latency_ms_32: float  # for 32 texts at once, as they come


def format_table(rows, measures=("accuracy",)):
    """The rows as a text table, sizes in kB (1000 bytes).

    Parameters
    ----------
    rows : list of dict
    measures : sequence of str
        Which scores to show. Accuracy is shown in percent; the first with its interval in
        brackets, where a row has "intervals".
    """
    names = ("parameters", "kB", "MFLOP", "ms, 1 text", "ms, 32 texts")
    head = ("", *(measure.replace("_", " ") for measure in measures), *names)
    body = [
        (
            row["name"],
            *(_score(row, measure, measure == measures[0]) for measure in measures),
            f"{row['parameters']:,}",
            f"{row['bytes'] / 1e3:,.0f}",
            f"{row['flops'] / 1e6:,.2f}",
            f"{row['latency_ms_1']:.2f}",
            f"{row['latency_ms_32']:.2f}",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        f"{name.ljust(widths[0])}  " + "  ".join(map(str.rjust, figures, widths[1:]))
        for name, *figures in (head, *body)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _score(row, measure, with_interval):
    """One score, and its interval where there is one."""
    form = "{:.1%}" if measure == "accuracy" else "{:.3f}"

    def write(x):
        return "undefined" if x is None else form.format(x)

    interval = row.get("intervals", {}).get(measure) if with_interval else None
    inside = f" [{', '.join(map(write, interval))}]" if interval else ""
    return write(row[measure]) + inside


def bag_of_words_costs(words, texts, file, latency):
    """The costs of a bag of words, which is saved as `file` to be weighed."""
    write_tensors(file, words.parameters, {})
    return Costs(
        words.idf.size + words.weight.size + words.bias.size,
        file.stat().st_size,
        2 * words.weight.shape[1] * round(np.mean([len(split_words(t)) for t in texts])),
        *latency,
    )


def model_costs(model, path, lengths, latency):
    """The costs of a model that was saved as `path`, on texts of these lengths in tokens."""
    return Costs(
        sum(int(np.prod(p.shape)) for p in model.params.values()),
        files_size(path),
        round(float(np.mean([encoder_flops(model.config, length) for length in lengths]))),
        *latency,
    )


def files_size(path):
    """Bytes of a model's files; tokenizer.json, which repeats vocab.txt for others, left out."""
    files = [path] if path.is_file() else path.iterdir()
    return sum(file.stat().st_size for file in files if file.name != "tokenizer.json")


def latencies(predictors, texts, *, singles=100, batches=10):
    """Median time of each predictor from text to class, measured in turn on the same texts.

    Taking turns text by text lets a change of the machine's speed fall on all of them alike.

    Parameters
    ----------
    predictors : dict of str to callable
        Each takes a list of texts.
    texts : list of str
        As they come, not sorted.
    singles, batches : int
        How many texts are timed one at a time, and how many batches of 32.

    Returns
    -------
    dict of str to (float, float)
        Milliseconds for one text, and for 32.
    """
    one = [texts[i : i + 1] for i in range(min(singles, len(texts)))]
    many = [texts[i : i + 32] for i in range(0, min(32 * batches, len(texts)), 32)]
    single, batched = _medians(predictors, one), _medians(predictors, many)
    return {name: (single[name], batched[name]) for name in predictors}


def _medians(predictors, batches):
    """Median milliseconds a batch, by predictor."""
    for predict in predictors.values():
        predict(batches[0])
    times = {name: [] for name in predictors}
    for batch in batches:
        for name, predict in predictors.items():
            start = time.perf_counter()
            predict(batch)
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) * 1e3 for name, seconds in times.items()}
