"""The model in loops: against the library on layers of different widths, and step by step."""

import numpy as np
import pytest
from model.small import arrays, batch, cotangents, dropout_masks, random_params, widths

from minibert.check import assert_close, largest_norm, spec
from minibert.check.cases import FORMULAS, formula_called
from minibert.check.references import golden
from minibert.model import Encoded, Output, bert_backward, bert_forward
from minibert.model.params import layer_view
from minibert.ops import Drop

WANT = frozenset({"hidden", "scores"})
HEADS = {
    "classification-hf": ("classification", {"pooler": "hf"}),
    "classification-tinybert": ("classification", {"pooler": "tinybert"}),
    "regression": ("classification", {"classes": 1}),
    "next_sentence": ("next_sentence", {}),
    "tokens": ("tokens", {}),
    "span": ("span", {}),
    "mlm": ("mlm", {}),
}


@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.parametrize(("head", "changes"), HEADS.values(), ids=HEADS)
def test_loops_are_the_library(head, changes, dropped):
    """Every output and every gradient; [PAD] among the words, and a mask on the heads."""
    config = widths(**changes)
    params = random_params(config, head, head_masks=True)
    inputs = batch(config)
    at = inputs[2] if head == "mlm" else None
    masks = dropout_masks(config, head) if dropped else {}
    drop = Drop(config.dropout, masks=masks) if dropped else None
    expected, cache = bert_forward(
        params, config, *inputs, head=head, at=at, want=WANT, drop=drop
    )
    hidden, scores, pooled, logits = spec.bert_forward(params, config, *inputs, head, at, masks)
    out = Output(Encoded(tuple(hidden), tuple(scores), pooled), logits)
    for n, (got, right) in enumerate(zip(arrays(out), arrays(expected), strict=True)):
        assert_close(got, right, name=f"output {n}", rtol=1e-12)

    d = cotangents(expected)
    grads = spec.bert_backward(*d.encoded, d.logits, params, config, *inputs, head, at, masks)
    expected = bert_backward(d, params, config, cache)
    assert grads.keys() == expected.keys() == params.keys()
    floor = 1e-3 * largest_norm(expected)
    for name, gradient in grads.items():
        assert_close(gradient, expected[name], name=name, rtol=1e-11, floor=floor)


def test_every_step_of_a_layer_is_the_references():
    found = golden("encoder")
    case = next(c for c in formula_called("encoder").cases if str(c) == "encoder")
    (params, config, *_, keep), _ = case.inputs()
    names = {
        "query": "q", "key": "k", "value": "v", "context": "context", "attention_output": "x1",
        "gelu_input": "h", "gelu_output": "a",
    }
    for i, size in enumerate(config.layers):
        x = found.arrays[f"output.hidden.{i}"].reshape(-1, config.hidden)
        bias = spec.padding_bias(keep, size.heads, x.dtype)
        layer = spec.block_forward(x, layer_view(params, i), bias, config, {}, 1 + 3 * i)
        for theirs, ours in names.items():
            expected = found.arrays[f"step.layer.{i}.{theirs}"]
            got = getattr(layer, ours).reshape(expected.shape)
            assert_close(got, expected, name=f"layer {i} {theirs}", rtol=1e-12)


def test_a_single_token_attends_to_itself():
    """The weight of the only key is 1, so that the context is the value."""
    config = widths(dropout=0.0)
    rng, p = np.random.default_rng(2), layer_view(random_params(config), 0)
    x, size = rng.standard_normal((1, config.hidden)), config.layers[0]
    bias = np.zeros((1, size.heads, 1, 1))
    layer = spec.block_forward(x, p, bias, config, {}, 1)
    value = x @ p["attention.self.value.weight"].T + p["attention.self.value.bias"]
    assert_close(spec.join_heads(layer.context), value, rtol=1e-13)
    assert_close(layer.context[0, 1, 0], value[0, size.head_size : 2 * size.head_size], rtol=1e-13)


@pytest.mark.quick
def test_an_unknown_head_is_an_error():
    config = widths()
    inputs = random_params(config), config, *batch(config), "nsp", None, {}
    with pytest.raises(ValueError, match="head: got 'nsp', wanted one of classification, "):
        spec.bert_forward(*inputs)
    with pytest.raises(ValueError, match="head: got 'nsp'"):
        spec.bert_backward(None, None, None, None, *inputs)


@pytest.mark.quick
def test_heads_are_consecutive_columns():
    x = np.arange(2 * 3 * 4.0).reshape(6, 4)  # B = 2, L = 3, H = 2, K = 2
    y = spec.split_heads(x, np.zeros((2, 2, 3, 3)))
    assert y[1, 0, 2].tolist() == [20, 21]
    assert y[0, 1, 1].tolist() == [6, 7]
    assert spec.join_heads(y).tolist() == x.tolist()


@pytest.mark.quick
def test_numbers_of_heads_worked_out_by_hand():
    """pooled (1, -2), w (3, 5), b 1: relu leaves 3 + 1; dropout of the second at 0.5 leaves 6 + 1.
    """
    pooled, w, b = np.array([[1.0, -2]]), np.array([[3.0, 5]]), np.ones(1)
    keep, one = np.array([[True, False]]), np.ones((1, 1))
    assert spec.classification_forward(pooled, keep, 0.5, w, b, "tinybert").item() == 4
    assert spec.classification_forward(pooled, keep, 0.5, w, b, "hf").item() == 7
    dpooled, dw, db = spec.classification_backward(one, pooled, keep, 0.5, w, "hf")
    assert (dpooled.tolist(), dw.tolist(), db.tolist()) == ([[6, 0]], [[2, 0]], [1])
    dpooled, dw, _ = spec.classification_backward(one, pooled, keep, 0.5, w, "tinybert")
    assert (dpooled.tolist(), dw.tolist()) == ([[3, 0]], [[1, 0]])


def test_inputs_of_the_cases_tell_mistakes_apart():
    """Padding, both segments, a repeated word, positive and negative pooled values; no [PAD]."""
    for f in FORMULAS:
        for case in f.cases:
            args, _ = case.inputs()
            if case.op not in ("encoder", *(h.replace("_", "-") for h, _ in HEADS.values())):
                continue
            _, config, ids, segments, keep = args
            assert not keep.all(), case
            assert set(segments[keep]) == {0, 1}, case
            assert (ids[:, 0] == ids[:, 1]).any(), case
            assert (ids == config.pad_id).any() != case.exact, case
            pooled = golden(str(case)).arrays[
                "output.pooled" if case.op == "encoder" else "output.encoded.pooled"
            ]
            assert pooled.min() < -0.1 < 0.1 < pooled.max(), case
