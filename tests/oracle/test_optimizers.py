"""Optimizers, clipping and schedules against PyTorch, in float64."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minibert.train import (  # noqa: E402
    AdamW,
    BertAdam,
    bert_linear,
    clip_each,
    clip_factor,
    clip_global,
    cosine,
    global_norm,
    is_spared,
    linear,
    make_schedule,
)

from .references.train import TorchBertAdam  # noqa: E402

pytestmark = pytest.mark.oracle

NAMES = {"a.weight": (5, 7), "a.bias": (5,), "b.LayerNorm.weight": (7,), "c.weight": (200, 211)}
STEPS = 25


def dicts(n, size):
    rng = np.random.default_rng(17)
    return [{k: size * rng.normal(size=s) for k, s in NAMES.items()} for _ in range(n)]


def close(a, b):
    return np.linalg.norm(a - b) <= 1e-12 * np.linalg.norm(b)


@pytest.mark.parametrize("size", [1e-6, 1.0, 100.0])
@pytest.mark.parametrize("spare", [None, is_spared])
def test_adamw_with_clipping_and_schedule(size, spare):
    params, *steps = dicts(STEPS + 1, size)
    theirs = {k: torch.nn.Parameter(torch.tensor(p)) for k, p in params.items()}
    groups = [
        {
            "params": [p for k, p in theirs.items() if not (spare and spare(k))],
            "weight_decay": 0.01,
        },
        {"params": [p for k, p in theirs.items() if spare and spare(k)], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW([g for g in groups if g["params"]], lr=0.003)
    schedule = make_schedule("linear", STEPS + 3, warmup_steps=4)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        reference, lambda t: t / 4 if t < 4 else max(0.0, (STEPS + 3 - t) / (STEPS - 1))
    )
    optimizer = AdamW(spare=spare)
    for t, grads in enumerate(steps):
        if t % 5 == 3:
            del grads["a.bias"]  # skipped on both sides
        for k, p in theirs.items():
            p.grad = torch.tensor(grads[k]) if k in grads else None
        norm = torch.nn.utils.clip_grad_norm_(list(theirs.values()), 1.0)
        assert global_norm(grads) == pytest.approx(float(norm), rel=1e-12)
        assert 0.003 * schedule(t) == pytest.approx(reference.param_groups[0]["lr"], rel=1e-12)
        reference.step()
        scheduler.step()
        scale = clip_factor(global_norm(grads), 1.0)
        optimizer.update(params, grads, 0.003 * schedule(t), scale=scale)
        for k, p in theirs.items():
            assert close(params[k], p.detach().numpy()), (t, k)


@pytest.mark.parametrize("size", [1e-3, 10.0])
def test_clip_grad_norm(size):
    (grads,) = dicts(1, size)
    theirs = {k: torch.zeros(g.shape, dtype=torch.float64) for k, g in grads.items()}
    for k, p in theirs.items():
        p.grad = torch.tensor(grads[k])
    torch.nn.utils.clip_grad_norm_(list(theirs.values()), 1.0)
    clipped, _ = clip_global(grads, 1.0)
    assert all(close(clipped[k], p.grad.numpy()) for k, p in theirs.items())
    for k, p in theirs.items():
        p.grad = torch.tensor(grads[k])
        torch.nn.utils.clip_grad_norm_([p], 1.0)
    clipped, _ = clip_each(grads, 1.0)
    assert all(close(clipped[k], p.grad.numpy()) for k, p in theirs.items())


@pytest.mark.parametrize("size", [1e-3, 1.0])
def test_bert_adam(size):
    params, *steps = dicts(STEPS + 1, size)
    theirs = {k: torch.nn.Parameter(torch.tensor(p)) for k, p in params.items()}
    plain = [p for k, p in theirs.items() if "bias" not in k and "LayerNorm" not in k]
    spared = [p for k, p in theirs.items() if "bias" in k or "LayerNorm" in k]
    groups = [{"params": plain}, {"params": spared, "weight_decay": 0.0}]
    reference = TorchBertAdam(groups, lr=0.003, warmup=0.1, t_total=STEPS)
    schedule = make_schedule("linear", STEPS, warmup=0.1)
    optimizer = BertAdam()
    for t, grads in enumerate(steps):
        if t in (0, 7):
            del grads["a.weight"]  # its schedule lags behind the others' from here
        for k, p in theirs.items():
            p.grad = torch.tensor(grads[k]) if k in grads else None
        reference.step()
        optimizer.update(params, grads, lambda done: 0.003 * schedule(done))
        for k, p in theirs.items():
            assert close(params[k], p.detach().numpy()), (t, k)


def test_schedules_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    parameter = torch.nn.Parameter(torch.zeros(1))
    for total, warmup in ((20, 4), (13, 0), (7, 7)):
        for name, ours in (("linear", linear), ("cosine", cosine)):
            make = getattr(transformers, f"get_{name}_schedule_with_warmup")
            optimizer = torch.optim.SGD([parameter], lr=1.0)
            scheduler = make(optimizer, warmup, total)
            for step in range(total + 1):
                theirs = scheduler.get_last_lr()[0]
                assert ours(step, total, warmup) == pytest.approx(theirs, abs=1e-12), (name, step)
                optimizer.step()
                scheduler.step()
    assert bert_linear(5, 20, 0.2) == pytest.approx(linear(5, 20, 4), abs=1e-15)
