"""Heads and neurons: importance is a derivative, and removal computes what a mask computes."""

import numpy as np
import pytest
from model.small import batch, random_params, widths

from minibert.check import assert_close, relative_error
from minibert.config import BertConfig
from minibert.model import bert_forward, count_parameters, loss_forward, parameter_shapes
from minibert.model.params import layer_prefix
from minibert.pretrained import BertForSequenceClassification
from minibert.prune import add_importance, most_important, remove_structures, with_head_masks
from minibert.prune.structured import HEAD_MASK
from minibert.train import supervised

WANT = frozenset({"hidden", "scores"})
UNIFORM = BertConfig.uniform(
    vocab=23, hidden=12, n_layers=2, heads=4, ffn=17, positions=7, classes=3
)
CONFIGS = pytest.mark.parametrize("config", [UNIFORM, widths()], ids=["uniform", "widths"])
HEADS = {UNIFORM: ([0, 2, 3], [1]), widths(): ([0, 2], [1])}
NEURONS = {UNIFORM: ([0, 5, 6, 16], np.arange(1, 17, 2)), widths(): ([3, 10], [0, 1, 18])}
H = 1e-5


def labelled(config, seed=1):
    ids, segments, keep = batch(config, seed=seed)
    labels = np.array([2, 0])
    return {"input_ids": ids, "token_type_ids": segments, "attention_mask": keep, "labels": labels}


def model_of(config):
    params = random_params(config, "classification")
    return BertForSequenceClassification(config, with_head_masks(params, config))


def loss_at(config, params, data):
    out, _ = bert_forward(
        params, config, data["input_ids"], data["token_type_ids"], data["attention_mask"],
        head="classification",
    )
    return float(loss_forward(out.logits, data["labels"], config, "classification")[0])


def slope(config, params, data, moved):
    """d loss / d e at e = 0, of the parameters that `moved` makes of e."""
    up, down = (loss_at(config, params | moved(e), data) for e in (H, -H))
    return (up - down) / (2 * H)


def importance_of(model, *batches):
    found = {}
    for data in batches:
        _, _, grads = supervised(model, data, None)
        assert add_importance(found, model.params, grads, model.config) is found
    return found


@pytest.mark.quick
@CONFIGS
def test_head_importance_is_the_derivative_by_its_mask(config):
    model, data = model_of(config), labelled(config)
    found = importance_of(model, data)
    for i, size in enumerate(config.layers):
        name, expected = layer_prefix(i) + HEAD_MASK, []
        for one in np.eye(size.heads):

            def moved(e, one=one, name=name):
                return {name: 1.0 + e * one}

            expected.append(abs(slope(config, model.params, data, moved)))
        assert relative_error(found["heads", i], expected) < 1e-6


@CONFIGS
def test_neuron_importance_is_two_derivatives(config):
    """Of scaling what goes into a neuron, and of scaling what comes out of it."""
    model, data = model_of(config), labelled(config)
    found = importance_of(model, data)
    p = model.params
    for i, size in enumerate(config.layers):
        prefix = layer_prefix(i)
        w1, b1, w2 = (
            f"{prefix}{name}"
            for name in ("intermediate.dense.weight", "intermediate.dense.bias",
                         "output.dense.weight")
        )
        expected = []
        for f in range(size.ffn):
            at = np.arange(size.ffn) == f

            def into(e, at=at, w1=w1, b1=b1):
                return {w1: p[w1] * (1 + e * at[:, None]), b1: p[b1] * (1 + e * at)}

            def out(e, at=at, w2=w2):
                return {w2: p[w2] * (1 + e * at)}

            expected.append(sum(abs(slope(config, p, data, moved)) for moved in (into, out)))
        assert relative_error(found["neurons", i], expected) < 1e-6


def test_importance_adds_over_batches():
    model = model_of(UNIFORM)
    first, second = labelled(UNIFORM), labelled(UNIFORM, seed=3)
    both = importance_of(model, first, second)
    one, two = importance_of(model, first), importance_of(model, second)
    assert set(both) == {(kind, i) for kind in ("heads", "neurons") for i in range(2)}
    for key, value in both.items():
        assert (one[key] > 0).all()
        assert_close(value, one[key] + two[key], rtol=1e-14)


def test_head_masks_of_ones_change_nothing():
    params = random_params(UNIFORM, "classification")
    masked = with_head_masks(params, UNIFORM)
    assert masked.keys() - params.keys() == {layer_prefix(i) + HEAD_MASK for i in range(2)}
    data = labelled(UNIFORM)
    assert loss_at(UNIFORM, masked, data) == loss_at(UNIFORM, params, data)
    small = {name: p.astype(np.float32) for name, p in params.items()}
    assert with_head_masks(small, UNIFORM)[layer_prefix(0) + HEAD_MASK].dtype == np.float32


@pytest.mark.parametrize(
    ("scores", "n", "expected"),
    [
        ([0.1, 3.0, 2.0], 2, [1, 2]),
        ([3.0, 1.0, 2.0], 2, [0, 2]),
        ([1.0, 1.0, 1.0, 1.0], 2, [0, 1]),
        ([0.0, 5.0], 2, [0, 1]),
        ([0.0, 5.0], 1, [1]),
    ],
)
def test_most_important(scores, n, expected):
    assert most_important(np.array(scores), n).tolist() == expected


@pytest.mark.parametrize("n", [0, -1, 4])
def test_most_important_errors(n):
    with pytest.raises(ValueError, match=f"n is {n}; of 3 parts"):
        most_important(np.ones(3), n)


def masked_model(params, config, heads, neurons):
    """The model in its old shape, what is to be removed switched off."""
    params = with_head_masks(params, config)
    for i, size in enumerate(config.layers):
        params[layer_prefix(i) + HEAD_MASK] = np.isin(np.arange(size.heads), heads[i]).astype(float)
        name = f"{layer_prefix(i)}output.dense.weight"
        params[name] = params[name] * np.isin(np.arange(size.ffn), neurons[i])
    return params


@pytest.mark.quick
@CONFIGS
@pytest.mark.parametrize("what", ["heads", "neurons", "both"])
def test_removed_computes_what_masked_computes(config, what):
    params = random_params(config, "classification")
    heads, neurons = HEADS[config], NEURONS[config]
    if what == "neurons":
        heads = [np.arange(size.heads) for size in config.layers]
    if what == "heads":
        neurons = [np.arange(size.ffn) for size in config.layers]
    small, small_config = remove_structures(params, config, heads, neurons)
    inputs = batch(config)
    a, _ = bert_forward(small, small_config, *inputs, head="classification", want=WANT)
    masked = masked_model(params, config, heads, neurons)
    b, _ = bert_forward(masked, config, *inputs, head="classification", want=WANT)
    whole, _ = bert_forward(params, config, *inputs, head="classification")
    assert_close(a.logits, b.logits, rtol=1e-12)
    assert_close(a.encoded.pooled, b.encoded.pooled, rtol=1e-12)
    for x, y in zip(a.encoded.hidden, b.encoded.hidden, strict=True):
        assert_close(x, y, rtol=1e-12)
    for x, y, stay in zip(a.encoded.scores, b.encoded.scores, heads, strict=True):
        assert_close(x, y[:, stay], rtol=1e-12)
    assert relative_error(a.logits, whole.logits) > 1e-3, "nothing was removed"


@pytest.mark.quick
@CONFIGS
def test_counts(config):
    params = random_params(config, "classification")
    before = {name: p.copy() for name, p in params.items()}
    heads, neurons = HEADS[config], NEURONS[config]
    small, small_config = remove_structures(with_head_masks(params, config), config, heads, neurons)
    found = [(s.heads, s.head_size, s.ffn) for s in small_config.layers]
    assert found == [
        (len(h), s.head_size, len(f))
        for s, h, f in zip(config.layers, heads, neurons, strict=True)
    ]
    shapes = {name: p.shape for name, p in small.items()}
    assert shapes == parameter_shapes(small_config, "classification")
    assert sum(p.size for p in small.values()) == count_parameters(small_config, "classification")
    assert all(p.flags.c_contiguous for p in small.values())
    assert all(np.array_equal(params[name], p) for name, p in before.items()), "an input changed"


def test_keeping_all_changes_nothing():
    params = random_params(UNIFORM)
    everything = [np.arange(4)] * 2, [np.arange(17)] * 2
    same, config = remove_structures(params, UNIFORM, *everything)
    assert config == UNIFORM
    assert all(np.array_equal(same[name], p) for name, p in params.items())


@pytest.mark.parametrize(("heads", "neurons", "what"), [
    (np.array([], np.int64), [0], "heads"), ([0], np.array([], np.int64), "neurons"),
    ([4], [0], "heads"), ([0], [17], "neurons"), ([-1], [0], "heads"), ([1, 0], [0], "heads"),
    ([0], [3, 3], "neurons"), ([True, False], [0], "heads"), ([0.0], [0], "heads"),
])
def test_what_stays_is_indices(heads, neurons, what):
    with pytest.raises(ValueError, match=rf"{what}\[0\] is"):
        remove_structures(random_params(UNIFORM), UNIFORM, [np.array(heads)] * 2,
                          [np.array(neurons)] * 2)


def test_one_entry_for_each_layer():
    with pytest.raises(ValueError, match="heads has 1 entries; the model has 2 layers"):
        remove_structures(random_params(UNIFORM), UNIFORM, [np.array([0])], [np.array([0])] * 2)
