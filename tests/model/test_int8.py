"""Weights of the type QTensor take the int8 kernels, through the very same model code."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import assert_close, relative_error
from minibert.config import BertConfig
from minibert.model import FLOAT, ComposedLinear, Encoded, Output, bert_backward, bert_forward
from minibert.ops import QTensor, quantize_affine, quantize_symmetric

from .small import arrays, batch, cotangents, random_params

pytestmark = pytest.mark.quick

CONFIG = BertConfig.uniform(vocab=101, hidden=48, n_layers=3, heads=4, ffn=96, positions=31,
                            classes=5)
INPUTS = batch(CONFIG, rows=7, length=29)
WANT = frozenset({"hidden", "scores"})
WORDS = "bert.embeddings.word_embeddings.weight"


def quantized(params):
    """Every linear weight and the word table in int8."""
    left = ("position_embeddings.weight", "token_type_embeddings.weight")
    return {name: quantize_symmetric(p) if p.ndim == 2 and not name.endswith(left) else p
            for name, p in params.items()}


def run(params, head, linear=FLOAT):
    return bert_forward(params, CONFIG, *INPUTS, head=head, want=WANT, linear=linear)


def without_scores(out):
    return out._replace(encoded=out.encoded._replace(scores=()))


def cosine(a, b):
    a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def moderate_params(head=None):
    """Weights as large as a trained model's: outputs about as wide as inputs."""
    params = random_params(CONFIG, head, dtype=np.float32)
    return {name: p * np.float32(0.3) if p.ndim == 2 else p for name, p in params.items()}


class Simulated(ComposedLinear):
    """The same layers on float64 arrays whose numbers were rounded as int8 rounds them."""

    def forward(self, name, x, w, b):
        q, scale, zero = quantize_affine(x)
        rounded = scale.astype(np.float64) * (q.astype(np.float64) - zero)
        exact = w.q.astype(np.float64) * w.scale.astype(np.float64)[:, None]
        return (rounded @ exact.T + b).astype(np.float32), None


@pytest.mark.parametrize("head", ["classification", "mlm", "next_sentence", "tokens", "span"])
def test_close_to_float(head):
    params = moderate_params(head)
    out, _ = run(params, head)
    small, _ = run(quantized(params), head)
    for a, b in zip(arrays(small), arrays(out), strict=True):
        assert a.dtype == np.float32
        assert relative_error(a, b) < 0.04
    for a, b in zip(arrays(without_scores(small)), arrays(without_scores(out)), strict=True):
        assert a.shape[-1] == 2 or cosine(a, b).min() > 0.99  # two numbers may both be near 0
    assert not np.array_equal(small.logits, out.logits), "nothing ran in int8"


def test_int8_is_rounding_and_nothing_else():
    """Beside a simulation in floating point, what is left is a rounding here and there."""
    params = moderate_params("classification")
    small, _ = run(quantized(params), "classification")
    simulated, _ = run(quantized(params), "classification", Simulated())
    assert_close(small.encoded.scores[0], simulated.encoded.scores[0], rtol=1e-6)
    assert_close(small.encoded.hidden[1], simulated.encoded.hidden[1], rtol=1e-6)
    for a, b in zip(arrays(small), arrays(simulated), strict=True):  # a tie may round elsewhere
        assert_close(a, b, rtol=5e-3)


def test_the_fast_kernels_agree_with_the_formulas():
    params = quantized(moderate_params("classification"))
    expected, _ = run(params, "classification")
    with F.use("auto"):
        out, _ = run(params, "classification")
    for a, b in zip(arrays(out), arrays(expected), strict=True):
        assert_close(a, b, rtol=5e-3)


def test_an_int8_weight_is_its_dequantized_one_but_for_the_activations():
    """The word table's rows are exact: look-ups quantize nothing."""
    params = random_params(CONFIG, dtype=np.float32)
    table = quantize_symmetric(params[WORDS])
    a, _ = run(params | {WORDS: table}, None)
    b, _ = run(params | {WORDS: table.dequantize()}, None)
    assert all(np.array_equal(p, q) for p, q in zip(arrays(a), arrays(b), strict=True))


def test_composed_linear_gives_the_same_bits():
    params = quantized(random_params(CONFIG, "classification", dtype=np.float32))
    a, _ = run(params, "classification")
    b, _ = run(params, "classification", ComposedLinear())
    assert all(np.array_equal(p, q) for p, q in zip(arrays(a), arrays(b), strict=True))


def test_rows_do_not_see_each_other():
    """Activations are quantized a token at a time, so a text's answer has no neighbours in it."""
    params = quantized(random_params(CONFIG, "classification", dtype=np.float32))
    out, _ = run(params, "classification")
    one = [a[3:4] for a in INPUTS]
    alone, _ = bert_forward(params, CONFIG, *one, head="classification")
    assert cosine(alone.logits, out.logits[3:4]).min() > 1 - 1e-4


@pytest.mark.parametrize("linear", [FLOAT, ComposedLinear()], ids=["float", "composed"])
@pytest.mark.parametrize("head", [None, "classification", "mlm", "tokens", "span"])
def test_backward_says_that_int8_has_no_gradient(head, linear):
    params = quantized(random_params(CONFIG, head, dtype=np.float32))
    out, cache = run(params, head, linear)
    with pytest.raises(ValueError, match="int8 linear layer has no gradient"):
        bert_backward(cotangents(out), params, CONFIG, cache, linear=linear)


def test_x_is_quantized_once_for_query_key_and_value():
    params = quantized(random_params(CONFIG, dtype=np.float32))
    count = [0]

    def counted(x):
        count[0] += 1
        return F.OPS["quantize_affine"](x)

    with F.swap(quantize_affine=counted):
        run(params, None)
    assert count[0] == 4 * CONFIG.n_layers + 1  # qkv, output, two of the feed-forward; the pooler


def test_part_of_the_model_in_int8():
    """One layer's feed-forward alone: gradients flow until they meet it."""
    name = "bert.encoder.layer.0.output.dense.weight"
    params = random_params(CONFIG, dtype=np.float32)
    mixed = params | {name: quantize_symmetric(params[name])}
    assert isinstance(mixed[name], QTensor)
    out, cache = run(mixed, None)
    exact, _ = run(params, None)
    assert cosine(out.encoded.pooled, exact.encoded.pooled).min() > 0.99
    d = Output(Encoded((), (), np.ones_like(out.encoded.pooled)), None)
    with pytest.raises(ValueError, match="no gradient"):
        bert_backward(d, mixed, CONFIG, cache)
