"""One file that holds everything: the same bits back; cut, changed or foreign files say so."""

import json
import re

import numpy as np
import pytest
from model.small import random_params, uniform
from safetensors.numpy import load_file, save_file

from minibert.interop import read_file, tensors, write_file
from minibert.interop.onefile import file_contents
from minibert.ops import QTensor
from minibert.quant import quantize_params
from minibert.text import disk

from .conftest import TOKENS
from .files import HOSTILE, assert_same, file_of, little_memory, split, tensor

SETTINGS = {"do_lower_case": False, "strip_accents": None, "model_max_length": 77}


@pytest.fixture
def saved(tmp_path):
    """An int8 classifier in a file."""
    config = uniform()
    params = quantize_params(random_params(config, "classification", dtype=np.float32))
    path = tmp_path / "model.safetensors"
    write_file(path, params, config, "classification", TOKENS, SETTINGS)
    return path


def rewrite(path, **metadata):
    """The same tensors with other metadata."""
    header, data = split(path.read_bytes())
    header["__metadata__"] |= metadata
    path.write_bytes(file_of(header, data))


@pytest.mark.quick
@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
def test_round_trip(tmp_path, params, config, head, int8):
    params = quantize_params(params) if int8 else params
    path = tmp_path / "model"
    write_file(path, params, config, head, TOKENS, SETTINGS)
    found, found_config, found_head, tokens, settings = read_file(path)
    assert_same(found, params)
    assert (found_config, found_head) == (config, head)
    assert (tokens, settings) == (TOKENS, SETTINGS)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_without_a_tokenizer(tmp_path):
    config = uniform()
    write_file(tmp_path / "m", random_params(config), config)
    assert read_file(tmp_path / "m")[2:] == (None, None, {})


def test_what_the_file_holds(saved):
    """As the design says: NAME int8, NAME_scale, the vocabulary as bytes, the rest as metadata."""
    arrays = load_file(saved)
    name = "bert.pooler.dense.weight"
    assert (arrays[name].dtype, arrays[name + "_scale"].dtype) == (np.int8, np.float32)
    assert arrays[name + "_scale"].shape == arrays[name].shape[:1]
    assert arrays["vocab"].dtype == np.uint8
    assert arrays["vocab"].tobytes().decode() == "\n".join(TOKENS)
    metadata = split(saved.read_bytes())[0]["__metadata__"]
    assert set(metadata) == {"format", "head", "config", "tokenizer", "sha256"}
    assert json.loads(metadata["config"])["hidden_size"] == 15


def test_the_sha256_needs_no_copy():
    config = uniform(vocab=20011, hidden=60)  # 5 MB
    params = random_params(config, dtype=np.float32)
    with little_memory(1):
        file_contents(params, config)


def test_int8_is_a_quarter(tmp_path):
    config = uniform(vocab=2003, hidden=60)
    params = random_params(config, dtype=np.float32)
    write_file(tmp_path / "float", params, config)
    write_file(tmp_path / "int8", quantize_params(params), config)
    sizes = [(tmp_path / name).stat().st_size for name in ("int8", "float")]
    assert sizes[0] < 0.31 * sizes[1]


def test_the_same_model_gives_the_same_bytes(saved, tmp_path):
    params, config, head, tokens, settings = read_file(saved)
    write_file(tmp_path / "again", params, config, head, tokens, settings)
    assert split((tmp_path / "again").read_bytes())[1] == split(saved.read_bytes())[1]


def test_non_contiguous_arrays(tmp_path):
    config = uniform()
    params = random_params(config, dtype=np.float32)
    name = "bert.pooler.dense.weight"
    odd = params | {name: params[name].T}
    write_file(tmp_path / "float", odd, config)
    assert_same(read_file(tmp_path / "float")[0], odd)
    small = quantize_params(params)
    small[name] = QTensor(small[name].q.T, np.repeat(small[name].scale, 2)[::2])
    write_file(tmp_path / "int8", small, config)
    assert_same(read_file(tmp_path / "int8")[0], small)


# Writing


@pytest.mark.quick
def test_a_failing_write_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full(file):
        raise OSError("no space left")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_file(saved, random_params(uniform()), uniform())
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match=r"cannot write .*nowhere"):
        write_file(tmp_path / "nowhere" / "m", random_params(uniform()), uniform())


def test_a_token_with_a_line_end(tmp_path):
    with pytest.raises(ValueError, match=r"'a\\nb' cannot be kept"):
        write_file(tmp_path / "m", random_params(uniform()), uniform(), tokens=["[PAD]", "a\nb"])
    assert not list(tmp_path.iterdir())


# Errors


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing"):
        read_file(tmp_path / "nothing")


def test_cut_short(saved):
    raw = saved.read_bytes()
    lengths = {*range(0, 200), *range(200, len(raw), 97), *range(len(raw) - 50, len(raw))}
    for n in sorted(lengths):
        saved.write_bytes(raw[:n])
        with pytest.raises(ValueError, match="is not a whole safetensors file"):
            read_file(saved)


@pytest.mark.quick
def test_one_bit_flipped(saved):
    """Anywhere in the data."""
    raw = saved.read_bytes()
    begin = len(raw) - len(split(raw)[1])
    rng = np.random.default_rng(3)
    for at in [begin, len(raw) - 1, *rng.integers(begin, len(raw), 50)]:
        broken = bytearray(raw)
        broken[at] ^= 1 << int(rng.integers(8))
        saved.write_bytes(broken)
        with pytest.raises(ValueError, match="its sha256 does not fit"):
            read_file(saved)


def test_header_bits_flipped(saved):
    """A file whose header was hit is refused, or says the same; nothing else is raised."""
    raw = saved.read_bytes()
    expected = read_file(saved)
    end = len(raw) - len(split(raw)[1])
    rng = np.random.default_rng(5)
    refused = 0
    for at in rng.integers(0, end, 200):
        broken = bytearray(raw)
        broken[at] ^= 1 << int(rng.integers(8))
        saved.write_bytes(broken)
        try:
            found = read_file(saved)
        except ValueError:
            refused += 1
        else:
            assert_same(found[0], expected[0])
    assert refused > 100


@pytest.mark.quick
@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files(saved, raw):
    """Told off in a sentence, and at once: nothing of the size they claim is made."""
    saved.write_bytes(raw)
    with pytest.raises(ValueError, match=re.escape(str(saved))), little_memory():
        read_file(saved)


def test_types_that_numpy_lacks_are_named(saved):
    saved.write_bytes(HOSTILE["float8"])
    with pytest.raises(ValueError, match="x is F8_E4M3, which NumPy does not have"):
        tensors.read_tensors(saved)


def test_bfloat16_is_the_upper_half_of_float32(saved):
    """Exactly, NaN and infinity included; whatever lies before it in the file."""
    values = np.array([1.0, -2.5, 3.0e38, 1e-40, np.inf, np.nan, -0.0], np.float32)
    bits = values.view(np.uint32) >> 16
    header = {"a": tensor("U8", [3], 0, 3), "x": tensor("BF16", [7, 1], 3, 17)}
    saved.write_bytes(file_of(header, b"abc" + bits.astype("<u2").tobytes()))
    found = tensors.read_tensors(saved)[0]
    assert found["a"].tobytes() == b"abc"
    assert (found["x"].dtype, found["x"].shape) == (np.float32, (7, 1))
    assert found["x"].tobytes() == (bits << 16).astype(np.uint32).tobytes()
    assert found["x"][0, 0] == 1.0
    assert found["x"].flags.writeable


@pytest.mark.parametrize("metadata", [{"format": "pt"}, {"format": "minibert-2"}, None])
def test_a_foreign_format(saved, metadata):
    save_file({"x": np.zeros(3, np.float32)}, saved, metadata=metadata)
    with pytest.raises(ValueError, match="not 'minibert-1'; a directory"):
        read_file(saved)


@pytest.mark.parametrize("key", ["config", "head", "tokenizer"])
@pytest.mark.parametrize("value", [None, "", "{", "[" * 100_000], ids=lambda v: str(v)[:5])
def test_unusable_metadata(saved, key, value):
    header, data = split(saved.read_bytes())
    header["__metadata__"][key] = value
    header["__metadata__"] = {k: v for k, v in header["__metadata__"].items() if v is not None}
    saved.write_bytes(file_of(header, data))
    with pytest.raises(ValueError, match="has unusable metadata"):
        read_file(saved)


@pytest.mark.parametrize("change", [
    {"num_hidden_layers": 10**10},
    {"num_hidden_layers": 3},
    {"hidden_size": 15 * 10**12},
    {"vocab_size": 10**15},
    {"max_position_embeddings": 10**15},
    {"layer_sizes": [[3, 5]]},
    {"intermediate_size": None},
], ids=str)
def test_a_config_that_does_not_fit(saved, change):
    config = json.loads(split(saved.read_bytes())[0]["__metadata__"]["config"]) | change
    rewrite(saved, config=json.dumps(config))
    with pytest.raises(ValueError, match=re.escape(str(saved))), little_memory():
        read_file(saved)


@pytest.mark.parametrize("head", ['"sorting"', '["mlm"]', "{}", "3"])
def test_an_unknown_head(saved, head):
    rewrite(saved, head=head)
    with pytest.raises(ValueError, match="head is"):
        read_file(saved)


def with_tensors(path, change):
    """The file with other tensors, and a sha256 that fits them."""
    from minibert.interop import onefile

    arrays = change(load_file(path))
    metadata = split(path.read_bytes())[0]["__metadata__"] | {"sha256": onefile._digest(arrays)}
    save_file(arrays, path, metadata=metadata)


@pytest.mark.parametrize("scale", [None, np.ones(3, np.float32), np.ones((15, 15), np.float32)])
def test_scales_that_do_not_fit(saved, scale):
    name = "bert.pooler.dense.weight"

    def change(arrays):
        arrays.pop(name + "_scale")
        return arrays if scale is None else arrays | {name + "_scale": scale}

    with_tensors(saved, change)
    with pytest.raises(ValueError, match=f"{name} is I8 .* its scales do not fit"):
        read_file(saved)


def test_a_scale_without_int8(saved):
    name = "bert.pooler.dense.weight"
    with_tensors(saved, lambda t: t | {name: t[name].astype(np.float32)})
    with pytest.raises(ValueError, match=f"{name} is F32 .* its scales do not fit"):
        read_file(saved)


def test_missing_and_wrong_tensors_are_all_listed(saved):
    gone, wrong = "bert.pooler.dense.bias", "classifier.bias"
    with_tensors(saved, lambda t: {
        name: np.zeros(7, np.float32) if name == wrong else p
        for name, p in t.items() if name != gone
    })
    with pytest.raises(ValueError, match=rf"missing: {gone}; {wrong} is \(7,\), wanted \(3,\)"):
        read_file(saved)


def test_a_vocabulary_that_is_not_utf8(saved):
    with_tensors(saved, lambda t: t | {"vocab": np.array([255, 255], np.uint8)})
    with pytest.raises(ValueError, match=r"has unusable metadata: .*utf-8"):
        read_file(saved)
