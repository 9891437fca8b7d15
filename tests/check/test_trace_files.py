"""`trace`: files of activations, in every precision, damaged or hostile; what is refused."""

import io
import zipfile

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import trace
from minibert.interop.tensors import write_tensors

from .broken import dump
from .test_trace_causes import small


@pytest.mark.parametrize(("kind", "rtol"), [("float16", 1e-3), ("bfloat16", 8e-3)])
def test_numbers_in_half_precision_have_a_tolerance_of_their_own(kind, rtol, tmp_path):
    """Whatever type they are saved in; it loosens no other tensor's."""
    m = small()
    found = dump(m)
    name = "attentions.0"
    p = found.pop("encoder.layer.0.attention.self.probabilities")
    half = p.astype(np.float16) if kind == "float16" else _upper(p)
    said = trace(m, found | {name: half.astype(np.float32)})
    assert said, str(said)
    assert said.rtol == {"float32": 4e-6, kind: rtol}
    assert {row.rtol for row in said.rows if row.name != name} == {4e-6}
    rounded = {n: _upper(a) if kind == "bfloat16" else a.astype(np.float16)
               for n, a in found.items() if a.dtype == np.float32}  # fmt: skip
    write_tensors(tmp_path / "a.safetensors", found | rounded, {})
    assert trace(m, tmp_path / "a.safetensors")
    strict = trace(m, found | rounded, rtol=1e-6)
    assert not any(kind in cause.says for cause in strict.causes)
    with F.swap(layernorm=(lambda x, g, b, _: F.OPS["layernorm_forward"](x, g, b, 1e-4), None)):
        other = dump(m)
    del other["encoder.layer.0.attention.self.probabilities"]
    assert trace(m, other | {name: half}).causes[0].cause == "other-eps"


def _upper(a):
    """float32 with the upper 16 bits, to the nearest."""
    return ((a.view(np.uint32) + 0x8000) & np.uint32(0xFFFF0000)).view(np.float32)


def test_files_of_activations(tmp_path):
    m = small()
    found = dump(m)
    np.savez(tmp_path / "a.npz", **found)
    write_tensors(tmp_path / "a.safetensors", found, {})
    half = {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in found.items()}
    np.savez_compressed(tmp_path / "half.npz", **half)
    for name in ("a.npz", "a.safetensors", "half.npz"):
        said = trace(m, tmp_path / name)
        assert said, str(said)
        assert said.count == 4 + 4 * 12 + 3
    m.save(tmp_path / "model.safetensors")
    assert trace(m, tmp_path / "model.safetensors").rtol == {"float64": 1e-9}


def hostile(path):
    """Names and contents of files that are no activations."""
    whole = io.BytesIO()
    np.savez(whole, embeddings=np.ones(3), input_ids=np.ones((1, 3), int))
    data = whole.getvalue()
    objects = io.BytesIO()
    np.savez(objects, embeddings=np.array([{}, None], object))
    texts = io.BytesIO()
    np.savez(texts, embeddings=np.array(["a", "b"]))
    none = io.BytesIO()
    np.savez(none, weights=np.ones(3))
    single = io.BytesIO()
    np.save(single, np.ones(3))
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w") as file:
        header = b"\x93NUMPY\x01\x00v\x00"
        says = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999), }"
        file.writestr("embeddings.npy", header + says.ljust(117) + b"\n")
        file.writestr("input_ids.npy", b"nothing")
    return {
        "truncated.npz": data[: len(data) // 2], "empty.npz": b"", "text.npz": b"no zip",
        "damaged.npz": data[:90] + bytes(8) + data[98:], "objects.npz": objects.getvalue(),
        "texts.npz": texts.getvalue(), "none.npz": none.getvalue(), "single.npz": single.getvalue(),
        "huge.npz": huge.getvalue(), "short.safetensors": data[:20], "x.bin": b"PK",
    }  # fmt: skip


def test_hostile_files_are_refused_in_a_line(tmp_path):
    m = small()
    for name, data in hostile(tmp_path).items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name) as caught:
            trace(m, tmp_path / name)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_what_is_refused(tmp_path):
    m = small()
    with pytest.raises(FileNotFoundError, match="no-such"):
        trace(m, tmp_path / "no-such")
    with pytest.raises(ValueError, match="without input_ids"):
        trace(m, m, attention_mask=[[1]])
    with pytest.raises(ValueError, match="seed is -1"):
        trace(m, m, seed=-1)
    np.savez(tmp_path / "a.npz", **dump(m, only=lambda n: n == "none"))
    with pytest.raises(ValueError, match="has no activation") as caught:
        trace(m, tmp_path / "a.npz")
    assert "whole" not in str(caught.value)
    with pytest.raises(ValueError, match="give it as OTHER"):
        trace(tmp_path / "a.npz", m)
    with pytest.raises(ValueError, match="no tokenizer"):
        trace(m, m, texts=["a"])
    with pytest.raises(ValueError, match="pairs without texts"):
        trace(m, m, pairs=["a"])
    found = dump(m)
    with pytest.raises(ValueError, match="differ: leave one out"):
        trace(m, found | {"bert.embeddings": found["embeddings"] + 1})
    with pytest.raises(ValueError, match="give no others"):
        trace(m, found, input_ids=[[1, 2]])
    with pytest.raises(ValueError, match="ids spans"):
        trace(m, found | {"input_ids": found["input_ids"] + 1000})
