"""The training loop: call a TrainStep until it has done its steps, and show and keep what it said.

A progress bar shows the last step (a few plain lines where stderr is no terminal). In the run's
folder `metrics.csv` gets a line for every step, `validation.csv` one for every validation, and
`env.json` says what the run ran on. With checkpoints a run that was interrupted goes on where it
stopped, as if nothing had been.
"""

import sys
import time
from itertools import chain, islice

from minibert.train.estimate import SAMPLE, estimate_seconds, minutes
from minibert.train.interrupts import HeldInterrupts
from minibert.train.metrics_file import Records
from minibert.train.progress import reporter
from minibert.train.stream import endless, tokens

VALIDATIONS = 10  # in a run, unless validate_every says otherwise
WORTH_ESTIMATING = 50  # steps; the estimate costs nearly two
WORTH_SAYING = 10.0  # seconds


def fit(
    step,
    batches,
    *,
    total_steps,
    out=None,
    checkpoints=None,
    save_every=None,
    validate=None,
    validate_every=None,
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
        something that can be iterated again, unless it is long enough. A run that goes on calls
        its ``skip(n)``, see `endless`, or passes over the batches that were used.
    total_steps : int
        Updates of the whole run, those that a loaded `step` has already done included.
    out : str or Path, optional
        Folder for metrics.csv, validation.csv and env.json. Files that are already there keep
        their lines up to `step.step_count` (so none for a fresh step) and are continued.
    checkpoints : Checkpoints, optional
        The run goes on from its last one, if there is one, and saves there: from time to time,
        after each validation, at the end and when it is interrupted with Ctrl-C.
    save_every : int, optional
        Steps between two saves; by default a minute.
    validate : callable, optional
        model -> score, the higher the better. The model with the best is kept in
        `checkpoints`.
    validate_every : int, optional
        Steps between two validations; by default about ten in all. There always is one after
        the last step.
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
        "tokens_per_s" (padding not counted), which metrics.csv holds too, and "score" where the
        model was validated. The steps of an earlier part of the run are read from `out`.

    Raises
    ------
    ValueError
        If `batches` ends for good before `total_steps`, the parts of the loss change their
        names, or the checkpoint is broken or of another run.
    FloatingPointError
        If the loss, a gradient or a parameter is not finite. The last checkpoint is from before.
    OSError
        If something cannot be written. The last checkpoint is whole.
    KeyboardInterrupt
        On Ctrl-C, with checkpoints when the step under way is done and saved.
    """
    keeps = checkpoints is not None
    resumed = keeps and checkpoints.load(step)
    if keeps and step.step_count > total_steps:
        raise ValueError(
            f"total_steps: got {total_steps}, but {checkpoints.last} already holds step "
            f"{step.step_count}; use another folder"
        )
    validate_every = validate_every or max(1, -(-total_steps // VALIDATIONS))
    stream = endless(batches, step.step_count if keeps else 0)
    records = Records(out, step.step_count)
    shown = reporter(step.step_count, total_steps, log_every, description, progress)
    whole = True  # while a step is under way, there is nothing to be saved
    with HeldInterrupts(keeps) as held:
        try:
            if progress:
                stream = _announce(shown, step, stream, total_steps, resumed)
            while step.step_count < total_steps:
                whole = False
                row = _one_step(step, next(stream))
                records.add(row)
                shown.show(row)
                ends, score = step.step_count == total_steps, None
                if validate and (ends or step.step_count % validate_every == 0):
                    score = float(validate(step.model))
                    records.add_score(score)
                    shown.say(f"{step.step_count}/{total_steps}: score {score:.4f}")
                if keeps and (ends or score is not None or checkpoints.is_due(step, save_every)):
                    checkpoints.save(step, score=score)
                whole = True
                if any([callback(step, row) for callback in callbacks]):  # a list: all are called
                    break
                held.release()
            if keeps and checkpoints.step_count != step.step_count:
                checkpoints.save(step)
        except KeyboardInterrupt:
            shown.close()
            if keeps:
                if whole and checkpoints.step_count != step.step_count:
                    checkpoints.save(step)
                print(f"{description} was stopped; {checkpoints.where()}", file=sys.stderr)
            raise
        except FloatingPointError as error:
            if keeps:
                raise FloatingPointError(f"{error}; {checkpoints.where()}") from None
            raise
        finally:
            shown.close()
            records.close()
    return records.history


def _one_step(step, batch):
    """Do a step; its row of the history."""
    start = time.perf_counter()
    step(**batch)
    seconds = time.perf_counter() - start
    return {
        "step": step.step_count,
        "loss": step.loss,
        **step.parts,
        "lr": step.lr,
        "grad_norm": step.grad_norm,
        "tokens_per_s": tokens(batch) / max(seconds, 1e-9),
    }


def _announce(shown, step, stream, total_steps, resumed):
    """Say where a run goes on and how long it will take, if long; the stream as it was."""
    left = total_steps - step.step_count
    if resumed:
        place = f"goes on after step {step.step_count} of {total_steps}"
        shown.say(place if left else f"all {total_steps} steps were done before")
    if left < WORTH_ESTIMATING:
        return stream
    sample = list(islice(stream, SAMPLE))
    seconds = estimate_seconds(step, sample, total_steps)
    if seconds >= WORTH_SAYING:
        shown.say(f"{left} steps, about {minutes(seconds)}")
    return chain(sample, stream)
