"""What a training run shows: a tqdm bar on a terminal, a few plain lines on stderr elsewhere."""

import sys
import time

from minibert.train.estimate import minutes

_FIRST, _LAST = ("step", "loss"), ("lr", "grad_norm", "tokens_per_s")
_LINES = 10  # of plain log in a run, unless log_every says otherwise


def reporter(done, total_steps, log_every, description, progress):
    """What shows the progress: a bar, plain lines or nothing."""
    if not progress:
        return _Silent()
    kind = _Bar if sys.stderr.isatty() else _Lines
    return kind(done, total_steps, log_every, description)


class _Silent:
    """Shows nothing."""

    def say(self, text):
        """Nothing."""

    def show(self, row):
        """Nothing."""

    def close(self):
        """Nothing."""


class _Bar:
    """A tqdm bar with the last step's numbers; tqdm adds the time left."""

    def __init__(self, done, total_steps, log_every, description):
        from tqdm import tqdm

        self.description = description
        self.bar = tqdm(
            total=total_steps,
            initial=done,
            desc=description,
            unit="step",
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def say(self, text):
        """A line above the bar."""
        self.bar.write(f"{self.description}: {text}", file=sys.stderr)

    def show(self, row):
        """Move the bar."""
        self.bar.set_postfix_str(_text(row), refresh=False)
        self.bar.update()

    def close(self):
        """Leave the bar as it stands."""
        self.bar.close()


class _Lines:
    """A line now and then: mean loss and parts since the last line, the rest of the last step."""

    def __init__(self, done, total_steps, log_every, description):
        self.done, self.total, self.description = done, total_steps, description
        self.every = log_every or max(1, -(-(total_steps - done) // _LINES))
        self.start, self.rows = time.perf_counter(), []

    def say(self, text):
        """A line of its own."""
        print(f"{self.description}: {text}", file=sys.stderr, flush=True)

    def show(self, row):
        """Print where a line is due."""
        self.rows.append(row)
        step = row["step"]
        if (step - self.done) % self.every and step != self.total:
            return
        parts = row.keys() - {"step", *_LAST}
        mean = row | {k: sum(r[k] for r in self.rows) / len(self.rows) for k in parts}
        left = (time.perf_counter() - self.start) / (step - self.done) * (self.total - step)
        text = f"{self.description} {step}/{self.total}: {_text(mean)}, {minutes(left)} left"
        print(text, file=sys.stderr, flush=True)
        self.rows = []

    def close(self):
        """Nothing: every line is out."""


def _text(row):
    """One row in words."""
    parts = ", ".join(f"{k} {v:.4f}" for k, v in row.items() if k not in _FIRST + _LAST)
    return (
        f"loss {row['loss']:.4f}{f' ({parts})' if parts else ''}, lr {row['lr']:.2e}, "
        f"norm {row['grad_norm']:.3g}, {row['tokens_per_s']:.0f} tokens/s"
    )
