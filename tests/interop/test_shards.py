"""Weights in several files, in other formats, or nowhere."""

import json
import re

import pytest
from safetensors.numpy import load_file, save_file

from minibert.interop import read_directory, read_file, read_head

from .files import assert_same, change_config

INDEX = "model.safetensors.index.json"


def split_in(folder, n=3):
    """The folder's weights in n files and an index."""
    arrays = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {name: f"model-{i % n + 1:05}-of-{n:05}.safetensors" for i, name in enumerate(arrays)}
    for shard in set(places.values()):
        save_file({name: arrays[name] for name in arrays if places[name] == shard}, folder / shard)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return places


def change_places(folder, **changes):
    values = json.loads((folder / INDEX).read_text())
    values["weight_map"] |= changes
    (folder / INDEX).write_text(json.dumps(values))


@pytest.mark.quick
def test_shards(saved):
    expected = read_directory(saved, "classification")[0]
    split_in(saved)
    found, _, new = read_directory(saved, "classification")
    assert_same(found, expected)
    assert new == []
    assert read_head(saved) == "classification"


def test_one_file_is_preferred(saved):
    arrays = load_file(saved / "model.safetensors")
    expected = read_directory(saved)[0]
    split_in(saved)
    for path in saved.glob("model-*"):
        path.write_bytes(b"")
    save_file(arrays, saved / "model.safetensors")
    assert_same(read_directory(saved)[0], expected)


def test_a_shard_that_is_not_there(saved):
    split_in(saved)
    (saved / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file .*model-00002-of"):
        read_directory(saved)


def test_a_tensor_that_is_not_in_its_shard(saved):
    split_in(saved)
    change_places(saved, **{"bert.pooler.dense.bias": "model-00001-of-00003.safetensors",
                            "bert.pooler.dense.weight": "model-00001-of-00003.safetensors"})
    with pytest.raises(ValueError, match=r"do not hold them: bert\.pooler\.dense\."):
        read_directory(saved)


def test_a_tensor_that_is_not_in_the_index(saved):
    places = split_in(saved)
    name = "bert.embeddings.LayerNorm.bias"
    places.pop(name)
    (saved / INDEX).write_text(json.dumps({"weight_map": places}))
    with pytest.raises(ValueError, match=f"missing: {name}$"):
        read_directory(saved)


@pytest.mark.parametrize("name", [
    "../other.safetensors", "/etc/x.safetensors", "a/b.safetensors", "a\\b.safetensors",
    "C:x.safetensors", "x\0.safetensors", "pytorch_model.bin", "", ".", "..", 3, None, ["x"],
], ids=repr)
def test_shards_lie_in_the_folder(saved, name):
    """Under a plain name: an index from elsewhere opens no other file."""
    split_in(saved)
    save_file(load_file(saved / "model-00001-of-00003.safetensors"),
              saved.parent / "other.safetensors")
    change_places(saved, **{"bert.pooler.dense.bias": name})
    with pytest.raises(ValueError, match="has no usable weight_map"):
        read_directory(saved)


@pytest.mark.parametrize(
    "value", [[], None, 3, {}, {"weight_map": []}, {"weight_map": "x"}], ids=str
)
def test_an_index_that_is_none(saved, value):
    split_in(saved)
    (saved / INDEX).write_text(json.dumps(value))
    with pytest.raises(ValueError, match="has no usable weight_map"):
        read_directory(saved)


def test_an_empty_index(saved):
    split_in(saved)
    (saved / INDEX).write_text('{"weight_map": {}}')
    with pytest.raises(ValueError, match="num_hidden_layers makes 2 layers, with 0 tensors"):
        read_directory(saved)


# Other formats


def only(folder, *names):
    (folder / "model.safetensors").unlink()
    for name in names:
        (folder / name).write_bytes(b"\x80\x04never opened")


@pytest.mark.parametrize("name", [
    "pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "model.pth", "bert.ckpt",
])
def test_pytorchs_format_is_refused(saved, name):
    """With the two lines that convert it, for the class that the config names."""
    only(saved, name)
    line = (
        "from transformers import BertForSequenceClassification; "
        f"BertForSequenceClassification.from_pretrained({str(saved)!r}"
    )
    with pytest.raises(ValueError, match=re.escape(line)) as caught:
        read_directory(saved)
    assert f"has no model.safetensors, but {name}" in str(caught.value)
    assert "safe_serialization=True" in str(caught.value)
    assert "can run programs" in str(caught.value)


@pytest.mark.parametrize(("name", "said"), [
    ("tf_model.h5", "from_tf=True"),
    ("bert_model.ckpt.index", "from_tf=True"),
    ("flax_model.msgpack", "from_flax=True"),
    ("model.onnx", "take the checkpoint that it was made from"),
])
def test_other_formats_are_refused(saved, name, said):
    only(saved, name)
    with pytest.raises(ValueError, match=said):
        read_directory(saved)


def test_an_unknown_class_is_not_put_into_the_program(saved):
    only(saved, "pytorch_model.bin")
    change_config(saved, architectures=["os; os.system('x')"])
    with pytest.raises(ValueError, match="from transformers import BertModel; BertModel") as caught:
        read_directory(saved)
    assert "os.system" not in str(caught.value)


def test_what_is_beside_the_weights_does_not_matter(saved):
    (saved / "pytorch_model.bin").write_bytes(b"\x80")
    read_directory(saved)
    only(saved, "training_args.bin", "optimizer.txt")
    (saved / "pytorch_model.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file .*model\.safetensors"):
        read_directory(saved)


def test_a_file_in_pytorchs_format(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"pytorch_model\.bin is not read: PyTorch's format"):
        read_file(path)


def test_gits_note_of_a_file(saved):
    (saved / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n"
    )
    with pytest.raises(ValueError, match="git's note of where they are: fetch them with `git lfs"):
        read_directory(saved)
