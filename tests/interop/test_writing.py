"""What a directory says to transformers, what int8 becomes, and that a save is all or nothing."""

import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from model.small import random_params, uniform, widths
from safetensors.numpy import load_file

from minibert.interop import (
    read_directory,
    read_file,
    read_head,
    tensors,
    write_directory,
    write_file,
)
from minibert.interop.names import ARCHITECTURES
from minibert.ops import QTensor
from minibert.quant import quantize_params
from minibert.text import disk

from .files import assert_same, change_config, change_tensors

ignore_int8 = pytest.mark.filterwarnings("ignore:.*only minibert reads")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("head", ARCHITECTURES)
def test_the_config_names_the_class(tmp_path, head):
    """And transformers has nothing to be warned of."""
    config = uniform()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_directory(tmp_path, random_params(config, head), config, head)
    values = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert values["architectures"] == [ARCHITECTURES[head][0]]
    assert values["dtype"] == "float32"
    assert {a.dtype for a in load_file(tmp_path / "model.safetensors").values()} == {
        np.dtype(np.float32)
    }
    assert read_head(tmp_path) == head


def test_another_heads_parameters_are_left_out(tmp_path):
    config = uniform()
    params = random_params(config, "mlm", dtype=np.float32, head_masks=True)
    write_directory(tmp_path, params, config, "mlm")
    assert not [n for n in load_file(tmp_path / "model.safetensors") if "mask" in n]
    write_directory(tmp_path, params, config)
    assert not [n for n in load_file(tmp_path / "model.safetensors") if "cls" in n]


def test_what_does_not_fit_is_not_written(tmp_path):
    params = random_params(uniform(classes=3), "classification")
    with pytest.raises(ValueError, match=r"does not fit .*: classifier\.weight, classifier\.bias"):
        write_directory(tmp_path / "new", params, uniform(classes=5), "classification")
    with pytest.raises(ValueError, match=r"head='span': qa_outputs\.weight, qa_outputs\.bias"):
        write_directory(tmp_path / "new", params, uniform(), "span")
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:.*knows no pooler")
def test_what_transformers_cannot_read_is_said(tmp_path):
    config = widths(pooler="tinybert")
    params = random_params(config, "classification")
    with pytest.warns(UserWarning, match="pruned") as caught:
        write_directory(tmp_path, params, config, "classification")
    first, second = (str(warning.message) for warning in caught)
    assert re.search("pruned model: only minibert.*With dense=True", first)
    assert "knows no pooler 'tinybert'" in second
    config = uniform(pooler="tinybert")
    params = quantize_params(random_params(config, "classification", dtype=np.float32))
    with pytest.warns(UserWarning, match="only minibert reads it") as caught:
        write_directory(tmp_path, params, config, "classification")
    assert len(caught) == 2


# int8


@ignore_int8
@pytest.mark.quick
@pytest.mark.parametrize("head", ARCHITECTURES)
def test_int8_round_trip(tmp_path, head):
    config = uniform(classes=2)
    params = quantize_params(random_params(config, head, dtype=np.float32))
    write_directory(tmp_path, params, config, head)
    found, found_config, new = read_directory(tmp_path, head)
    assert_same(found, params)
    assert (found_config, new, read_head(tmp_path)) == (config, [], head)
    assert sorted(os.listdir(tmp_path)) == ["config.json", "model.safetensors"]
    as_one_file = read_file(tmp_path / "model.safetensors")
    assert_same(as_one_file[0], params)
    assert as_one_file[1:3] == (config, head)


@ignore_int8
def test_another_head_of_an_int8_directory(tmp_path):
    config = uniform()
    params = quantize_params(random_params(config, "classification", dtype=np.float32))
    write_directory(tmp_path, params, config, "classification")
    found, _, new = read_directory(tmp_path, "span")
    assert new == ["qa_outputs.weight", "qa_outputs.bias"]
    assert not isinstance(found["qa_outputs.weight"], QTensor)
    assert isinstance(found["bert.pooler.dense.weight"], QTensor)


def test_one_file_in_a_directory(tmp_path):
    """With a vocabulary in it, which is no parameter and nothing to be warned of."""
    config = uniform()
    params = quantize_params(random_params(config, dtype=np.float32))
    write_file(tmp_path / "model.safetensors", params, config, tokens=["[PAD]", "a"])
    (tmp_path / "config.json").write_text(config.to_json(), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(read_directory(tmp_path)[0], params)


@ignore_int8
def test_a_changed_int8_directory_is_noticed(tmp_path):
    config = uniform()
    write_directory(tmp_path, quantize_params(random_params(config, dtype=np.float32)), config)
    path = tmp_path / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-7] ^= 4
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="its sha256 does not fit"):
        read_directory(tmp_path)


def test_a_vector_in_int8(saved):
    """Its scales would fit, one a number; but only matrices are in int8."""
    path = saved / "model.safetensors"
    arrays = load_file(path)
    arrays["classifier.bias"] = np.ones(3, np.int8)
    arrays["classifier.bias_scale"] = np.ones(3, np.float32)
    tensors.write_tensors(path, arrays, {})
    with pytest.raises(ValueError, match=r"classifier\.bias is I8 \(3,\), its scales do not"):
        read_directory(saved, "classification")


def test_int8_without_its_scales(saved):
    path = saved / "model.safetensors"
    arrays = load_file(path)
    arrays["classifier.weight"] = arrays["classifier.weight"].astype(np.int8)
    tensors.write_tensors(path, arrays, {})
    with pytest.raises(ValueError, match=r"classifier\.weight is I8 \(3, 15\), its scales do not"):
        read_directory(saved, "classification")


# All or nothing


@pytest.mark.quick
def test_a_failing_write_leaves_the_old_files(saved, monkeypatch):
    before = contents(saved)

    def full(file):
        raise OSError("no space left")

    monkeypatch.setattr(disk.os, "fsync", full)
    config = uniform(classes=7)
    with pytest.raises(OSError, match=r"cannot write .*model\.safetensors: no space left"):
        write_directory(saved, random_params(config), config)
    assert contents(saved) == before


@pytest.mark.parametrize("at", [0, 1000, 30_000])
def test_a_full_disk_leaves_the_old_files(saved, at):
    """As far as a limit on the size of files is a disk: the kernel refuses to write on."""
    resource = pytest.importorskip("resource", reason="limits on files are POSIX's")
    before = contents(saved)
    config = uniform(vocab=2003)
    params = random_params(config)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        with pytest.raises(OSError, match=re.escape(str(saved))):
            write_directory(saved, params, config)
        with pytest.raises(OSError, match=re.escape(str(saved))):
            write_file(saved / "model", params, config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(saved) == before


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    config = uniform()
    with pytest.raises(OSError, match="file"):
        write_directory(tmp_path / "file", random_params(config), config)


class Killed(BaseException):
    """What stops a save as kill -9 does: nothing is tidied up after it."""


def saver(*args):
    return lambda: write_directory(*args)


def killed_at(n, save, monkeypatch):
    """Run save(), killed before the n-th step that reaches the disk; whether it was."""
    steps = iter(range(10**6))

    def step(function):
        def run(*args, **kwargs):
            if next(steps) >= n:
                raise Killed
            return function(*args, **kwargs)

        return run

    with monkeypatch.context() as patch:
        for owner, name in ((os, "replace"), (os, "fsync"), (disk, "open"), (Path, "unlink")):
            function = open if name == "open" else getattr(owner, name)
            patch.setattr(owner, name, step(function), raising=False)
        try:
            save()
        except Killed:
            return True
    return False


def test_a_killed_save_leaves_a_pair(tmp_path, monkeypatch):
    """The old model or the new one, never the weights of the one with the config of the other.

    The three are of one shape and differ in both, so that a mixture would not be noticed.
    """
    models = []
    for i in range(3):
        config = uniform(eps=10.0 ** -(5 + i))
        models.append((random_params(config, seed=i, dtype=np.float32), config))

    def found():
        params, config, _ = read_directory(tmp_path)
        which = [m for m in models if m[1] == config]
        assert_same(params, which[0][0])
        return config

    ends = set()
    for first in range(100):
        for second in range(100):
            write_directory(tmp_path, *models[0])
            was_killed = killed_at(first, saver(tmp_path, *models[1]), monkeypatch)
            between = found()
            assert between in (models[0][1], models[1][1])
            again = killed_at(second, saver(tmp_path, *models[2]), monkeypatch)
            ends.add(found().eps)
            assert found() in (between, models[2][1])
            if not again:
                assert found() == models[2][1]
                assert sorted(os.listdir(tmp_path)) == ["config.json", "model.safetensors"]
                break
        if not was_killed:
            break
    assert not was_killed
    assert first > 5
    assert ends == {1e-5, 1e-6, 1e-7}


def test_a_config_of_another_save_is_passed_over(saved):
    """One that still has its temporary name, and is not the one that the weights belong to."""
    pending = saved / "config.json.part"
    change_config(saved, layer_norm_eps=1e-3)
    for text in (uniform(vocab=77).to_json(), "", "{"):
        pending.write_text(text, encoding="utf-8")
        assert read_directory(saved)[1].eps == 1e-3
    # Another program knows nothing of it, and says nothing about its own config.
    change_tensors(saved, lambda arrays: arrays)
    assert read_directory(saved)[1].eps == 1e-3
    for raw in (b"", b"no safetensors", None):  # then it is of no weights
        pending.write_text(uniform(vocab=77).to_json(), encoding="utf-8")
        if raw is None:
            (saved / "model.safetensors").unlink()
        else:
            (saved / "model.safetensors").write_bytes(raw)
        write_directory(saved, random_params(uniform()), uniform())
        assert read_directory(saved)[1] == uniform()
        assert sorted(os.listdir(saved)) == ["config.json", "model.safetensors"]


def test_an_edited_config_outlives_a_killed_save(saved, monkeypatch):
    """Of a model whose own config is the one that was there before it was edited."""
    config = uniform()
    params = random_params(config, "classification", seed=5, dtype=np.float32)
    old, new = read_directory(saved)[0]["bert.pooler.dense.bias"], params["bert.pooler.dense.bias"]
    original = (saved / "config.json").read_bytes()
    change_config(saved, layer_norm_eps=1e-3)
    n, seen = 0, set()
    while killed_at(n // 2, saver(saved, params, config, "classification"), monkeypatch):
        found, found_config, _ = read_directory(saved)
        bias = found["bert.pooler.dense.bias"]
        seen.add((found_config.eps, np.array_equal(bias, old), np.array_equal(bias, new)))
        write_directory(saved, params | {"bert.pooler.dense.bias": old}, config, "classification")
        change_config(saved, layer_norm_eps=1e-3)
        n += 1
        if n % 2:  # what one killed before has left
            (saved / "config.json.part").write_bytes(original)
            (saved / "model.safetensors.part").write_bytes(b"")
    assert seen == {(1e-3, True, False), (1e-12, False, True)}


def test_an_interrupted_first_save(tmp_path, monkeypatch):
    """Of a folder that was empty: a model, or the sentence that there is none."""
    config = uniform()
    params = random_params(config, dtype=np.float32)
    n, seen = 0, set()
    while killed_at(n, saver(tmp_path / str(n), params, config), monkeypatch):
        try:
            assert_same(read_directory(tmp_path / str(n))[0], params)
            seen.add("whole")
        except FileNotFoundError:
            seen.add("none")
        n += 1
    assert seen == {"whole", "none"}


def test_a_saved_config_may_be_edited(saved):
    """By hand, as people do: there is no seal on it."""
    change_config(saved, id2label={"0": "no", "1": "perhaps", "2": "yes"})
    assert read_directory(saved, "classification")[1].labels == ("no", "perhaps", "yes")
