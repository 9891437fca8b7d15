"""The stages one by one: what they train, what they copy, and what they leave alone."""

import numpy as np
import pytest

from minibert.config import BertConfig
from minibert.pretrained import BertForMaskedLM, BertForSequenceClassification
from minibert.prune import sparsity
from minibert.prune.magnitude import layer_matrices
from minibert.recipes.examples import encode, predict_logits
from minibert.recipes.models import classifier_from
from minibert.recipes.recipe import Stage
from minibert.recipes.stages import (
    Run,
    best_of,
    distill_inside,
    distill_predictions,
    finetune,
    measure_importance,
    pretrain,
    prune,
    score,
    with_logits,
)
from minibert.text import BertTokenizer, train_vocab

from .miniature import material

TEXTS, LABELS = material().train
TOKENIZER = BertTokenizer(train_vocab(TEXTS, 120), model_max_length=14)
EXAMPLES = encode(TOKENIZER, TEXTS, LABELS)


def config(**changes):
    sizes = dict(hidden=8, n_layers=2, heads=4, ffn=12, positions=14, classes=3, init_std=0.3)
    return BertConfig.uniform(vocab=len(TOKENIZER), **sizes | changes)


def classifier(seed=1, **changes):
    return BertForSequenceClassification(config(**changes), tokenizer=TOKENIZER, seed=seed)


@pytest.fixture
def run(tmp_path):
    return Run(seed=3, out=tmp_path, progress=False, histories={})


def copies(model):
    return {name: p.copy() for name, p in model.params.items()}


def changed(model, before):
    return {name for name, p in model.params.items() if not np.array_equal(p, before[name])}


def test_run_keeps_a_history_and_a_log(run):
    model = classifier()
    before = copies(model)
    assert finetune(run, "stage", model, EXAMPLES, Stage(4, 1e-2)) is model
    assert [row["step"] for row in run.histories["stage"]] == [1, 2, 3, 4]
    assert (run.out / "logs" / "stage" / "metrics.csv").is_file()
    assert {"classifier.weight", "bert.pooler.dense.weight"} <= changed(model, before)


def test_warmup_and_decay(run):
    """The rate rises for a share of the steps, then falls to nothing after the last."""
    finetune(run, "stage", classifier(), EXAMPLES, Stage(10, 1e-2, warmup=0.2))
    rates = [row["lr"] for row in run.histories["stage"]]
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    assert max(rates) == pytest.approx(1e-2)
    assert rates[-1] < 2e-3
    finetune(run, "flat", classifier(), EXAMPLES, Stage(3, 1e-2, warmup=0.0, schedule="constant"))
    assert [row["lr"] for row in run.histories["flat"]] == [1e-2] * 3


def test_finetuning_learns(run):
    """Its own training texts, in a minute's worth of a miniature's steps."""
    model = classifier()
    finetune(run, "stage", model, EXAMPLES, Stage(60, 1e-2))
    assert score(model, EXAMPLES) > 0.9


def test_the_seed_decides(run, tmp_path):
    models = [classifier() for _ in range(3)]
    for model, seed in zip(models, (3, 3, 4), strict=True):
        finetune(Run(seed, tmp_path, False, {}), "stage", model, EXAMPLES, Stage(3, 1e-2))
    assert not changed(models[0], models[1].params)
    assert changed(models[0], models[2].params)


def test_pretrain(run):
    """Predicting hidden words of texts that it has seen gets easier."""
    model = pretrain(run, "stage", config(), TOKENIZER, EXAMPLES, Stage(40, 1e-2, warmup=0.1))
    assert type(model) is BertForMaskedLM
    assert model.tokenizer is TOKENIZER
    losses = [row["loss"] for row in run.histories["stage"]]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5


@pytest.mark.quick
def test_classifier_from_copies(run):
    """Training one does not change the other."""
    source = BertForMaskedLM(config(), tokenizer=TOKENIZER, seed=1)
    model = classifier_from(source, seed=7)
    body = [name for name in model.params if name in source.params]
    assert {n for n in model.params if n not in body} == {"classifier.weight", "classifier.bias"}
    for name in body:
        assert np.array_equal(model.params[name], source.params[name])
        assert not np.shares_memory(model.params[name], source.params[name])
    assert (model.config, model.tokenizer) == (source.config, TOKENIZER)
    before = copies(source)
    finetune(run, "stage", model, EXAMPLES, Stage(3, 1e-2))
    assert set(body) <= changed(model, model.params | before)
    assert not changed(source, before)


def test_a_new_head_is_the_seeds():
    source = BertForMaskedLM(config(), seed=1)
    a, b, c = (classifier_from(source, seed).params["classifier.weight"] for seed in (7, 7, 8))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_distill_inside(run):
    """The student comes nearer, its logits are not touched, the teacher stays."""
    teacher, student = classifier(seed=5, n_layers=3, hidden=12), classifier()
    taught, before = copies(teacher), copies(student)
    distill_inside(run, "stage", student, teacher, EXAMPLES._replace(labels=None), Stage(40, 1e-2))
    rows = run.histories["stage"]
    for part in ("attention", "hidden", "embedding"):
        assert rows[-1][part] < rows[0][part]
    assert not changed(teacher, taught)
    untouched = {"classifier.weight", "classifier.bias", "bert.pooler.dense.weight"}
    assert untouched.isdisjoint(changed(student, before))


def test_distill_predictions(run):
    """The student's answers become the teacher's, which the labels do not give."""
    teacher, student = classifier(seed=5), classifier()
    taught = with_logits(EXAMPLES, teacher)
    assert taught.ids == EXAMPLES.ids
    assert np.array_equal(taught.labels, predict_logits(teacher, EXAMPLES, 64))
    answers = EXAMPLES._replace(labels=taught.labels.argmax(-1))
    before = score(student, answers)
    distill_predictions(run, "stage", student, taught, Stage(60, 1e-2))
    assert score(student, answers) > max(before, 0.9)


def test_score():
    model = classifier()
    predicted = predict_logits(model, EXAMPLES).argmax(-1)
    assert score(model, EXAMPLES._replace(labels=predicted)) == 1.0
    assert score(model, EXAMPLES._replace(labels=(predicted + 1) % 3)) == 0.0


@pytest.mark.parametrize("rates", [(1e-9, 1e-2), (1e-2, 1e-9)])
def test_best_of(run, rates):
    """A rate that learns nothing loses, wherever it stands; each try starts anew."""
    made = []

    def make():
        made.append(classifier())
        return made[-1]

    stages = [Stage(40, rate) for rate in rates]
    model, rate = best_of(run, "try", make, EXAMPLES, EXAMPLES, stages)
    assert rate == 1e-2
    assert model is made[rates.index(1e-2)]
    assert len(made) == 2
    assert set(run.histories) == {"try-1e-09", "try-0.01"}


def test_importance_is_of_the_first_batches():
    model = classifier()
    found = measure_importance(model, EXAMPLES, 16)
    assert {key: len(value) for key, value in found.items()} == {
        ("heads", 0): 4, ("neurons", 0): 12, ("heads", 1): 4, ("neurons", 1): 12,
    }
    assert all((value > 0).all() for value in found.values())
    one = measure_importance(model, EXAMPLES, 16, n_batches=1)
    assert all((one[key] < found[key]).all() for key in found)
    assert not any("head_mask" in name for name in model.params)


def test_prune(run):
    """The model stays; what is cut is cut after the recovery, too."""
    model = classifier()
    before = copies(model)
    taught = with_logits(EXAMPLES, classifier(seed=5))
    smaller = prune(run, "stage", model, EXAMPLES, taught, Stage(5, 1e-2),
                    heads=0.5, neurons=0.75, zeros=0.3)
    assert not changed(model, before)
    assert [(s.heads, s.head_size, s.ffn) for s in smaller.config.layers] == [(2, 2, 9)] * 2
    assert sparsity(smaller.params) == pytest.approx(0.3, abs=0.01)
    assert smaller.tokenizer is TOKENIZER
    assert smaller([[2, 5, 3]]).logits.shape == (1, 3)
    moved = changed(smaller, {name: before[name] for name in smaller.params})
    assert set(layer_matrices(smaller.params)) <= moved


def test_prune_keeps_the_most_important(run):
    """A recovery that moves nothing leaves the best heads and neurons as they were."""
    model = classifier()
    found = measure_importance(model, EXAMPLES, 16)
    taught = with_logits(EXAMPLES, model)
    smaller = prune(run, "stage", model, EXAMPLES, taught, Stage(1, 0.0, batch_size=16),
                    heads=0.25, neurons=0.5, zeros=0.0)
    for i in range(2):
        (best,) = np.flatnonzero(found["heads", i] == found["heads", i].max())
        name = f"bert.encoder.layer.{i}.attention.self.query.weight"
        assert np.array_equal(smaller.params[name], model.params[name][2 * best : 2 * best + 2])
        best = np.sort(np.argsort(-found["neurons", i])[:6])
        name = f"bert.encoder.layer.{i}.intermediate.dense.weight"
        assert np.array_equal(smaller.params[name], model.params[name][best])


def test_one_head_always_stays(run):
    taught = with_logits(EXAMPLES, classifier())
    smaller = prune(run, "stage", classifier(), EXAMPLES, taught, Stage(1, 1e-3),
                    heads=0.01, neurons=0.01, zeros=0.0)
    assert [(s.heads, s.ffn) for s in smaller.config.layers] == [(1, 1)] * 2
