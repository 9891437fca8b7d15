"""A pruned model with zeros where parts were removed: the same function, all layers alike."""

import warnings

import numpy as np
import pytest
from model.small import batch, random_params, uniform, widths

from minibert import kernels as F
from minibert.check import assert_close
from minibert.config import BertConfig, LayerSize
from minibert.interop import dense_params, read_directory, write_directory
from minibert.interop.names import ARCHITECTURES
from minibert.model import bert_forward, parameter_shapes
from minibert.prune import remove_structures
from minibert.quant import quantize_params

PRUNED = {
    "heads and neurons": [(3, 5, 11), (1, 5, 19), (2, 5, 7)],
    "narrow, all alike": [(2, 5, 13)] * 2,
    "no head removed": [(4, 5, 3), (4, 5, 17)],
    "only heads": [(1, 5, 11), (4, 5, 11)],
}


def outputs(params, config, head):
    """Everything the model returns, but the scores, of which there are more now."""
    out, _ = bert_forward(params, config, *batch(config), head=head, want=frozenset({"hidden"}))
    logits = [] if head is None else [out.logits]
    return [*out.encoded.hidden, out.encoded.pooled, *logits]


@pytest.mark.parametrize("head", ARCHITECTURES)
@pytest.mark.parametrize("layers", PRUNED.values(), ids=PRUNED)
def test_the_same_function(head, layers):
    layers = tuple(LayerSize(*size) for size in layers)
    config = BertConfig(vocab=23, hidden=20, layers=layers, positions=7, classes=3)
    params = random_params(config, head)
    dense, dense_config = dense_params(params, config)
    assert dense_config.is_uniform
    widest = max(size.ffn for size in layers)
    assert set(dense_config.layers) == {LayerSize(4, 5, widest)}
    assert {name: p.shape for name, p in dense.items()} == parameter_shapes(dense_config, head)
    with F.use("numpy"):
        for a, b in zip(
            outputs(dense, dense_config, head), outputs(params, config, head), strict=True
        ):
            # Zeros add nothing; but a longer sum may be taken in another order.
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * np.abs(b).max())


@pytest.mark.quick
def test_what_was_pruned_comes_back_as_zeros():
    config = uniform()
    params = random_params(config, "classification")
    heads, neurons = [[0, 2], [1]], [[1, 3, 4, 10], [0, 10]]
    small, small_config = remove_structures(params, config, heads, neurons)
    dense, dense_config = dense_params(small, small_config)
    assert [size.heads for size in dense_config.layers] == [3, 3]
    assert [size.ffn for size in dense_config.layers] == [4, 4]
    query = "bert.encoder.layer.0.attention.self.query."
    original = params[f"{query}weight"].reshape(3, 5, 15)
    np.testing.assert_array_equal(
        dense[f"{query}weight"].reshape(3, 5, 15), [original[0], original[2], 0 * original[0]]
    )
    assert not dense[f"{query}bias"][10:].any()
    assert dense["classifier.weight"] is small["classifier.weight"]
    assert {p.dtype for p in dense.values()} == {np.dtype(np.float64)}


def test_a_uniform_model_stays_as_it_is():
    config = uniform()
    params = random_params(config)
    dense, dense_config = dense_params(params, config)
    assert dense is params
    assert dense_config is config


def test_written_and_read(tmp_path):
    config = BertConfig(
        vocab=23, hidden=20, layers=(LayerSize(3, 5, 11), LayerSize(1, 5, 19)), positions=7
    )
    params = random_params(config, "mlm", dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_directory(tmp_path, params, config, "mlm", dense=True)
    assert "layer_sizes" not in (tmp_path / "config.json").read_text()
    found, found_config, new = read_directory(tmp_path, "mlm")
    assert new == []
    with F.use("numpy"):
        for a, b in zip(
            outputs(found, found_config, "mlm"), outputs(params, config, "mlm"), strict=True
        ):
            assert_close(a, b, rtol=1e-6)


@pytest.mark.parametrize("layers", [[(3, 5, 11), (2, 4, 11)], [(3, 7, 11)] * 2, [(5, 5, 11)] * 2])
def test_heads_that_do_not_divide_the_model(layers):
    layers = tuple(LayerSize(*size) for size in layers)
    config = BertConfig(vocab=23, hidden=20, layers=layers, positions=7)
    with pytest.raises(ValueError, match=r"cannot be made dense: the heads are .*hidden=20"):
        dense_params(random_params(config), config)


def test_int8_is_refused(tmp_path):
    config = widths()
    params = quantize_params(random_params(config, dtype=np.float32))
    with pytest.raises(ValueError, match="int8 model cannot be made dense: do it before"):
        write_directory(tmp_path / "new", params, config, dense=True)
    assert not (tmp_path / "new").exists()
