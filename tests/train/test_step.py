"""TrainStep on a linear model whose gradient is known, and on a real BERT."""

import math

import numpy as np
import pytest

from minibert.ops import QTensor
from minibert.train import (
    AdamW,
    BertAdam,
    TrainStep,
    adamw_formula,
    clip_factor,
    global_norm,
    make_schedule,
)

from .conftest import Projected, bert, bert_batch, linear_batches, linear_model, regression

pytestmark = pytest.mark.quick


def run(step, batches):
    return [step(**batch) for batch in batches]


def test_a_step_is_gradient_clip_schedule_update(model):
    (batch,) = linear_batches(1)
    p = {k: a.copy() for k, a in model.params.items()}
    loss, parts, grads = regression(model, batch, None)
    step = TrainStep(
        model, lr=0.1, clip=0.5, weight_decay=0.2, objective=regression, schedule=lambda t: 0.5 + t
    )
    assert step(**batch) == loss
    c = clip_factor(global_norm(grads), 0.5)
    assert c < 1
    for k in p:
        q, _, _ = adamw_formula(p[k], c * grads[k], 0 * p[k], 0 * p[k], 1, 0.05, decay=0.2)
        assert np.array_equal(model.params[k], q)
    assert (step.loss, step.parts, step.lr, step.step_count) == (loss, parts, 0.05, 1)
    assert step.grad_norm == global_norm(grads)
    step(**batch)
    assert step.lr == pytest.approx(0.15)


def test_training_lowers_the_loss(model):
    step = TrainStep(model, lr=0.05, objective=regression)
    losses = run(step, linear_batches(1) * 100)
    assert losses[-1] < losses[0] / 4
    assert all(isinstance(loss, float) for loss in losses)


def test_bert_has_its_own_schedule_and_clipping():
    model, reference = linear_model(), linear_model()
    batches = linear_batches(5)
    schedule = make_schedule("linear", 5, warmup=0.3)
    step = TrainStep(
        model, lr=0.1, optimizer="bert", clip=0.7, objective=regression, schedule=schedule
    )
    optimizer = BertAdam(max_norm=0.7)
    for t, batch in enumerate(batches):
        step(**batch)
        _, _, grads = regression(reference, batch, None)
        optimizer.update(reference.params, grads, 0.1 * schedule(t))
        assert np.array_equal(model.params["w.weight"], reference.params["w.weight"])
    assert step.lr == 0.1 * schedule(4)


def test_bert_adams_first_update_has_rate_zero(model):
    before = model.params["w.weight"].copy()
    schedule = make_schedule("linear", 10, warmup=0.1)
    step = TrainStep(model, optimizer="bert", objective=regression, schedule=schedule)
    step(**linear_batches(1)[0])
    assert np.array_equal(model.params["w.weight"], before)
    assert step.lr == 0.0


@pytest.mark.parametrize("accumulate", [2, 3, 7, 50])
def test_accumulation_is_the_larger_batch(accumulate):
    """Also where the rows do not divide evenly, and with more parts than rows."""
    whole, cut = linear_model(), linear_model()
    batches = linear_batches(6)
    a = TrainStep(whole, lr=0.1, objective=regression)
    b = TrainStep(cut, lr=0.1, objective=regression, accumulate=accumulate)
    for batch in batches:
        assert b(**batch) == pytest.approx(a(**batch), rel=1e-12)
        assert b.parts == pytest.approx(a.parts, rel=1e-12)
        assert b.grad_norm == pytest.approx(a.grad_norm, rel=1e-12)
    assert b.step_count == 6
    np.testing.assert_allclose(cut.params["w.weight"], whole.params["w.weight"], rtol=1e-11)


def test_accumulation_refuses_what_it_cannot_cut(model):
    step = TrainStep(model, objective=regression, accumulate=2)
    with pytest.raises(ValueError, match=r"teacher: got dict.*7 rows"):
        step(**linear_batches(1)[0], teacher={})


def test_lists_are_taken(model):
    (batch,) = linear_batches(1)
    expected, _, _ = regression(model, batch, None)
    step = TrainStep(model, objective=regression)
    assert step(**{k: a.tolist() for k, a in batch.items()}) == expected


@pytest.mark.parametrize("accumulate", [1, 3])
def test_dropout_masks_are_counted(accumulate):
    seen = []

    def spy(model, batch, drop):
        seen.append(drop)
        return regression(model, batch, drop)

    step = TrainStep(linear_model(dropout=0.25), objective=spy, seed=7, accumulate=accumulate)
    run(step, linear_batches(4))
    assert {(drop.rate, drop.seed) for drop in seen} == {(0.25, 7)}
    assert [drop.step for drop in seen] == list(range(4 * accumulate))
    seen.clear()
    run(TrainStep(linear_model(), objective=spy), linear_batches(1))
    assert seen == [None]


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["loss", "second", "w.bias", "parameter"])
def test_what_is_not_finite_is_named_and_nothing_moves(model, value, where):
    def broken(model, batch, drop):
        loss, parts, grads = regression(model, batch, drop)
        if where == "loss":
            loss = value
        elif where == "second":
            loss, parts = loss + value, parts | {where: value}
        elif where == "w.bias":
            grads[where][0] = value
        return loss, parts, grads

    step = TrainStep(model, objective=regression)
    (batch,) = linear_batches(1)
    step(**batch)
    if where == "parameter":
        model.params["w.weight"][2] = value
    before = {k: p.copy() for k, p in model.params.items()}
    moments = {k: a.copy() for k, a in step.state().items()}
    step.objective = broken
    names = {"parameter": "parameter 'w.weight'", "loss": "the loss"}
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(FloatingPointError, match=names.get(where, f"'{where}'")),
    ):
        step(**batch)
    for k, p in model.params.items():
        np.testing.assert_array_equal(p, before[k])
    for k, a in step.state().items():
        np.testing.assert_array_equal(a, moments[k])


def test_an_objectives_own_parameters_are_trained(model):
    objective = Projected()
    step = TrainStep(model, lr=0.1, objective=objective)
    run(step, linear_batches(3))
    assert objective.params["projection.weight"][0] != 0.5
    assert "optimizer/m/projection.weight" in step.state()
    objective.params["w.bias"] = np.zeros(1)
    with pytest.raises(ValueError, match=r"'w\.bias' is also the model's"):
        step(**linear_batches(1)[0])


@pytest.mark.parametrize("optimizer", ["adamw", "bert"])
def test_twenty_steps_are_ten_and_ten(optimizer):
    batches = linear_batches(20)

    def make(model):
        return TrainStep(
            model, lr=0.1, optimizer=optimizer, objective=Projected(),
            schedule=make_schedule("cosine", 20, warmup=0.2),
        )  # fmt: skip

    a, b, c = linear_model(), linear_model(), linear_model()
    losses = run(make(a), batches)
    first = make(b)
    head = run(first, batches[:10])
    c.params = {k: p.copy() for k, p in b.params.items()}
    second = make(c)
    second.load({k: x.copy() for k, x in first.state().items()})
    assert head + run(second, batches[10:]) == losses
    for k, p in a.params.items():
        assert np.array_equal(p, c.params[k])
    with pytest.raises(ValueError, match="another objective"):
        TrainStep(c, objective=regression).load(first.state())


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"lr": -1.0}, "lr: got -1"),
        ({"lr": math.nan}, "lr"),
        ({"clip": 0.0}, "clip: got 0"),
        ({"accumulate": 0}, "accumulate: got 0"),
        ({"optimizer": "sgd"}, "optimizer: got 'sgd'"),
    ],
)
def test_bad_arguments_are_named(model, bad, words):
    with pytest.raises(ValueError, match=words):
        TrainStep(model, **bad)
    with pytest.raises(TypeError, match="make_schedule"):
        TrainStep(model, schedule="linear")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bert_learns_a_batch_by_heart(dtype):
    model = bert(dtype=dtype)
    losses = run(TrainStep(model, lr=0.01, seed=4), [bert_batch()] * 60)
    assert losses[0] == pytest.approx(math.log(3), rel=0.1)
    assert losses[-1] < 0.3
    assert {p.dtype for p in model.params.values()} == {np.dtype(dtype)}


def test_a_bert_step_is_the_same_bits_again():
    losses = []
    for seed in (3, 3, 4):
        losses.append(run(TrainStep(bert(), lr=0.01, seed=seed), [bert_batch()] * 5))
    assert losses[0] == losses[1] != losses[2]


def test_accumulation_on_a_bert():
    still = dict(dropout=0.0, attention_dropout=0.0)
    whole, cut = bert(**still), bert(**still)
    a, b = TrainStep(whole, lr=0.01), TrainStep(cut, lr=0.01, accumulate=2)
    for _ in range(3):
        assert b(**bert_batch()) == pytest.approx(a(**bert_batch()), rel=1e-10)


def test_masked_language_model_and_regression():
    batch = bert_batch()
    at = np.zeros(batch["input_ids"].shape, bool)
    at[:, 1] = True
    words = batch | {"labels": np.where(at, batch["input_ids"], -100)}
    losses = run(TrainStep(bert("mlm"), lr=0.01), [words] * 30)
    assert losses[0] == pytest.approx(math.log(23), rel=0.1)
    assert losses[-1] < losses[0] / 2
    numbers = batch | {"labels": np.linspace(-1, 1, 5)}
    losses = run(TrainStep(bert(classes=1), lr=0.01), [numbers] * 30)
    assert losses[-1] < losses[0] / 2


def test_labels_are_checked():
    step = TrainStep(bert())
    batch = bert_batch()
    with pytest.raises(ValueError, match=r"labels: got shape \(5, 7\), wanted \(5,\)"):
        step(**batch | {"labels": batch["input_ids"]})
    with pytest.raises(ValueError, match="labels: missing"):
        step(batch["input_ids"])


def test_a_quantized_model_is_refused(model):
    model.params["w.weight"] = QTensor(np.zeros((5, 1), np.int8), np.ones(5, np.float32))

    def any_gradient(model, batch, drop):
        return 1.0, {}, {"w.weight": np.zeros((5, 1))}

    step = TrainStep(model, objective=any_gradient, optimizer=AdamW())
    with pytest.raises(TypeError, match=r"params\['w\.weight'\]: got a QTensor"):
        step(**linear_batches(1)[0])
