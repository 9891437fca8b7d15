"""Names in files: old ones, tied ones, superfluous ones; and the head that they tell of."""

import json
import warnings

import numpy as np
import pytest
from model.small import random_params, uniform

from minibert.interop import read_directory, read_head, write_directory
from minibert.interop.names import ARCHITECTURES, HEADS

from .files import assert_same, change_config, change_tensors

WORDS, BIAS = "bert.embeddings.word_embeddings.weight", "cls.predictions.bias"
DECODER, DECODER_BIAS = "cls.predictions.decoder.weight", "cls.predictions.decoder.bias"


@pytest.fixture
def words(tmp_path):
    """A model that predicts words, in a folder."""
    config = uniform()
    write_directory(tmp_path, random_params(config, "mlm", dtype=np.float32), config, "mlm")
    return tmp_path


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.quick
def test_gamma_and_beta(words):
    expected = read_directory(words, "mlm")[0]

    def old(name):
        for new, was in (("LayerNorm.weight", "gamma"), ("LayerNorm.bias", "beta")):
            name = name.replace(new, f"LayerNorm.{was}")
        return name

    change_tensors(words, lambda t: {old(name): a for name, a in t.items()})
    found, _, new = read_directory(words, "mlm")
    assert_same(found, expected)
    assert new == []


@pytest.mark.parametrize(
    "twice", ["bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"]
)
def test_a_parameter_under_two_names(words, twice):
    change_tensors(words, lambda t: t | {twice: np.ones(15, np.float32)})
    with pytest.raises(ValueError, match=r"bert\.embeddings\.LayerNorm\.weight twice: .* and "):
        read_directory(words, "mlm")


# A tied decoder


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tied_decoder_is_the_word_table(words, dtype):
    expected = read_directory(words, "mlm")[0]
    change_tensors(
        words, lambda t: t | {DECODER: t[WORDS].astype(dtype), DECODER_BIAS: t[BIAS].astype(dtype)}
    )
    for head in ("mlm", None):
        found, _, new = read_directory(words, head)
        assert_same(found, {name: expected[name] for name in found})
        assert new == []


@pytest.mark.parametrize("gone", [WORDS, BIAS])
def test_a_decoder_stands_in_for_what_is_not_there(words, gone):
    """Of two names for one tensor, safetensors keeps either."""
    expected = read_directory(words, "mlm")[0]
    twin = {WORDS: DECODER, BIAS: DECODER_BIAS}[gone]
    change_tensors(words, lambda t: {twin if name == gone else name: a for name, a in t.items()})
    found, _, new = read_directory(words, "mlm")
    assert_same(found, expected)
    assert new == []


@pytest.mark.parametrize(("twin", "of"), [(DECODER, WORDS), (DECODER_BIAS, BIAS)])
@pytest.mark.parametrize("change", ["values", "shape"])
def test_an_untied_decoder_is_refused(words, twin, of, change):
    def untied(t):
        return t | {twin: t[of] + np.float32(1) if change == "values" else t[of][:-1]}

    change_tensors(words, untied)
    with pytest.raises(ValueError, match=f"{twin} differs from {of}; only a decoder that is tied"):
        read_directory(words, "mlm")
    read_directory(words)  # which has no decoder


# What is left out


@pytest.mark.parametrize("name", ["embeddings.position_ids", "bert.embeddings.token_type_ids"])
def test_buffers_are_left_out(words, name):
    change_tensors(words, lambda t: t | {name: np.zeros((1, 7), np.int64)})
    params, _, _ = read_directory(words, "mlm")
    assert not [n for n in params if n.endswith("_ids")]


def test_what_no_bert_has_is_listed(words):
    """Layers beyond those of the config among it; other heads' tensors are nothing special."""
    names = ["fit_dense.weight", "bert.encoder.layer.2.output.dense.bias", "\x1b[2Jx", "y" * 999]
    more = {name: np.zeros(1, np.float32) for name in names}
    heads = {"classifier.weight": np.zeros((2, 15), np.float32), "qa_outputs.bias": np.zeros(2)}
    change_tensors(words, lambda t: t | more | heads)
    with pytest.warns(UserWarning, match="has more than a BERT of its config, left out") as caught:
        params, _, _ = read_directory(words, "mlm")
    assert not params.keys() & {*names, *heads}
    (message,) = (str(warning.message) for warning in caught)
    assert all(name in message for name in names[:2])
    assert "classifier" not in message
    assert "\x1b" not in message
    assert len(message) < 600


def test_many_of_them_are_cut(words):
    change_tensors(words, lambda t: t | {f"x{i:02}": np.zeros(1) for i in range(37)})
    with pytest.warns(UserWarning, match=r": x00, .*x09 and 27 more$"):
        read_directory(words)


# The head


@pytest.mark.parametrize("head", ARCHITECTURES)
@pytest.mark.parametrize("named", [True, False])
def test_read_head(tmp_path, head, named):
    config = uniform()
    write_directory(tmp_path, random_params(config, head), config, head)
    if not named:
        change_config(tmp_path, architectures=None)
        head = "classification" if head == "tokens" else head  # whose names are the same
    assert read_head(tmp_path) == head


@pytest.mark.parametrize(("name", "head"), HEADS.items())
def test_the_class_that_the_config_names(tmp_path, name, head):
    """With every head's tensors there."""
    config = uniform()
    write_directory(tmp_path, random_params(config, "mlm"), config, "mlm")
    others = ("classifier.weight", "cls.seq_relationship.weight", "qa_outputs.weight")
    change_tensors(tmp_path, lambda t: t | {n: np.zeros((2, 15), np.float32) for n in others})
    change_config(tmp_path, architectures=[name])
    assert read_head(tmp_path) == head


@pytest.mark.parametrize(
    "said", [["BertForSequenceClassification"], ["BertLMHeadModel"], [], "BertModel", 3, [3], [[]]],
    ids=str,
)
def test_a_class_that_is_not_there_is_not_believed(words, said):
    change_config(words, architectures=said)
    assert read_head(words) == "mlm"


def test_the_head_of_what_is_no_model(words):
    (words / "config.json").write_text(json.dumps([1]))
    assert read_head(words) == "mlm"
    (words / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        read_head(words)
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        read_head(words / "nowhere")
