"""Checkpoints against Hugging Face's transformers: both read them, both compute the same."""

import json
import os
import warnings

import numpy as np
import pytest
from model.small import batch, random_params, uniform

from minibert import kernels as F
from minibert.config import BertConfig, LayerSize
from minibert.interop import dense_params, read_directory, read_head, write_directory
from minibert.interop.foreign import program
from minibert.interop.names import ARCHITECTURES
from minibert.model import bert_forward
from minibert.quant import quantize_params
from minibert.text import BertTokenizer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from .sentences import SENTENCES  # noqa: E402

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
HEADS = tuple(ARCHITECTURES)
ABSOLUTE = 1e-5


@pytest.fixture(autouse=True)
def _formulas():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with F.use("numpy"):
        yield
    torch.set_num_threads(threads)


def peer_tokens(folder, texts):
    """What `tokenizers` makes of the texts, padded to the longest; nothing is cut."""
    tok = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]"
    )
    tok.backend_tokenizer.no_truncation()
    tok.backend_tokenizer.no_padding()
    return tok(texts, padding=True, return_tensors="np")


def peer(folder, head, **options):
    """transformers' model, and everything it says about what it did not find or did not use."""
    cls = getattr(transformers, ARCHITECTURES[head][0])
    model, info = cls.from_pretrained(folder, output_loading_info=True, **options)
    return model.eval(), info


def peer_outputs(model, ids, segments, keep):
    """Last hidden state, and logits (None without a head), as NumPy."""
    with torch.no_grad():
        out = model(
            input_ids=torch.tensor(ids),
            token_type_ids=torch.tensor(segments),
            attention_mask=torch.tensor(keep.astype(np.int64)),
            output_hidden_states=True,
        )
    if "start_logits" in out:
        logits = np.stack([out.start_logits.numpy(), out.end_logits.numpy()], -1)
    else:
        logits = out.logits.numpy() if "logits" in out else None
    return out.hidden_states[-1].numpy(), logits


def assert_equal_outputs(params, config, head, model, inputs, scale=1.0):
    """Last hidden state and logits; `scale` is what 1e-5 of the logits is measured by."""
    assert_close_to(peer_outputs(model, *inputs), params, config, head, inputs, scale)


def assert_close_to(expected, params, config, head, inputs, scale=1.0):
    """Of the places that hold a token: what a padded place computes is nobody's business."""
    ids, segments, keep = inputs
    hidden, logits = expected
    out, _ = bert_forward(params, config, ids, segments, keep, head=head)
    worst = np.abs(out.encoded.hidden[-1] - hidden)[keep].max()
    assert worst < ABSOLUTE * min(scale, 1.0), f"hidden states differ by {worst:.1e}"
    if head is not None:
        assert out.logits.shape == logits.shape
        some = keep if logits.ndim == 3 else ...
        worst = np.abs(out.logits - logits)[some].max()
        assert worst < ABSOLUTE * scale, f"logits differ by {worst:.1e}"
        assert np.abs(logits).max() > 0.1, "there is something to compare"


# Real checkpoints


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "bert-tiny-mlm"])
def test_the_same_ids(fetched, name):
    folder = fetched(name)
    tok = BertTokenizer.from_pretrained(folder)
    ours, theirs = tok(SENTENCES, padding=True, return_tensors="np"), peer_tokens(folder, SENTENCES)
    assert len(SENTENCES) == 50
    np.testing.assert_array_equal(ours["input_ids"], theirs["input_ids"])
    np.testing.assert_array_equal(ours["attention_mask"], theirs["attention_mask"])


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "bert-tiny-mlm"])
def test_a_real_checkpoint(fetched, name):
    """The last hidden state and the logits, of 50 sentences in English and Chinese.

    The logits of words go up to 35, where float32 has no 1e-5: transformers in float32 is 2e-5
    away from itself in float64. So they are held to 1e-5 of their size, and both programs to each
    other in float64.
    """
    folder = fetched(name)
    head = read_head(folder)
    assert head == (None if name == "all-minilm-l6-v2" else "mlm")
    params, config, new = read_directory(folder, head)
    assert all("pooler" in n for n in new)
    tokens = BertTokenizer.from_pretrained(folder)(SENTENCES, padding=True, return_tensors="np")
    inputs = (tokens["input_ids"], tokens["token_type_ids"], tokens["attention_mask"] == 1)
    model, info = peer(folder, head)
    assert not info["missing_keys"]
    expected = peer_outputs(model, *inputs)
    for level in ("numpy", "auto"):
        with F.use(level):
            assert_close_to(expected, params, config, head, inputs, 1.0 if head is None else 35)
    exact = {name: p.astype(np.float64) for name, p in params.items()}
    assert_equal_outputs(exact, config, head, model.double(), inputs, 1e-5)


def test_a_real_checkpoint_saved_again(fetched, tmp_path):
    """With a new classifier, written here, read there."""
    params, config, _ = read_directory(fetched("all-minilm-l6-v2"), "classification")
    rng = np.random.default_rng(3)
    shape = params["classifier.weight"].shape
    params["classifier.weight"] = rng.standard_normal(shape).astype(np.float32)
    write_directory(tmp_path, params, config, "classification")
    model, info = peer(tmp_path, "classification")
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert_equal_outputs(params, config, "classification", model, batch(config, length=37))


# Written here, read there


def assert_understood(info):
    """Nothing missing; nothing left over but a pooler, which not every class of theirs has."""
    assert not info["missing_keys"]
    assert not info["mismatched_keys"]
    assert all("pooler" in name for name in info["unexpected_keys"])


@pytest.mark.parametrize(
    ("head", "classes"), [*((head, 2) for head in HEADS), ("classification", 1), ("tokens", 5),
                          ("span", 3), ("next_sentence", 3)]
)
def test_written_here(tmp_path, head, classes):
    config = uniform(classes=classes, labels=tuple("晴雨雪风é")[:classes], eps=1e-7)
    params = random_params(config, head, dtype=np.float32)
    write_directory(tmp_path, params, config, head)
    model, info = peer(tmp_path, head)
    assert_understood(info)
    assert_equal_outputs(params, config, head, model, batch(config))
    if head in ("classification", "tokens"):
        assert model.config.id2label == dict(enumerate(config.labels))


@pytest.mark.parametrize("rate", [None, 0.0, 0.7])
@pytest.mark.parametrize("head", ["classification", "tokens"])
def test_dropout_before_the_classifier(tmp_path, head, rate):
    config = uniform(dropout=0.3, classifier_dropout=rate)
    write_directory(tmp_path, random_params(config, head, dtype=np.float32), config, head)
    model, _ = peer(tmp_path, head)
    assert model.dropout.p == config.head_dropout == (0.3 if rate is None else rate)
    model.save_pretrained(tmp_path / "there")
    assert read_directory(tmp_path / "there", head)[1] == config


def test_several_classes_at_once_are_refused(tmp_path):
    config = transformers.BertConfig(
        vocab_size=23, hidden_size=15, num_hidden_layers=1, num_attention_heads=3,
        intermediate_size=11, max_position_embeddings=7, problem_type="multi_label_classification",
    )
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="problem_type is 'multi_label_classification'"):
        read_directory(tmp_path, "classification")


def pruned(**changes):
    """Layers of different widths, their heads of one size."""
    layers = (LayerSize(3, 5, 11), LayerSize(1, 5, 19), LayerSize(2, 5, 7))
    return BertConfig(vocab=23, hidden=20, layers=layers, positions=7, **changes)


@pytest.mark.parametrize("head", HEADS)
def test_a_pruned_model_written_dense(tmp_path, head):
    config = pruned(classes=3)
    params = random_params(config, head, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_directory(tmp_path, params, config, head, dense=True)
    model, info = peer(tmp_path, head)
    assert_understood(info)
    assert_equal_outputs(params, config, head, model, batch(config))
    params, config = dense_params(params, config)
    assert_equal_outputs(params, config, head, model, batch(config))


@pytest.mark.parametrize("head", [None, "classification", "mlm"])
def test_what_transformers_cannot_read_it_refuses(tmp_path, head):
    """Rather than computing something else; as we say it would when we write these."""
    config = pruned()
    params = random_params(config, head, dtype=np.float32)
    with pytest.warns(UserWarning, match="only minibert reads it"):
        write_directory(tmp_path / "pruned", params, config, head)
    config = uniform()
    params = quantize_params(random_params(config, head, dtype=np.float32))
    with pytest.warns(UserWarning, match="only minibert reads it"):
        write_directory(tmp_path / "int8", params, config, head)
    for name in ("pruned", "int8"):
        with pytest.raises((ValueError, RuntimeError)):
            peer(tmp_path / name, head)


# Written there, read here


def written_there(folder, head, **options):
    """A small model that transformers saved, its weights large enough to matter."""
    config = transformers.BertConfig(
        vocab_size=23, hidden_size=15, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=11, max_position_embeddings=7, initializer_range=0.4,
        num_labels=3 if head in ("classification", "tokens") else 2,
    )
    torch.manual_seed(5)
    model = getattr(transformers, ARCHITECTURES[head][0])(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    model.save_pretrained(folder, **options)
    return model


def assert_read(folder, head, model):
    assert read_head(folder) == head
    params, config, new = read_directory(folder, head)
    assert all("pooler" in name for name in new)
    assert_equal_outputs(params, config, head, model, batch(config))


@pytest.mark.parametrize("head", HEADS)
def test_written_there(tmp_path, head):
    model = written_there(tmp_path, head)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_read(tmp_path, head, model)


@pytest.mark.parametrize("head", [None, "mlm"])
def test_shards_written_there(tmp_path, head):
    model = written_there(tmp_path, head, max_shard_size="2KB")
    assert "model.safetensors.index.json" in os.listdir(tmp_path)
    assert_read(tmp_path, head, model)


def test_bfloat16_written_there(tmp_path):
    model = written_there(tmp_path, "classification").to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    model = model.to(torch.float32)  # exact
    assert_read(tmp_path, "classification", model)


def test_for_pretraining_written_there(tmp_path):
    """It has two heads; each can be read."""
    config = transformers.BertConfig(
        vocab_size=23, hidden_size=15, num_hidden_layers=1, num_attention_heads=3,
        intermediate_size=11, max_position_embeddings=7, initializer_range=0.4,
    )
    transformers.BertForPreTraining(config).save_pretrained(tmp_path)
    assert read_head(tmp_path) == "mlm"
    for head in ("mlm", "next_sentence"):
        params, ours, new = read_directory(tmp_path, head)
        assert new == []
        model, _ = peer(tmp_path, head)
        assert_equal_outputs(params, ours, head, model, batch(ours))


def test_the_way_to_convert_works(tmp_path):
    """The program that the refusal of PyTorch's format gives, run as it stands."""
    folder = tmp_path / "model"
    model = written_there(folder, "mlm")
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    wanted = program(folder, "BertForMaskedLM")
    with pytest.raises(ValueError, match=r"has no model\.safetensors, but pytorch_model\.bin") as e:
        read_directory(folder, "mlm")
    assert str(e.value).endswith(wanted)
    exec(wanted, {})
    assert json.loads((tmp_path / "model-safetensors" / "config.json").read_text())
    assert_read(tmp_path / "model-safetensors", "mlm", model)
