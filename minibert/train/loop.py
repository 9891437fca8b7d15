"""The training loop: call a TrainStep until it has done its steps, and show and keep what it said.

A progress bar shows the last step (a few plain lines where stderr is no terminal). In the run's
folder `metrics.csv` gets a line for every step and `env.json` says what the run ran on.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minibert.train.environment import write_environment
from minibert.train.metrics_file import Metrics
from minibert.train.progress import reporter


def fit(
    step,
    batches,
    *,
    total_steps,
    out=None,
    log_every=None,
    description="training",
    callbacks=(),
    progress=True,
):
    """Train until `step.step_count` is `total_steps`.

    Parameters
    ----------
    step : TrainStep
        Fresh, or loaded to go on with an interrupted run.
    batches : iterable of dict
        Arguments of `step`. It is started anew whenever it ends (an epoch), so that it must be
        something that can be iterated again, unless it is long enough.
    total_steps : int
        Updates of the whole run, those that a loaded `step` has already done included.
    out : str or Path, optional
        Folder for metrics.csv and env.json. A metrics.csv that is already there keeps its lines
        up to `step.step_count` (so none for a fresh step) and is continued.
    log_every : int, optional
        Steps between two plain log lines; by default about ten lines in all.
    description : str
        First word of the bar and of log lines.
    callbacks : iterable of callable
        Called as callback(step, row) after every step; one that returns True ends the run.
    progress : bool
        False shows neither bar nor lines.

    Returns
    -------
    list of dict
        One row a step: "step" (from 1), "loss", the loss's parts, "lr", "grad_norm" and
        "tokens_per_s" (padding not counted). What metrics.csv holds of these steps.

    Raises
    ------
    ValueError
        If `batches` ends for good before `total_steps`, or the parts of the loss change their
        names.
    """
    history, metrics = [], None
    if out is not None:
        write_environment(out)
    shown = reporter(step.step_count, total_steps, log_every, description, progress)
    try:
        stream = _endless(batches)
        while step.step_count < total_steps:
            batch = next(stream)
            start = time.perf_counter()
            step(**batch)
            seconds = time.perf_counter() - start
            row = {
                "step": step.step_count,
                "loss": step.loss,
                **step.parts,
                "lr": step.lr,
                "grad_norm": step.grad_norm,
                "tokens_per_s": tokens(batch) / max(seconds, 1e-9),
            }
            history.append(row)
            if out is not None:
                metrics = metrics or Metrics(
                    Path(out) / "metrics.csv", list(row), step.step_count - 1
                )
                metrics.write(row)
            shown.show(row)
            if any([callback(step, row) for callback in callbacks]):  # a list: all are called
                break
    finally:
        shown.close()
        if metrics:
            metrics.close()
    return history


def _endless(batches):
    """The batches, again and again."""
    once = isinstance(batches, Iterator)
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty or once:
            raise ValueError(
                "batches: ended before total_steps was reached; pass something that "
                "can be iterated again, such as a list, and is not empty"
            )


def tokens(batch):
    """Number of tokens of a batch, padding not counted."""
    keep = batch.get("attention_mask")
    return int(np.size(batch["input_ids"]) if keep is None else np.sum(keep))
