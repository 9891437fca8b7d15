"""Ten steps of training against PyTorch: the transcription, its autograd and its optimizers."""

from types import SimpleNamespace

import numpy as np
import pytest
from model.small import batch, random_params, widths

from minibert import kernels as F
from minibert.check import assert_close
from minibert.train import AdamW, TrainStep, is_spared, make_schedule

torch = pytest.importorskip("torch")

from . import transcription as T  # noqa: E402

pytestmark = pytest.mark.oracle

STEPS = 10
RTOL = 1e-9
LEVELS = ["numpy"] + ["numba"] * (not F.available("numba")[1])


def new_model(config, head):
    """float64, not at its initial values, and no larger than what training has to move."""
    return SimpleNamespace(config=config, head=head, params=random_params(config, head))


def batches(config, task):
    """Ten different batches with labels."""
    rng = np.random.default_rng(11)
    for step in range(STEPS):
        ids, segments, keep = batch(config, seed=20 + step, rows=6)
        if task == "mlm":
            labels = np.where(keep & (rng.random(keep.shape) < 0.5), ids, -100)
            labels[0, 0] = ids[0, 0]  # at least one counts
        elif task == "regression":
            labels = rng.standard_normal(len(ids))
        else:
            labels = rng.integers(0, config.classes, len(ids))
        yield dict(input_ids=ids, labels=labels, attention_mask=keep.astype(np.int64),
                   token_type_ids=segments)


def reference_loss(p, config, task, inputs):
    ids, labels, keep, segments = (torch.tensor(inputs[k]) for k in (
        "input_ids", "labels", "attention_mask", "token_type_ids"))
    hidden, _, pooled = T.encode(p, config, ids, segments, keep.bool())
    if task == "mlm":
        return T.cross_entropy(T.predict_words(p, config, hidden[-1]), labels)
    logits = T.classify(p, config, pooled)
    return T.squared_error(logits, labels) if task == "regression" else T.cross_entropy(
        logits, labels)


def decays(name):
    """BERT's rule, said independently: matrices decay, vectors do not but for the decoder's."""
    return not any(part in name for part in ("bias", "LayerNorm"))


def reference_run(params, config, task, *, lr, clip, decay, no_decay, factor):
    """Losses and norms of ten steps in PyTorch, and the parameters after them."""
    p = {k: torch.tensor(a, requires_grad=True) for k, a in params.items()}
    spared = [k for k in p if no_decay and not decays(k)]
    groups = [
        {"params": [p[k] for k in p if k not in spared], "weight_decay": decay},
        {"params": [p[k] for k in spared], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    losses, norms = [], []
    for inputs in batches(config, task):
        optimizer.zero_grad()
        loss = reference_loss(p, config, task, inputs)
        loss.backward()
        bound = float("inf") if clip is None else clip
        norms.append(torch.nn.utils.clip_grad_norm_(p.values(), bound).item())
        losses.append(loss.item())
        optimizer.step()
        schedule.step()
    return losses, norms, {k: a.detach().numpy() for k, a in p.items()}


def check(model, task, step, *, lr, clip, no_decay, decay=0.01, factor=lambda step: 1.0):
    config = model.config
    start = {k: a.copy() for k, a in model.params.items()}
    losses, norms, params = reference_run(start, config, task, lr=lr, clip=clip, decay=decay,
                                          no_decay=no_decay, factor=factor)
    for n, inputs in enumerate(batches(config, task)):
        assert_close(step(**inputs), losses[n], name=f"loss of step {n}", rtol=RTOL)
        assert_close(step.grad_norm, norms[n], name=f"norm of step {n}", rtol=RTOL)
    for name, a in params.items():
        assert_close(model.params[name], a, name=name, rtol=1e-8)
    moved = [k for k in start if not np.array_equal(start[k], model.params[k])]
    return losses, norms, moved


TASKS = {
    "classification-hf": ("classification", {}),
    "classification-tinybert": ("classification", {"pooler": "tinybert"}),
    "regression": ("regression", {"classes": 1}),
    "mlm": ("mlm", {}),
}


@pytest.mark.parametrize(("task", "changes"), TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("level", LEVELS)
def test_ten_steps(task, changes, level):
    """AdamW, BERT's no-decay rule, a clip that acts in some of the steps."""
    config = widths(dropout=0.0, attention_dropout=0.0, **changes)
    model = new_model(config, "mlm" if task == "mlm" else "classification")
    step = TrainStep(model, lr=3e-3, optimizer=AdamW(spare=is_spared), clip=1.0)
    with F.use(level):
        losses, norms, moved = check(model, task, step, lr=3e-3, clip=1.0, no_decay=True)
    assert len(set(losses)) == STEPS
    assert max(norms) > 1.0, "the clip has done nothing"
    pooler = {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    # A parameter without a gradient is not even decayed. The keys' biases have one, of rounding.
    still = {k for k in model.params.keys() - set(moved) if not k.endswith("key.bias")}
    assert still == (pooler if task == "mlm" else set())


@pytest.mark.parametrize("clip", [None, 5.0])
def test_ten_steps_with_everything_decaying(clip):
    """The optimizer by its name is PyTorch's with its own defaults."""
    config = widths(dropout=0.0, attention_dropout=0.0)
    model = new_model(config, "classification")
    step = TrainStep(model, lr=1e-3, clip=clip, weight_decay=0.1)
    check(model, "classification", step, lr=1e-3, clip=clip, decay=0.1, no_decay=False)


def test_ten_steps_with_warm_up_and_decay():
    config = widths(dropout=0.0, attention_dropout=0.0)
    model = new_model(config, "classification")
    schedule = make_schedule("linear", STEPS, warmup_steps=3)
    step = TrainStep(model, lr=1e-2, schedule=schedule)

    def factor(step):
        return step / 3 if step < 3 else (STEPS - step) / (STEPS - 3)

    check(model, "classification", step, lr=1e-2, clip=1.0, no_decay=False, factor=factor)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_ten_steps_in_micro_batches(task):
    """Six rows in four uneven parts give the update of the whole batch."""
    config = widths(dropout=0.0, attention_dropout=0.0, classes=1 if task == "regression" else 3)
    model = new_model(config, "classification")
    step = TrainStep(model, lr=3e-3, accumulate=4)
    check(model, task, step, lr=3e-3, clip=1.0, no_decay=False)


def test_ten_steps_of_bert_adam():
    """The optimizer of the original BERT, written out: no bias correction, each clipped alone."""
    config = widths(dropout=0.0, attention_dropout=0.0)
    model = new_model(config, "classification")
    lr, total, warm = 1e-3, 20, 4
    p = {k: torch.tensor(a, requires_grad=True) for k, a in model.params.items()}
    m = {k: torch.zeros_like(a) for k, a in p.items()}
    v = {k: torch.zeros_like(a) for k, a in p.items()}
    schedule = make_schedule("linear", total, warmup_steps=warm)
    step = TrainStep(model, lr=lr, optimizer="bert", schedule=schedule)
    for t, inputs in enumerate(batches(config, "classification")):
        loss = reference_loss(p, config, "classification", inputs)
        grads = torch.autograd.grad(loss, list(p.values()))
        assert_close(step(**inputs), loss.item(), name=f"loss of step {t}", rtol=RTOL)
        x, w = t / total, warm / total
        rate = lr * (x / w if x < w else (1 - x) / (1 - w))
        with torch.no_grad():
            for (k, a), g in zip(p.items(), grads, strict=True):
                g = g * min(1.0, 1.0 / (g.norm().item() + 1e-6))
                m[k] = 0.9 * m[k] + 0.1 * g
                v[k] = 0.999 * v[k] + 0.001 * g * g
                a -= rate * (m[k] / (v[k].sqrt() + 1e-6) + (0.01 if decays(k) else 0.0) * a)
    for name, a in p.items():
        assert_close(model.params[name], a.detach().numpy(), name=name, rtol=1e-8)
