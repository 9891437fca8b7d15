"""`minibert trace` against transformers' model, and its causes made in a real checkpoint."""

import re

import numpy as np
import pytest
from check.broken import BROKEN, check
from model.small import random_params, uniform

from minibert import cli
from minibert.check import trace
from minibert.cli import trace as command
from minibert.pretrained import BertForSequenceClassification, BertModel, load

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def classifier(fetched):
    """all-MiniLM-L6-v2 with a head of three labels on it."""
    from dataclasses import replace

    m = load(fetched("all-minilm-l6-v2"))
    rng = np.random.default_rng(0)
    head = {"classifier.weight": rng.standard_normal((3, m.config.hidden)),
            "classifier.bias": rng.standard_normal(3)}
    config = replace(m.config, classes=3, labels=("no", "maybe", "yes"))
    return BertForSequenceClassification(config, m.params | head)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda f: f.__name__)
def test_a_mistake_in_a_real_checkpoint_is_located_and_named(classifier, broken):
    check(classifier, broken)


@pytest.fixture(scope="module")
def dumped(fetched, tmp_path_factory):
    """A function from a folder to the file that the recipe of `minibert trace --help` makes."""
    transformers = pytest.importorskip("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    def dump(folder, monkeypatch):
        here = tmp_path_factory.mktemp("dumped")
        monkeypatch.chdir(here)
        lines = re.findall(r"^    (?!minibert)(.*)$", command.__doc__, re.MULTILINE)
        assert 10 <= len(lines) <= 14
        exec("\n".join(lines).replace("FOLDER", str(folder)), {})
        return here / "activations.npz"

    return dump


def test_the_recipe_with_a_real_checkpoint(fetched, dumped, monkeypatch):
    folder = fetched("all-minilm-l6-v2")
    found = trace(folder, dumped(folder, monkeypatch))
    assert found, str(found)
    assert found.count >= 6 * 10 + 6
    names = [row.name for row in found.rows]
    assert "encoder.layer.5.attention.self" in names
    assert names[-1] == "pooler"
    assert max(row.relative for row in found.rows) < 2e-6
    assert all(n.endswith((".scores", ".probabilities")) for n in found.missing), found.missing
    assert found.unknown == []


def test_the_recipe_with_a_small_model_and_a_mistake(dumped, tmp_path, monkeypatch):
    """transformers itself computes the other GELU; the reference's folder says gelu."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##t", "."]
    from minibert.text import BertTokenizer

    config = uniform(positions=16)
    m = BertModel(config, random_params(config, dtype=np.float32), tokenizer=BertTokenizer(tokens))
    m.save_pretrained(tmp_path / "right")
    m.save_pretrained(tmp_path / "wrong")
    path = tmp_path / "wrong" / "config.json"
    path.write_text(path.read_text().replace('"gelu"', '"gelu_new"'))
    file = dumped(tmp_path / "wrong", monkeypatch)
    found = trace(tmp_path / "right", file)
    assert found.first.name == "encoder.layer.0.intermediate"
    assert found.causes[0].cause == "other-gelu"
    assert found.causes[0].next is None
    assert trace(tmp_path / "wrong", file)
    assert cli.main(["trace", str(tmp_path / "right"), str(file)]) == 1
