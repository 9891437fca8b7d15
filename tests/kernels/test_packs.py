"""Packed weights are kept while nobody can have changed them, and no longer."""

import copy
import pickle
import threading

import numpy as np
import pytest

from minibert import BertConfig, BertForSequenceClassification, kernels, load
from minibert.kernels.packs import Packs, current, inference, once
from minibert.model import bert_infer

IDS = [[2, 5, 7, 11], [2, 3, 3, 1]]


def small_model(seed=0):
    config = BertConfig.uniform(vocab=23, hidden=12, n_layers=2, heads=3, ffn=20)
    return BertForSequenceClassification(config, seed=seed)


def test_a_pack_is_made_once_for_an_array():
    packs, made = Packs(), []

    def make():
        made.append(1)
        return len(made)

    a, b = np.ones(3), np.ones(3)
    assert [packs.get("x", [a], make) for _ in range(3)] == [1, 1, 1]
    assert packs.get("y", [a], make) == 2
    assert packs.get("x", [b], make) == 3
    assert packs.get("x", [a, b], make) == 4


def test_outside_of_inference_nothing_is_kept():
    made = []
    for _ in range(2):
        once("x", [], lambda: made.append(1))
    with inference(Packs()):
        for _ in range(2):
            once("x", [], lambda: made.append(1))
    assert len(made) == 3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_starts_empty(copied):
    packs, a = Packs(), np.ones(3)
    packs.get("x", [a], lambda: 1)
    assert copied(packs).get("x", [a], lambda: 2) == 2


def test_inference_is_of_one_thread_and_block():
    seen = []
    with inference(Packs()) as packs:
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        with inference(Packs()) as inner:
            assert current() is inner
        assert current() is packs
    assert (current(), seen) == (None, [None])


@pytest.mark.parametrize("level", ["numpy", "auto"])
def test_changed_weights_are_seen_however_they_were_changed(level):
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    with kernels.use(level):
        model = small_model()
        before = model(IDS).logits
        weight = model.params[name]
        assert np.array_equal(model(IDS).logits, before)
        change = 3 * np.random.default_rng(0).standard_normal(weight.shape).astype(np.float32)
        weight += change  # after a call, through an array got before it
        changed = model(IDS).logits
        assert not np.allclose(changed, before)
        weight -= change
        assert np.allclose(model(IDS).logits, before, atol=1e-6)
        model.params[name] = weight + change  # another array
        assert np.allclose(model(IDS).logits, changed, atol=1e-6)
        model.params = small_model(seed=4).params  # another dict
        assert np.array_equal(model(IDS).logits, small_model(seed=4)(IDS).logits)


@pytest.mark.parametrize("name", ["intermediate.dense.weight", "attention.head_mask"])
def test_an_array_put_in_place_of_another_is_seen_with_the_same_packs(name):
    model, packs = small_model(), Packs()
    params, config, ids = dict(model.params), model.config, np.array(IDS)
    before = bert_infer(params, config, ids, packs=packs).encoded.pooled
    full = f"bert.encoder.layer.0.{name}"
    params[full] = 2 * params[full] if full in params else np.array([1, 0, 1], np.float32)
    after = bert_infer(params, config, ids, packs=packs).encoded.pooled
    assert not np.allclose(before, after)
    assert np.array_equal(after, bert_infer(params, config, ids).encoded.pooled)


def test_copies_of_a_model_are_its_own(tmp_path):
    model = small_model()
    expected = model(IDS).logits
    twin = copy.deepcopy(model)
    twin.params["classifier.bias"] += 1
    assert np.array_equal(model(IDS).logits, expected)
    assert np.allclose(twin(IDS).logits, expected + 1)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    for _ in range(2):
        assert np.array_equal(loaded(IDS).logits, expected)
