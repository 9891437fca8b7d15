"""Files that were cut, changed or made up: a ValueError or OSError, and never anything else."""

import contextlib
import re
import shutil
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model.small import random_params, uniform

from minibert.interop import read_directory, read_file, read_head, write_directory, write_file
from minibert.quant import quantize_params

from .files import HOSTILE, file_of, little_memory, split, tensor

NAMES = ("model.safetensors", "config.json", "model.safetensors.index.json")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder in float32, one in int8, one in shards, and one file."""
    root = tmp_path_factory.mktemp("models")
    config = uniform(vocab=7)
    params = random_params(config, "classification", dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, p in (("float", params), ("int8", quantize_params(params))):
            write_directory(root / name, p, config, "classification")
    write_file(root / "one", params, config, "classification", ["[PAD]", "天"])
    shutil.copytree(root / "float", root / "shards")
    (root / "shards" / NAMES[0]).rename(root / "shards" / "a.safetensors")
    header, _ = split((root / "shards" / "a.safetensors").read_bytes())
    places = ", ".join(f'"{n}": "a.safetensors"' for n in header if n != "__metadata__")
    (root / "shards" / NAMES[2]).write_text('{"weight_map": {' + places + "}}")
    for name in ("float", "int8", "shards"):
        read_directory(root / name, "classification")
    return root


def reads_or_says(read, *args):
    """Read it; it may be refused in a sentence, and nothing else may come."""
    with warnings.catch_warnings(), contextlib.suppress(ValueError, OSError):
        warnings.simplefilter("ignore")
        read(*args)


def broken(raw, data):
    """The bytes with some flipped, cut, or put in."""
    raw = bytearray(raw)
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "header"]))
    # Half of the changes are near the beginning, where the header is.
    at = data.draw(st.integers(0, 400) | st.integers(0, len(raw) - 1)) % len(raw)
    if kind == "cut":
        return bytes(raw[:at])
    if kind == "insert":
        raw[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        return bytes(raw)
    digits = [i for i, c in enumerate(raw[:4000]) if chr(c).isdigit()]
    if kind == "header" and digits:  # a number that says something else
        raw[digits[at % len(digits)]] = data.draw(st.integers(48, 57))
        return bytes(raw)
    raw[at] ^= data.draw(st.integers(1, 255))
    return bytes(raw)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_broken_directories(models, tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["float", "int8", "shards"]))
    names = [name for name in NAMES if (models / kind / name).exists()]
    name = data.draw(st.sampled_from(names))
    head = data.draw(st.sampled_from([None, "classification", "mlm", "span"]))
    folder = tmp_path_factory.mktemp("broken") / kind
    shutil.copytree(models / kind, folder)
    (folder / name).write_bytes(broken((folder / name).read_bytes(), data))
    with little_memory(20):
        reads_or_says(read_directory, folder, head)
        reads_or_says(read_head, folder)
    shutil.rmtree(folder)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_broken_single_files(models, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("broken") / "one"
    path.write_bytes(broken((models / "one").read_bytes(), data))
    with little_memory(20):
        reads_or_says(read_file, path)
    path.unlink()


def test_every_cut(models, tmp_path):
    """However much of the weights is there, if not all of it is."""
    folder = tmp_path / "cut"
    shutil.copytree(models / "float", folder)
    raw = (folder / NAMES[0]).read_bytes()
    for n in [*range(0, 100), *range(100, len(raw), 211), len(raw) - 1]:
        (folder / NAMES[0]).write_bytes(raw[:n])
        with pytest.raises(ValueError, match="is not a whole safetensors file"):
            read_directory(folder)


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_weights(models, tmp_path, raw):
    folder = tmp_path / "hostile"
    shutil.copytree(models / "float", folder)
    (folder / NAMES[0]).write_bytes(raw)
    for head in (None, "classification"):
        with pytest.raises(ValueError, match=re.escape(str(folder))), little_memory():
            read_directory(folder, head)


@pytest.mark.parametrize("hidden", [10**9, 10**18])
def test_a_huge_config_for_small_weights(models, tmp_path, hidden):
    folder = tmp_path / "huge"
    shutil.copytree(models / "float", folder)
    text = (folder / NAMES[1]).read_text()
    text = text.replace('"hidden_size": 15', f'"hidden_size": {3 * hidden}')
    (folder / NAMES[1]).write_text(text.replace('"vocab_size": 7', f'"vocab_size": {hidden}'))
    match = r"word_embeddings\.weight is \(7, 15\), wanted \("
    with little_memory(), pytest.raises(ValueError, match=match):
        read_directory(folder)


def test_huge_weights_for_a_small_config(models, tmp_path):
    """The file is as large as it says, though the disk has never been asked for it."""
    folder = tmp_path / "huge"
    shutil.copytree(models / "float", folder)
    n = 10**11
    words = "bert.embeddings.word_embeddings.weight"
    empty = {f"x{i}": tensor(shape=[0], end=0) for i in range(7)}
    header = file_of(empty | {words: tensor(shape=[n], end=4 * n)})
    with open(folder / NAMES[0], "wb") as file:
        file.write(header)
        try:
            file.truncate(len(header) + 4 * n)
        except OSError:
            pytest.skip("this disk has no files with holes")
    (folder / NAMES[1]).write_text((folder / NAMES[1]).read_text().replace(
        '"num_hidden_layers": 2', '"num_hidden_layers": 1'
    ))
    match = r"word_embeddings\.weight is \(100000000000,\), wanted"
    with little_memory(), pytest.raises(ValueError, match=match):
        read_directory(folder)


@pytest.mark.parametrize("name", NAMES[:2])
def test_a_folder_where_a_file_should_be(models, tmp_path, name):
    folder = tmp_path / "odd"
    shutil.copytree(models / "float", folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(FileNotFoundError):
        read_directory(folder)
