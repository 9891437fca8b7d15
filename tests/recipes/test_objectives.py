"""What a step minimizes: gradients along random directions, and pruned weights that stay zero."""

import numpy as np
import pytest
from model.small import batch, random_params, widths

from minibert.config import BertConfig, LayerSize
from minibert.distill import TinyBertSpec
from minibert.distill.projections import EMBEDDING, HIDDEN
from minibert.model import bert_forward
from minibert.ops import Drop
from minibert.pretrained import BertForSequenceClassification, BertModel
from minibert.prune import magnitude_masks, masking, sparsity
from minibert.recipes.objectives import (
    PredictionDistillation,
    Transformed,
    TransformerDistillation,
)
from minibert.train import TrainStep, supervised

STUDENT = BertConfig(
    vocab=23, hidden=7, layers=(LayerSize(3, 5, 11), LayerSize(3, 2, 13)), positions=7, classes=3,
    dropout=0.3, attention_dropout=0.2,
)
TEACHER = BertConfig(
    vocab=23, hidden=13, layers=(LayerSize(3, 5, 17),) * 3, positions=7, classes=3,
    dropout=0.5, attention_dropout=0.5,
)
DROP = Drop(0.3, seed=4)
DROPS = pytest.mark.parametrize("drop", [None, DROP], ids=["", "dropout"])


def model_of(config, seed, dtype=np.float64):
    params = random_params(config, "classification", seed=seed, dtype=dtype)
    return BertForSequenceClassification(config, params)


def inputs(labels=None, pad_id=2):
    """Padded places hold an ordinary word: the row of [PAD] is given no gradient on purpose."""
    ids, segments, keep = batch(STUDENT)
    ids = np.where(keep, ids, pad_id)
    found = {"input_ids": ids, "token_type_ids": segments, "attention_mask": keep.astype(np.int64)}
    return found if labels is None else found | {"labels": labels}


def logits(seed=7):
    return np.random.default_rng(seed).standard_normal((2, 3)) * 2


def slopes(objective, model, data, drop, directions=4, h=1e-6):
    """(<gradient, u>, the slope of the loss along u), for directions through all parameters."""
    own = getattr(objective, "params", {})
    _, _, grads = objective(model, data, drop)
    start = {name: p.copy() for name, p in (model.params | own).items()}
    rng = np.random.default_rng(9)

    def loss_at(u, e):
        for name, p in start.items():
            (own if name in own else model.params)[name] = p + e * u[name]
        return objective(model, data, drop)[0]

    for _ in range(directions):
        u = {name: rng.standard_normal(p.shape) for name, p in start.items()}
        numeric = (loss_at(u, h) - loss_at(u, -h)) / (2 * h)
        yield sum(float((g * u[name]).sum()) for name, g in grads.items()), numeric


@pytest.mark.quick
@DROPS
@pytest.mark.parametrize("tau", [1.0, 2.5])
def test_prediction_distillation(tau, drop):
    objective = PredictionDistillation(tau)
    data, model = inputs(logits()), model_of(STUDENT, 1)
    for analytic, numeric in slopes(objective, model, data, drop):
        assert analytic == pytest.approx(numeric, rel=1e-6)


def test_prediction_distillation_by_hand():
    data, model = inputs(logits()), model_of(STUDENT, 1)
    loss, parts, grads = PredictionDistillation(2.0)(model, data, None)
    out, _ = bert_forward(
        model.params, STUDENT, data["input_ids"], data["token_type_ids"], data["attention_mask"],
        head="classification",
    )
    e_t, e_s = np.exp(logits() / 2), np.exp(out.logits / 2)
    p_t, p_s = e_t / e_t.sum(-1, keepdims=True), e_s / e_s.sum(-1, keepdims=True)
    assert loss == pytest.approx(-(p_t * np.log(p_s)).sum() / 2, rel=1e-12)
    assert parts == {}
    assert grads.keys() == model.params.keys()
    assert np.allclose(grads["classifier.bias"], ((p_s - p_t) / (2 * 2)).sum(0), rtol=1e-10)


@pytest.mark.quick
@DROPS
@pytest.mark.parametrize("spec", [
    TinyBertSpec((1, 3)), TinyBertSpec((2, 3), pad="exact"),
    TinyBertSpec((1, 3), attention=False), TinyBertSpec((1, 3), hidden=False, embedding=False),
], ids=["all", "exact", "no attention", "attention"])
def test_transformer_distillation(spec, drop):
    """With respect to the student and to the projections."""
    objective = TransformerDistillation(model_of(TEACHER, 2), STUDENT, spec, seed=3)
    objective.params = {name: p.astype(np.float64) for name, p in objective.params.items()}
    for analytic, numeric in slopes(objective, model_of(STUDENT, 1), inputs(), drop):
        assert analytic == pytest.approx(numeric, rel=1e-6)


def distillation(teacher=None, **changes):
    spec = TinyBertSpec((1, 3), **changes)
    return TransformerDistillation(teacher or model_of(TEACHER, 2), STUDENT, spec, seed=3)


def test_parts_and_gradients():
    objective, student = distillation(), model_of(STUDENT, 1)
    loss, parts, grads = objective(student, inputs(), None)
    assert list(parts) == ["attention", "hidden", "embedding"]
    assert loss == pytest.approx(sum(parts.values()))
    assert {HIDDEN, EMBEDDING} == objective.params.keys() < grads.keys()
    assert objective.params[HIDDEN].shape == (13, 7)
    # Logits and the pooler have no part in it; what the last layer's states need has.
    assert not any("classifier" in name or "pooler" in name for name in grads)
    assert "bert.encoder.layer.1.output.LayerNorm.bias" in grads
    _, _, without = distillation(hidden=False)(student, inputs(), None)
    assert HIDDEN not in without


def test_the_teacher_is_not_dropped_out():
    """A student's dropout changes the loss; a teacher's rate does not."""
    student, teacher = model_of(STUDENT, 1), model_of(TEACHER, 2)
    calm = BertForSequenceClassification(
        BertConfig(23, 13, TEACHER.layers, positions=7, classes=3, dropout=0.0), teacher.params
    )
    lossy, same, plain = (
        distillation(taught_by)(student, inputs(), drop)[0]
        for taught_by, drop in ((teacher, DROP), (calm, DROP), (teacher, None))
    )
    assert lossy == same != plain


def test_a_batch_without_mask_is_all_text():
    data = inputs()
    whole = data | {"attention_mask": np.ones_like(data["attention_mask"])}
    bare = {"input_ids": data["input_ids"], "token_type_ids": data["token_type_ids"]}
    student = model_of(STUDENT, 1)
    for objective in (distillation(), distillation(pad="exact")):
        a, b = (objective(student, data, None)[0] for data in (bare, whole))
        assert a == pytest.approx(b)


def test_a_step_moves_student_and_projections():
    """And the teacher not."""
    teacher, student = model_of(TEACHER, 2, np.float32), model_of(STUDENT, 1, np.float32)
    objective = distillation(teacher)
    before = [{n: p.copy() for n, p in a.items()}
              for a in (teacher.params, student.params, objective.params)]
    step = TrainStep(student, lr=1e-2, objective=objective)
    first = step(**inputs())
    for _ in range(20):
        last = step(**inputs())
    assert last < first
    assert all(np.array_equal(teacher.params[n], p) for n, p in before[0].items())
    moved = {n for n, p in before[1].items() if not np.array_equal(student.params[n], p)}
    assert {n for n in before[1] if "encoder" in n and n.endswith("weight")} <= moved
    assert not any(np.array_equal(objective.params[n], p) for n, p in before[2].items())


@pytest.mark.quick
@pytest.mark.parametrize("objective", [supervised, PredictionDistillation()],
                         ids=["supervised", "distillation"])
def test_pruned_weights_stay_zero(objective):
    """Exactly, after steps with momentum and decay; the others move."""
    data = inputs(np.array([2, 0]) if objective is supervised else logits().astype(np.float32))
    model = model_of(widths(positions=7), 1, np.float32)
    masks = magnitude_masks(model.params, 0.4)
    transform = masking(masks)
    start = {name: p.copy() for name, p in model.params.items()}
    step = TrainStep(model, lr=1e-2, weight_decay=0.1, objective=Transformed(objective, transform))
    for _ in range(6):
        step(**data)
        effective, _ = transform(model.params)
        assert sparsity(effective) == pytest.approx(0.4, abs=0.01)
        for name, mask in masks.items():
            assert not effective[name][~mask].any()
    for name, mask in masks.items():
        assert (effective[name] != start[name])[mask].mean() > 0.9


def test_transformed_is_the_objective_on_effective_parameters():
    model, data = model_of(STUDENT, 1), inputs(np.array([2, 0]))
    transform = masking(magnitude_masks(model.params, 0.4))
    loss, parts, grads = Transformed(supervised, transform)(model, data, None)
    effective, pull = transform(model.params)
    expected = supervised(BertForSequenceClassification(STUDENT, effective), data, None)
    assert (loss, parts) == expected[:2]
    assert all(np.array_equal(grads[n], g) for n, g in pull(expected[2]).items())
    assert loss != supervised(model, data, None)[0]


def test_a_bare_model_can_be_a_student():
    """Without a head there are no logits, and the inner losses need none."""
    student = BertModel(STUDENT, random_params(STUDENT, seed=1))
    with_head = model_of(STUDENT, 1)
    with_head.params |= student.params
    objective = distillation()
    assert objective(student, inputs(), None)[0] == objective(with_head, inputs(), None)[0]
