"""Training: PyTorch's AdamW, clipping and transformers' schedules; BertAdam transcribed."""

import torch
from torch.nn.utils import clip_grad_norm_

from ..harness import reference


class TorchBertAdam(torch.optim.Optimizer):
    """BertAdam as a PyTorch optimizer, from its description: each tensor counts for itself."""

    def __init__(self, params, lr, warmup, t_total):
        super().__init__(params, dict(lr=lr, warmup=warmup, t_total=t_total, weight_decay=0.01))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                g = p.grad * torch.clamp(1.0 / (torch.linalg.vector_norm(p.grad) + 1e-6), max=1.0)
                state["m"] = torch.lerp(g, state["m"], 0.9)
                state["v"] = torch.lerp(g.square(), state["v"], 0.999)
                u = state["m"] / (state["v"].sqrt() + 1e-6) + group["weight_decay"] * p
                rate = bert_linear(state["t"] / group["t_total"], group["warmup"])
                p.sub_(u, alpha=group["lr"] * rate)
                state["t"] += 1


def bert_linear(done, warmup):
    """BertAdam's schedule: the factor when this share of the updates is done."""
    return done / warmup if done < warmup else max(0.0, (1 - done) / (1 - warmup))


@reference("adamw-update", source="torch.optim.AdamW")
def adamw_update(p, g, m, v, t, lr):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(p.clone())], lr=lr, weight_decay=0.01)
    return update(optimizer, g, step=torch.tensor(float(t - 1)), exp_avg=m, exp_avg_sq=v)


@reference("bert-adam-update", source="transcribed in PyTorch from the description of BertAdam")
def bert_adam_update(p, g, m, v, lr):
    optimizer = TorchBertAdam([torch.nn.Parameter(p.clone())], lr=lr, warmup=0, t_total=1)
    return update(optimizer, g, t=0, m=m, v=v)


def update(optimizer, g, **state):
    """One update from a given state, the moments last: p, m, v."""
    (p,) = optimizer.param_groups[0]["params"]
    optimizer.state[p].update({k: x.clone() if torch.is_tensor(x) else x for k, x in state.items()})
    p.grad = g.clone()
    optimizer.step()
    return p, *list(optimizer.state[p].values())[-2:]


def groups(params):
    """Two parameter groups: with decay, and without for biases and LayerNorm."""
    spared = [p for k, p in params.items() if "bias" in k or "LayerNorm" in k]
    plain = [p for k, p in params.items() if "bias" not in k and "LayerNorm" not in k]
    return [{"params": plain, "weight_decay": 0.01}, {"params": spared, "weight_decay": 0.0}]


def parameters(params):
    return {k: torch.nn.Parameter(p.clone()) for k, p in params.items()}


def set_gradients(params, grads):
    for k, p in params.items():
        p.grad = grads[k].clone() if k in grads else None


def copies(params):
    return {k: p.detach().clone() for k, p in params.items()}


def warmed_up(name, optimizer, warmup_steps, total_steps):
    """The scheduler of transformers."""
    import transformers

    make = getattr(transformers, f"get_{name}_schedule_with_warmup")
    return make(optimizer, warmup_steps, *(() if name == "constant" else (total_steps,)))


@reference(
    "adamw",
    source="torch.optim.AdamW, torch.nn.utils.clip_grad_norm_, "
    "transformers.get_*_schedule_with_warmup",
)
def adamw(params, steps, *, lr, schedule, total_steps, warmup_steps, max_norm):
    params = parameters(params)
    optimizer = torch.optim.AdamW(groups(params), lr=lr)
    scheduler = warmed_up(schedule, optimizer, warmup_steps, total_steps)
    history, rates, norms = [], [], []
    for grads in steps:
        set_gradients(params, grads)
        norms.append(clip_grad_norm_(list(params.values()), max_norm))
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        history.append(copies(params))
    moments = [
        {k: optimizer.state[p][name] for k, p in params.items()}
        for name in ("exp_avg", "exp_avg_sq")
    ]
    return run(history, *moments, rates, norms)


@reference("adamw-many", source="torch.optim.AdamW")
def adamw_many(p, gradients, lr):
    p = torch.nn.Parameter(p.clone())
    optimizer = torch.optim.AdamW([p], lr=lr, weight_decay=0.01)
    for g in gradients:
        p.grad = g.clone()
        optimizer.step()
    return p, optimizer.state[p]["exp_avg"], optimizer.state[p]["exp_avg_sq"]


@reference("bert-adam", source="transcribed in PyTorch from the description of BertAdam")
def bert_adam(params, steps, *, lr, total_steps, warmup, max_norm, scale=1.0):
    assert max_norm == 1.0, "what TorchBertAdam clips to"
    params = parameters(params)
    optimizer = TorchBertAdam(groups(params), lr=lr, warmup=warmup, t_total=total_steps)
    history, norms = [], []
    for grads in steps:
        grads = {k: scale * g for k, g in grads.items()}
        set_gradients(params, grads)
        norms.append({k: torch.linalg.vector_norm(g) for k, g in grads.items()})
        optimizer.step()
        history.append(copies(params))
    rates = [lr * bert_linear(t / total_steps, warmup) for t in range(len(steps))]
    moments = [{k: optimizer.state[p][name] for k, p in params.items()} for name in "mv"]
    return run(history, *moments, rates, norms)


def run(history, m, v, rates, norms):
    """Named as the fields of the library's `Run`."""
    rates = torch.tensor(rates, dtype=torch.float64)
    return {"params": history, "m": m, "v": v, "rates": rates, "norms": norms}


@reference(
    "schedule",
    source=lambda mode: (
        "transcribed from the description of BertAdam"
        if mode in ("bert-linear", "linear-share")
        else "transcribed; transformers' rises again after the last step"
        if mode == "cosine-past-the-end"
        else f"transformers.get_{mode}_schedule_with_warmup"
    ),
)
def schedule(name, total_steps, warmup, n):
    if name == "bert-linear" or warmup < 1:
        values = [bert_linear(step / total_steps, warmup) for step in range(n)]
        return torch.tensor(values, dtype=torch.float64)
    if name == "cosine" and n > total_steps + 1:
        steps = torch.arange(n, dtype=torch.float64)
        r = ((steps - warmup) / (total_steps - warmup)).clamp(max=1.0)
        return torch.where(steps < warmup, steps / warmup, torch.cos(torch.pi * r / 2) ** 2)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = warmed_up(name, optimizer, warmup, total_steps)
    values = []
    for _ in range(n):
        values.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return torch.tensor(values, dtype=torch.float64)


def clip(grads, max_norm):
    """Clipped together; the gradients and their norm."""
    params = {k: torch.nn.Parameter(torch.zeros_like(g)) for k, g in grads.items()}
    set_gradients(params, grads)
    norm = clip_grad_norm_(list(params.values()), max_norm)
    return {k: p.grad for k, p in params.items()}, norm


@reference("clipping-global", source="torch.nn.utils.clip_grad_norm_")
def clipping_global(grads, max_norm):
    return clip(grads, max_norm)


@reference("clipping-each", source="torch.nn.utils.clip_grad_norm_, one parameter at a time")
def clipping_each(grads, max_norm):
    alone = {k: clip({k: g}, max_norm) for k, g in grads.items()}
    return {k: c[k] for k, (c, _) in alone.items()}, {k: norm for k, (_, norm) in alone.items()}
