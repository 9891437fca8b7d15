"""int8 of a real model: the mean vectors of sentences point where those of float32 do."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.pretrained import BertModel

pytestmark = pytest.mark.oracle  # where real checkpoints are fetched
SENTENCES, LEAST = 200, 0.998


def mean_vectors(model, batch):
    hidden = model(batch["input_ids"], batch["attention_mask"]).last_hidden_state
    keep = batch["attention_mask"][..., None]
    return (hidden * keep).sum(1) / keep.sum(1)


@pytest.mark.parametrize("level", ["avx512vnni", "amx"])  # the other levels have the former's bits
def test_sentences_of_a_real_model(level, fetched, data_dir):
    c_int8 = pytest.importorskip("minibert.kernels.c_int8", exc_type=ImportError)
    if why := c_int8.levels().get(level, "there is no such level on this kind of processor"):
        pytest.skip(f"{level}: {why}")
    model = BertModel.from_pretrained(fetched("all-minilm-l6-v2"))
    lines = (data_dir / "cola" / "in_domain_dev.tsv").read_text(encoding="utf-8").splitlines()
    batch = model.tokenizer([line.split("\t")[-1] for line in lines[:SENTENCES]])
    expected = mean_vectors(model, batch)
    with F.use("c"), c_int8.use_level(level):
        got = mean_vectors(model.quantize(), batch)
    assert len(got) == SENTENCES
    norms = np.linalg.norm(got, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = (got * expected).sum(1) / norms
    assert cosine.mean() >= LEAST
    assert cosine.min() >= 0.98
    assert cosine.mean() < 0.99999  # it was int8
