"""These tests run on the formulas; the kernels are held against them elsewhere."""

import pytest

from minibert import BertForMaskedLM, BertTokenizer
from minibert import kernels as F
from minibert.config import BertConfig
from minibert.text import train_vocab

from .miniature import labelled_texts
from .small_runs import recipe_of, run, write


@pytest.fixture(autouse=True, scope="module")
def _formulas():
    with F.use("numpy"):
        yield


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A masked language model to start from, and files of labelled and of other texts."""
    folder = tmp_path_factory.mktemp("material")
    pairs = labelled_texts()
    tokenizer = BertTokenizer(train_vocab([text for text, _ in pairs], 120), model_max_length=16)
    config = BertConfig.uniform(
        vocab=len(tokenizer), hidden=12, n_layers=2, heads=2, ffn=16, positions=16
    )
    BertForMaskedLM(config, tokenizer=tokenizer, seed=1).save_pretrained(folder / "mlm")
    write(folder / "train.tsv", pairs[:40])
    write(folder / "dev.tsv", pairs[40:])
    (folder / "more.txt").write_bytes("\n".join(text for text, _ in pairs[10:30]).encode())
    return folder


@pytest.fixture(scope="session")
def done(material, tmp_path_factory):
    """A whole run."""
    with F.use("numpy"):
        return run(recipe_of(material, tmp_path_factory.mktemp("runs") / "run"))
