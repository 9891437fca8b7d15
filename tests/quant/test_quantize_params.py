"""A model in int8: what is quantized, how far it is off, how large it is."""

import numpy as np
import pytest
from model.small import batch, random_params, uniform, widths

from minibert.check import relative_error
from minibert.config import BertConfig
from minibert.model import bert_forward
from minibert.ops import QTensor
from minibert.pretrained import BertForMaskedLM, BertForSequenceClassification
from minibert.quant import parameter_bytes, quantize_params, quantized_names

WORDS = "bert.embeddings.word_embeddings.weight"
HEADS = pytest.mark.parametrize("head", [None, "classification", "mlm"])


def float32(config, head=None):
    return random_params(config, head, dtype=np.float32)


def moderate(config, head=None):
    """Weights as large as a trained model's."""
    return {
        name: p * np.float32(0.3) if p.ndim == 2 else p for name, p in float32(config, head).items()
    }


@pytest.mark.quick
@HEADS
def test_matrices_and_nothing_else(head):
    params = float32(widths(), head)
    small = quantize_params(params)
    assert list(small) == list(params)
    for name, p in params.items():
        if p.ndim == 2:
            assert isinstance(small[name], QTensor)
            assert small[name].shape == p.shape
            assert (small[name].q.dtype, small[name].scale.dtype) == (np.int8, np.float32)
            assert small[name].scale.shape == p.shape[:1]
        else:
            assert name.endswith((".bias", "LayerNorm.weight"))
            assert small[name] is p
    assert quantized_names(params) == [name for name, p in params.items() if p.ndim == 2]
    assert WORDS in quantized_names(params)


def test_the_float_parameters_stay():
    params = float32(widths())
    before = {name: p.copy() for name, p in params.items()}
    quantize_params(params)
    assert all(np.array_equal(params[name], p) for name, p in before.items())


@pytest.mark.quick
def test_error_is_half_a_step():
    params = float32(widths(), "classification")
    for name, q in quantize_params(params).items():
        if isinstance(q, QTensor):
            error = np.abs(params[name].astype(np.float64) - q.dequantize())
            assert (error <= q.scale[:, None] * (0.5 + 1e-5)).all()
            assert error.max() > 0
            largest = np.abs(params[name]).max(1)
            assert np.abs(q.q).max(1).tolist() == [127] * len(largest)
            assert np.allclose(q.scale, largest / 127, rtol=1e-6)


def test_a_row_of_zeros_stays_zero():
    params = float32(widths())
    params[WORDS][0] = 0.0
    assert not quantize_params(params)[WORDS].dequantize()[0].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_int8_cannot_hold_is_named(value):
    params = float32(widths())
    name = "bert.encoder.layer.1.output.dense.weight"
    params[name][2, 3] = value
    with pytest.raises(ValueError, match=f"{name}: w has a NaN or an infinity"):
        quantize_params(params)


def test_twice_is_once():
    small = quantize_params(float32(widths()))
    again = quantize_params(small)
    assert all(again[name] is p for name, p in small.items())


@pytest.mark.quick
@HEADS
def test_bytes(head):
    params = float32(widths(), head)
    matrices = [p for p in params.values() if p.ndim == 2]
    numbers = sum(p.size for p in params.values())
    in_int8, rows = sum(p.size for p in matrices), sum(len(p) for p in matrices)
    assert parameter_bytes(params) == 4 * numbers
    assert parameter_bytes(quantize_params(params)) == in_int8 + 4 * (rows + numbers - in_int8)


@pytest.mark.parametrize(("kind", "head"), [
    (BertForSequenceClassification, "classification"), (BertForMaskedLM, "mlm"),
])
def test_a_model_in_int8_is_close(kind, head):
    config = BertConfig.uniform(vocab=101, hidden=48, n_layers=3, heads=4, ffn=96, classes=5)
    model = kind(config, moderate(config, head))
    ids, segments, keep = batch(config, rows=7, length=29)
    small = model.quantize()
    assert type(small) is kind
    assert small.is_quantized
    assert not model.is_quantized
    a, b = (m(ids, keep, segments).logits for m in (small, model))
    assert a.dtype == np.float32
    assert 0 < relative_error(a, b) < 0.05


def test_layers_of_different_widths():
    config = widths()
    params = moderate(config, "classification")
    a, _ = bert_forward(quantize_params(params), config, *batch(config), head="classification")
    b, _ = bert_forward(params, config, *batch(config), head="classification")
    assert 0 < relative_error(a.logits, b.logits) < 0.05


def test_a_tied_decoder_is_quantized_once():
    small = quantize_params(float32(uniform(), "mlm"))
    assert sum("word_embeddings" in name or "decoder" in name for name in small) == 1
