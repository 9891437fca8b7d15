"""Tiny random models in files, as the commands read them."""

import numpy as np

from minibert import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertTokenizer
from minibert.cli import main

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["good", "bad", "film", "the", "a", "very", "天", "气"]
LABELS = ("no", "yes", "天气")
TEXTS = ["the good film", "", "very bad", "天气", "a", "the very very good film a", "bad bad"]


def tokenizer(words=WORDS, positions=11):
    return BertTokenizer(SPECIAL + list(words), model_max_length=positions)


def config(labels=LABELS, words=WORDS, **others):
    """Weights are large, so that texts get different classes."""
    sizes = {"hidden": 12, "n_layers": 2, "heads": 3, "ffn": 17, "positions": 11, "init_std": 0.7}
    sizes |= {"classes": len(labels), "labels": labels} | others
    return BertConfig.uniform(vocab=len(SPECIAL) + len(words), **sizes)


def classifier(folder=None, labels=LABELS, *, tok=True, seed=2, **others):
    """A classifier, saved where a folder is given."""
    model = BertForSequenceClassification(
        config(labels, **others), tokenizer=tokenizer() if tok else None, seed=seed
    )
    if folder is not None:
        model.save_pretrained(folder)
    return model


def masked_lm(folder):
    BertForMaskedLM(config(), tokenizer=tokenizer()).save_pretrained(folder)


def probabilities(model, texts, pairs=None):
    """(n, C), computed text by text."""
    rows = []
    for i, text in enumerate(texts):
        pair = None if pairs is None else [pairs[i]]
        z = model(**model.tokenizer([text], pair, truncation=True)).logits[0].astype(float)
        e = np.exp(z - z.max())
        rows.append(e / e.sum())
    return np.array(rows)


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def command(*words):
    """The exit status of `minibert WORDS`."""
    return main([str(word) for word in words])


def refused(capsys, *words):
    """The one line that the command prints about bad input."""
    capsys.readouterr()
    assert command(*words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("minibert: error: ")
    assert captured.err.count("\n") == 1
    return captured.err
