"""The model reaches every op through the kernels' table, at every level."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import assert_close, largest_norm
from minibert.model import bert_backward, bert_forward, loss_forward
from minibert.ops import Drop

from .small import arrays, batch, cotangents, labels_for, random_params, widths

WANT = frozenset({"hidden", "scores"})
RTOL = {np.float64: 1e-10, np.float32: 2e-5}


def both(head, *, dtype=np.float64, pooler="hf", drop=Drop(0.3, seed=3)):  # noqa: B008
    """Outputs and gradients of a model in which everything happens."""
    config = widths(pooler=pooler)
    params = random_params(config, head, dtype=dtype, head_masks=True)
    out, cache = bert_forward(params, config, *batch(config), head=head, want=WANT, drop=drop)
    return arrays(out), bert_backward(cotangents(out), params, config, cache)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("head", ["classification", "mlm", "next_sentence", "tokens", "span"])
def test_the_fast_kernels_agree_with_the_formulas(head, dtype):
    outputs, grads = both(head, dtype=dtype)
    with F.use("auto"):
        if set(map(F.source, ("attention_forward", "layernorm_forward"))) == {"numpy"}:
            pytest.skip(F.available("numba")[1])
        others, other_grads = both(head, dtype=dtype)
    for a, b in zip(others, outputs, strict=True):
        assert a.dtype == dtype
        assert_close(a, b, rtol=RTOL[dtype])
    floor = 1e-3 * largest_norm(grads)
    for name, g in grads.items():
        assert other_grads[name].dtype == dtype, name
        assert_close(other_grads[name], g, name=name, rtol=RTOL[dtype], floor=floor)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("head", ["classification", "mlm", "next_sentence", "tokens", "span"])
def test_the_losses_agree_at_all_levels(head, dtype):
    config = widths()
    inputs = batch(config)
    labels = labels_for(head, config, inputs[2])
    params = random_params(config, head, dtype=dtype)
    logits = bert_forward(params, config, *inputs, head=head)[0].logits
    expected, dexpected = loss_forward(logits, labels, config, head)
    with F.use("auto"):
        loss, dlogits = loss_forward(logits, labels, config, head)
    assert (loss.dtype, dlogits.dtype) == (dtype, dtype)
    assert_close(loss, expected, rtol=RTOL[dtype])
    assert_close(dlogits, dexpected, rtol=RTOL[dtype])


USED = {  # by a model with this head, pooler convention and dropout
    "embedding": "classification", "layernorm": "classification", "dropout": "classification",
    "qkv": "classification", "attention": "classification", "softmax": "classification",
    "linear_add_layernorm": "classification", "linear_gelu": "classification",
    "gelu": "classification", "linear": "classification", "tanh": "classification",
    "relu": "tinybert", "log_softmax": None, "gelu_tanh": None,
}


@pytest.mark.parametrize("level", [pytest.param("numpy", marks=pytest.mark.quick), "auto"])
@pytest.mark.parametrize("op", USED)
def test_a_swapped_op_reaches_the_model(op, level):
    """Both halves of the pair are called, inside the fused ops too; nothing else changes."""
    calls = {"forward": 0, "backward": 0}

    def counted(half):
        function = F.OPS[f"{op}_{half}"]

        def call(*args, **kwargs):
            calls[half] += 1
            return function(*args, **kwargs)

        return call

    pooler = "tinybert" if USED[op] == "tinybert" else "hf"
    with F.use(level), F.swap(**{op: (counted("forward"), counted("backward"))}):
        outputs, _ = both("classification", pooler=pooler)
    assert calls["forward"] == calls["backward"]
    assert (calls["forward"] > 0) == (USED[op] is not None)
    calls.update(forward=0)
    expected, _ = both("classification", pooler=pooler)
    assert calls["forward"] == 0, "the swap outlived its block"
    for a, b in zip(outputs, expected, strict=True):
        assert_close(a, b, rtol=1e-10)


@pytest.mark.quick
def test_a_swapped_op_changes_the_numbers():
    tanh_form = F.OPS["gelu_tanh_forward"], F.OPS["gelu_tanh_backward"]
    expected, _ = both("classification", drop=None)
    with F.swap(gelu=tanh_form):
        outputs, _ = both("classification", drop=None)
    difference = np.abs(outputs[2] - expected[2]).max()  # the last hidden state
    assert 1e-6 < difference < 0.05
    assert np.array_equal(outputs[0], expected[0]), "no GELU before the embeddings"


@pytest.mark.quick
def test_the_padding_bias_is_looked_up_too():
    def nothing_hidden(keep, dtype):
        return np.zeros((len(keep), 1, 1, keep.shape[1]), dtype)

    expected, _ = both(None, drop=None)
    with F.swap(padding_bias=nothing_hidden):
        outputs, _ = both(None, drop=None)
    assert np.abs(outputs[2] - expected[2]).max() > 1e-3
