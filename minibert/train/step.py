"""One training step: forward, backward, clip, update.

    loss, grads = sum over micro-batches j of B_j/B (loss_j, grads_j)                 (1)
    grads = grads min(1, clip/(||grads|| + 1e-6))                                     (2)
    params = optimizer(params, grads, lr schedule(step))                              (3)

B_j is the number of rows of micro-batch j; for a loss that is a mean over rows (1) is the loss of
the whole batch, computed with the memory of a part. With BertAdam (2) and the schedule's step are
each parameter's own. `step` counts the updates from 0.
"""

import math

import numpy as np

from minibert.ops import Drop
from minibert.train.clipping import clip_factor, global_norm
from minibert.train.objective import supervised
from minibert.train.optimizers import AdamW, BertAdam


class TrainStep:
    """Training of one model, one call a step.

    Parameters
    ----------
    model : object
        With .params (dict of arrays, updated in place), .config and .head, as the classes of
        minibert.pretrained.
    lr : float
        Base learning rate.
    optimizer : {"adamw", "bert"} or an instance
        "adamw" is PyTorch's AdamW, "bert" is BertAdam; or an `AdamW` or `BertAdam` made by the
        caller, whose own decay (and, for BertAdam, clipping) then holds.
    schedule : callable, optional
        Step (from 0) -> factor on lr, see `make_schedule`; None is a constant 1.
    clip : float or None
        Bound on the gradient's norm: of all gradients together, with "bert" of each parameter's.
    weight_decay : float
        Decay rate for an optimizer given by name: of all parameters with "adamw", as in PyTorch,
        and of all but biases and LayerNorm with "bert".
    accumulate : int
        Number of micro-batches that each batch is cut into; a call still is one update.
    objective : callable, optional
        (model, batch, drop) -> (loss, parts, grads); by default `supervised`, which see.
    seed : int
        Of the dropout masks. With the step it determines every mask.

    Attributes
    ----------
    loss, grad_norm, lr : float
        Of the last step: loss, gradient norm before clipping, learning rate that was used.
    parts : dict of str to float
        Named parts of the last loss.
    step_count : int
        Updates done so far.

    Examples
    --------
    A model of one number, pulled towards 3:

    >>> from types import SimpleNamespace as Model
    >>> model = Model(params={"w": np.zeros(1)}, config=Model(dropout=0.0, attention_dropout=0.0))
    >>> def square(model, batch, drop):
    ...     error = model.params["w"] - batch["input_ids"].mean()
    ...     return float(error[0] ** 2), {}, {"w": 2 * error}
    >>> step = TrainStep(model, lr=0.5, objective=square)
    >>> [round(step(input_ids=np.array([[3.0]])), 2) for _ in range(4)]
    [9.0, 6.25, 4.01, 2.27]
    """

    def __init__(
        self,
        model,
        lr=5e-5,
        *,
        optimizer="adamw",
        schedule=None,
        clip=1.0,
        weight_decay=0.01,
        accumulate=1,
        objective=None,
        seed=0,
    ):
        if not (math.isfinite(lr) and lr >= 0.0):
            raise ValueError(f"lr: got {lr}, wanted a number of at least 0")
        if clip is not None and not clip > 0.0:
            raise ValueError(f"clip: got {clip}, wanted a positive number, or None for no clipping")
        if not isinstance(accumulate, int) or accumulate < 1:
            raise ValueError(f"accumulate: got {accumulate!r}, wanted a whole number of at least 1")
        if schedule is not None and not callable(schedule):
            raise TypeError(f"schedule: got {schedule!r}, wanted a callable; see make_schedule")
        if optimizer == "adamw":
            optimizer = AdamW(weight_decay=weight_decay)
        elif optimizer == "bert":
            optimizer = BertAdam(weight_decay=weight_decay, max_norm=clip)
        elif isinstance(optimizer, str) or not hasattr(optimizer, "update"):
            raise ValueError(
                f'optimizer: got {optimizer!r}, wanted "adamw", "bert" or an object such as AdamW()'
            )
        self.model, self.base_lr, self.optimizer, self.schedule = model, lr, optimizer, schedule
        self.clip, self.accumulate, self.seed = clip, accumulate, seed
        self.objective = objective or supervised
        self.loss = self.grad_norm = self.lr = math.nan
        self.parts, self.step_count = {}, 0

    def __call__(self, input_ids, labels=None, attention_mask=None, token_type_ids=None, **others):
        """One forward, backward and update of the model's parameters.

        Parameters
        ----------
        input_ids : array_like of int (B,L)
        labels : array_like, optional
            As the objective wants them.
        attention_mask, token_type_ids : array_like of int (B,L), optional
        **others
            Further entries of the batch for the objective; with accumulate > 1 arrays of B rows.

        Returns
        -------
        float
            The loss before the update.

        Raises
        ------
        FloatingPointError
            If the loss or a gradient is not finite; it names the first such tensor, and no
            parameter has been changed.
        """
        batch = dict(
            input_ids=input_ids,
            labels=labels,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            **others,
        )
        params = self.parameters()
        loss, parts, grads = self.gradients(batch)  # (1)
        norm = self._check(loss, parts, grads, params)
        if self.optimizer.per_parameter:
            self.optimizer.update(params, grads, self.rate)  # (2), (3)
        else:
            scale = clip_factor(norm, self.clip)  # (2)
            self.optimizer.update(params, grads, self.rate(self.step_count), scale=scale)  # (3)
        self.loss, self.parts, self.grad_norm = loss, parts, norm
        self.lr = self.rate(self.step_count)
        self.step_count += 1
        return loss

    def gradients(self, batch):
        """(1): what a step learns from a batch; nothing is changed.

        Parameters
        ----------
        batch : dict
            The arguments of a step.

        Returns
        -------
        loss : float
        parts : dict of str to float
        grads : dict of str to ndarray
        """
        batch = {
            k: np.asarray(a) if isinstance(a, list) else a
            for k, a in batch.items()
            if a is not None
        }
        rows = len(batch["input_ids"])
        n = min(self.accumulate, rows)
        if n <= 1:
            loss, parts, grads = self.objective(self.model, batch, self._drop(0))
            return float(loss), {k: float(part) for k, part in parts.items()}, grads
        loss, parts, grads = 0.0, {}, {}
        for j in range(n):
            a, z = rows * j // n, rows * (j + 1) // n
            some = _rows(batch, a, z, rows)
            loss_j, parts_j, grads_j = self.objective(self.model, some, self._drop(j))
            share = (z - a) / rows
            loss += share * float(loss_j)
            for k, part in parts_j.items():
                parts[k] = parts.get(k, 0.0) + share * float(part)
            for k, g in grads_j.items():
                if g is None:
                    continue
                if k in grads:
                    grads[k] += share * g
                else:
                    grads[k] = share * g
        return loss, parts, grads

    def rate(self, step):
        """Learning rate of the update with this number, from 0.

        Parameters
        ----------
        step : int

        Returns
        -------
        float
        """
        return self.base_lr * (1.0 if self.schedule is None else float(self.schedule(step)))

    def parameters(self):
        """Everything that is trained: the model's parameters and the objective's own.

        Returns
        -------
        dict of str to ndarray
            The arrays themselves.
        """
        own = getattr(self.objective, "params", {})
        if shared := sorted(own.keys() & self.model.params.keys()):
            raise ValueError(f"objective.params: {shared[0]!r} is also the model's; rename it")
        return {**self.model.params, **own}

    def state(self):
        """What, besides the model's parameters, a checkpoint must hold to go on with the same bits.

        Returns
        -------
        dict of str to ndarray
            "step_count", the optimizer's state under "optimizer/" and the objective's own
            parameters under "objective/". The arrays themselves, not copies.
        """
        own = getattr(self.objective, "params", {})
        return (
            {"step_count": np.array([self.step_count])}
            | {f"optimizer/{k}": a for k, a in self.optimizer.state().items()}
            | {f"objective/{k}": a for k, a in own.items()}
        )

    def load(self, state):
        """Take over a state given by `state()`; the model's parameters are loaded by the caller.

        Parameters
        ----------
        state : dict of str to ndarray

        Raises
        ------
        ValueError
            If the state lacks something or belongs to another objective.
        """

        def part(prefix):
            return {k.removeprefix(prefix): a for k, a in state.items() if k.startswith(prefix)}

        own, saved = getattr(self.objective, "params", {}), part("objective/")
        if "step_count" not in state or own.keys() != saved.keys():
            odd = sorted(own.keys() ^ saved.keys()) or ["step_count"]
            raise ValueError(f"state: {odd[0]!r} is on one side only; is it another objective's?")
        self.optimizer.load(part("optimizer/"))
        for name, a in saved.items():
            own[name] = np.array(a)
        self.step_count = int(state["step_count"][0])

    def _drop(self, j):
        """The dropout masks of micro-batch j of this step; None where the config has no dropout."""
        config = self.model.config
        rates = ("dropout", "attention_dropout", "head_dropout")
        if not any(getattr(config, rate, 0.0) for rate in rates):
            return None
        return Drop(config.dropout, self.seed, self.step_count * self.accumulate + j)

    def _check(self, loss, parts, grads, params):
        """Global norm of the gradients; raise where something is not finite."""
        norm = global_norm(grads)
        if math.isfinite(loss) and math.isfinite(norm):
            return norm
        groups = {"parameter": params, "part of the loss": parts, "gradient": grads}
        firsts = {group: not_finite(named) for group, named in groups.items()}
        found = [f"{group} {name!r}" for group, name in firsts.items() if name]
        raise FloatingPointError(
            f"step {self.step_count + 1}: loss {loss}, gradient norm {norm}; the first that is not "
            f"finite: {', '.join(found) or 'the loss'}. No parameter was changed; a smaller lr, a "
            "warm-up or clipping often helps"
        )


def not_finite(named):
    """Name of the first array or number that holds a NaN or an infinity, or None."""
    values = {k: a for k, a in named.items() if isinstance(a, np.ndarray | float)}
    return next((k for k, a in values.items() if not np.isfinite(a).all()), None)


def _rows(batch, a, z, rows):
    """Rows a..z-1 of every array of the batch."""
    for name, array in batch.items():
        if not isinstance(array, np.ndarray) or array.shape[:1] != (rows,):
            got = getattr(array, "shape", type(array).__name__)
            raise ValueError(
                f"{name}: got {got}, wanted an array of {rows} rows, since accumulate "
                "cuts the batch along its rows"
            )
    return {name: array[a:z] for name, array in batch.items()}
