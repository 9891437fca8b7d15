"""Checkpoints: everything that a training run needs to go on with the same bits.

    last.safetensors    parameters, optimizer's moments, number of steps: to go on from here
    best.safetensors    the parameters with the highest validation score so far

Both are replaced as a whole: written under a temporary name, forced to the disk, renamed. Whenever
the process or the machine dies, a complete file has the name. The metadata say of which run the
file is, so that another run's is not taken by mistake.
"""

import json
import math
import time
from pathlib import Path

import numpy as np

from minibert.interop.tensors import read_header, read_tensors, write_tensors
from minibert.train.step import not_finite

FORMAT = "minibert-checkpoint-1"
PAUSE = 60.0  # seconds between two saves, where nothing else is said
_REMEDY = "give this run another folder, or delete the file to start anew"


class Checkpoints:
    """The checkpoints of one training run, in a folder of its own.

    Parameters
    ----------
    folder : str or Path
        Made with the first save.
    settings : dict, optional
        What else, beside model, optimizer, objective, seed and accumulation, must be the same for
        a run to go on: anything that JSON can hold.

    Attributes
    ----------
    last, best : Path
        The two files; they need not exist.
    step_count : int or None
        Steps that the last checkpoint holds; None before the first `save` or `load`.
    best_score : float
        Highest score so far; minus infinity before the first.
    """

    def __init__(self, folder, *, settings=None):
        self.folder, self.settings = Path(folder), settings or {}
        self.last, self.best = (self.folder / f"{name}.safetensors" for name in ("last", "best"))
        self.step_count, self.best_score = None, -math.inf
        self.time = time.monotonic()

    def save(self, step, *, score=None):
        """Replace the last checkpoint; the best one too if its score is beaten.

        Parameters
        ----------
        step : TrainStep
        score : float, optional
            Of the model on validation data; higher is better.

        Raises
        ------
        FloatingPointError
            A parameter holds NaN or infinity: nothing is written.
        OSError
            A file could not be written; those that were there before are whole.
        """
        if bad := not_finite(step.parameters()):
            raise FloatingPointError(
                f"after step {step.step_count} parameter {bad!r} is not finite; it is not saved"
            )
        score = None if score is None else float(score)
        if score is not None and score > self.best_score:
            # Before the last one: a run that is killed in between validates again.
            self._write(self.best, step, step.model.params, score)
            self.best_score = score
        self._write(self.last, step, {**step.model.params, **step.state()}, score)
        self.step_count, self.time = step.step_count, time.monotonic()

    def saved_steps(self):
        """Steps that the last checkpoint on the disk holds; 0 where there is none."""
        if not self.last.exists():
            return 0
        try:
            return json.loads(read_header(self.last)[1]["checkpoint"])["step"]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{self.last} is no checkpoint of a training run; {_REMEDY}") from None

    def load(self, step):
        """Put the last checkpoint into the model's arrays and into `step`.

        Parameters
        ----------
        step : TrainStep

        Returns
        -------
        bool
            False, with nothing changed, where there is no checkpoint.

        Raises
        ------
        ValueError
            The file is broken or of another run; it says how it differs. Nothing is changed.
        """
        if not self.last.exists():
            return False
        wanted, params = self._run(step), step.model.params
        tensors, about = _read(self.last, wanted)
        _check_tensors(self.last, tensors, step)
        best_score = _read(self.best, wanted)[1]["score"] if self.best.exists() else -math.inf
        try:
            step.load({name: a for name, a in tensors.items() if name not in params})
        except ValueError as error:
            raise ValueError(f"{self.last}: {error}; {_REMEDY}") from None
        for name, p in params.items():
            np.copyto(p, tensors[name])
        self.step_count, self.best_score = about["step"], best_score
        self.time = time.monotonic()
        return True

    def load_best(self, model):
        """Put the best parameters into the model's arrays.

        Parameters
        ----------
        model : object
            With .params, .config and .head.

        Returns
        -------
        float or None
            Their score; None, with nothing changed, where there is no best checkpoint.

        Raises
        ------
        ValueError
            The file is broken or of another model. Nothing is changed.
        """
        if not self.best.exists():
            return None
        tensors, about = _read(self.best, _model(model))
        _check_kinds(self.best, tensors, model.params)
        for name, p in model.params.items():
            np.copyto(p, tensors[name])
        return about["score"]

    def is_due(self, step, every=None):
        """Whether it is time to save.

        Parameters
        ----------
        step : TrainStep
        every : int, optional
            Steps between two saves; without it about a minute.

        Returns
        -------
        bool
        """
        if every is not None:
            return step.step_count % every == 0
        return time.monotonic() - self.time >= PAUSE

    def where(self):
        """Which checkpoint there is to go on from, in words for a message."""
        if self.step_count is None:
            return "no checkpoint was saved yet"
        return f"{self.last} holds step {self.step_count}: start the run again to go on from there"

    def _run(self, step):
        """What must be the same for the run to go on."""
        objective = getattr(step.objective, "__name__", type(step.objective).__name__)
        return {
            **_model(step.model),
            "optimizer": type(step.optimizer).__name__,
            "objective": objective,
            "seed": step.seed,
            "accumulate": step.accumulate,
            "settings": self.settings,
        }

    def _write(self, path, step, tensors, score):
        """One file, forced to the disk."""
        about = {"format": FORMAT, "step": step.step_count, "score": score, "run": self._run(step)}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_tensors(path, tensors, {"checkpoint": json.dumps(about, ensure_ascii=False)})
        except OSError as error:
            raise OSError(f"{error}. The training stops; {self.where()}") from None


def _model(model):
    """What must be the same about the model, beside the shapes of its parameters."""
    config = model.config.to_dict() if hasattr(model.config, "to_dict") else None
    return {"head": getattr(model, "head", None), "config": config}


def _read(path, wanted):
    """Tensors and description of a checkpoint of the run that `wanted` describes."""
    try:
        tensors, metadata = read_tensors(path)
    except ValueError as error:
        raise ValueError(f"{error}; {_REMEDY}") from None
    try:
        about = json.loads(metadata["checkpoint"])
        if about["format"] != FORMAT:
            raise ValueError(about["format"])
        there = _flat({name: about["run"].get(name) for name in wanted})
        _ = about["step"], about["score"]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is no checkpoint of a training run; {_REMEDY}") from None
    here = _flat(json.loads(json.dumps(wanted)))
    for name in [*here, *there]:
        if here.get(name) != there.get(name):
            raise ValueError(
                f"{path} is of another run: its {name} is {there.get(name)!r}, here it is "
                f"{here.get(name)!r}; {_REMEDY}"
            )
    return tensors, about


def _flat(tree, prefix=""):
    """{"a": {"b": 1}} as {"a.b": 1}."""
    flat = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _check_tensors(path, tensors, step):
    """Hold the names, types and shapes of a last checkpoint against the step."""
    params, state = step.parameters(), step.state()
    wanted = step.model.params | {k: a for k, a in state.items() if k.startswith("objective/")}
    count = wanted["step_count"] = state["step_count"]
    for name in tensors:
        if name.startswith("optimizer/"):
            kind, _, owner = name.removeprefix("optimizer/").partition("/")
            wanted[name] = count if kind == "t" else params.get(owner)
    _check_kinds(path, tensors, wanted)


def _check_kinds(path, tensors, wanted):
    """Refuse the first tensor whose type or shape is not the wanted one's."""

    def kind(a):
        return "missing" if a is None else f"{a.dtype} {a.shape}"

    for name in [*wanted, *tensors]:
        there, here = kind(tensors.get(name)), kind(wanted.get(name))
        if there != here:
            raise ValueError(
                f"{path} does not fit: {name} is {there} there and {here} here; {_REMEDY}"
            )
