"""`minibert trace`: exit status, report and JSON."""

import json

import numpy as np
import pytest

from minibert.pretrained import load

from .small import classifier, command, refused, write


@pytest.fixture
def pair(tmp_path):
    """Two folders, the second of a model with one weight transposed."""
    a = classifier(tmp_path / "a")
    name = "bert.encoder.layer.1.attention.output.dense.weight"
    b = type(a)(a.config, a.params | {name: a.params[name].T.copy()}, tokenizer=a.tokenizer)
    b.save_pretrained(tmp_path / "b")
    return tmp_path / "a", tmp_path / "b"


def test_a_folder_agrees_with_itself(pair, capsys):
    assert command("trace", pair[0], pair[0]) == 0
    assert "tensors agree, to a relative error of 1e-09" in capsys.readouterr().out


def test_the_report(pair, capsys):
    assert command("trace", *pair) == 1
    out = capsys.readouterr().out
    assert "First divergence: encoder.layer.1.attention.output.dense" in out
    assert "the weight of encoder.layer.1.attention.output.dense is transposed" in out
    assert "With this alone all 31 tensors agree" in out
    assert "classifier" not in out
    assert command("trace", *pair, "--all", "--rtol", "1e-6") == 1
    assert "classifier" in capsys.readouterr().out


def test_json(pair, capsys):
    assert command("trace", *pair, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["first"] == "encoder.layer.1.attention.output.dense"
    assert found["causes"][0]["cause"] == "transposed-weight"
    assert found["causes"][0]["next"] is None
    assert found["rows"][-1]["verdict"] == "DIFF"
    assert found["rows"][0]["shape"] == [3, 11, 12]


def test_activations_texts_and_ids(pair, tmp_path, capsys):
    m = load(pair[0])
    batch = m.tokenizer(["the good film", "bad"])
    states = m(**batch, output_hidden_states=True).hidden_states
    found = {f"hidden_states.{i}": x for i, x in enumerate(states)}
    np.savez(tmp_path / "a.npz", **batch, **found)
    np.savez(tmp_path / "bare.npz", **found)
    assert command("trace", pair[0], tmp_path / "a.npz") == 0
    assert command("trace", pair[0], tmp_path / "bare.npz", "--text", "the good film", "bad") == 0
    ids = [" ".join(map(str, row[row > 0])) for row in batch.input_ids]
    assert command("trace", pair[0], tmp_path / "bare.npz", "--ids", *ids) == 0
    assert command("trace", pair[1], tmp_path / "a.npz") == 1
    assert "hidden_states.2" in capsys.readouterr().out
    one = {"last_hidden_state": m(**m.tokenizer(["bad"])).last_hidden_state}
    np.savez(tmp_path / "one.npz", **one)
    assert command("trace", pair[0], tmp_path / "one.npz", "--text", "bad") == 0
    out = capsys.readouterr().out
    assert "1 text," in out
    assert "The one tensor agrees" in out
    assert "has no input_ids" in refused(capsys, "trace", pair[0], tmp_path / "bare.npz")


def test_the_help_has_the_recipe(capsys):
    with pytest.raises(SystemExit):
        command("trace", "--help")
    out = capsys.readouterr().out
    assert "register_forward_hook" in out
    assert 'np.savez("activations.npz", **found)' in out


def test_what_is_refused(pair, tmp_path, capsys):
    assert "OTHER: there is no" in refused(capsys, "trace", pair[0], tmp_path / "none")
    assert "give one of them" in refused(capsys, "trace", *pair, "--ids", "2 3", "--text", "a")
    assert "--ids has the row ''" in refused(capsys, "trace", *pair, "--ids", "")
    assert "below 2^31" in refused(capsys, "trace", *pair, "--ids", "2 " + "9" * 30)
    assert "--seed is -1" in refused(capsys, "trace", *pair, "--seed", "-1")
    assert "--ids is numbers" in refused(capsys, "trace", *pair, "--ids", "2 x")
    assert "--rtol is nan" in refused(capsys, "trace", *pair, "--rtol", "nan")
    assert "a.npz" in refused(capsys, "trace", pair[0], write(tmp_path / "a.npz", b"PK\3\4 cut"))
    assert "spans" in refused(capsys, "trace", *pair, "--ids", "2 9999")
