"""What the engines are given: weights and ids at random, never zeros or all alike, and real texts.

A constant input can run faster than a real one (no cache misses in the word table, no exponent
that overflows or is denormal), and hides a wrong mask or a transposed matrix.
"""

import itertools
import tempfile
from pathlib import Path

import numpy as np

from minibert.data import read_table
from minibert.data.fetch import home, is_there
from minibert.model import init_params
from minibert.text import BertTokenizer, train_vocab

SEED = 20
SENTENCES = "rotten-tomatoes"
LONG_TEXTS = "imdb-unlabelled"
VOCABULARY = "all-minilm-l6-v2"
NO_SENTENCES = f"there are none: minibert fetch {SENTENCES} {VOCABULARY}, or --data FILE"
LETTERS = np.array(list("etaoinshrdlcumwfgypbvk"))


def random_params(config, head=None, seed=SEED):
    """Parameters of the spread that trained ones have: biases and gamma are not trivial either."""
    rng = np.random.default_rng(seed)
    params = init_params(config, seed, head)
    for name, p in params.items():
        if p.ndim == 1:
            mean = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            p[:] = mean + 0.1 * rng.standard_normal(p.shape)
        else:
            p *= 2.0  # standard deviation 0.04
    return params


def loaded(kind, config, params):
    """A model as users have it: read from a file, so that its weights are its own.

    Of a model whose arrays others hold, as after `model.params`, each call packs the weights anew,
    since they may have changed.

    Parameters
    ----------
    kind : type
        BertModel or one with a head.
    config : BertConfig
    params : dict of str to ndarray or QTensor
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        kind(config, params).save(path)
        return kind.from_pretrained(path)


def random_ids(config, batch, length, seed=SEED):
    """Word ids (B,L) without [PAD], int64."""
    rng = np.random.default_rng((seed, batch, length))
    return rng.integers(config.vocab // 30 + 1, config.vocab, (batch, length))


def random_labels(config, batch, seed=SEED):
    """Classes (B,), each class about as often as another."""
    return np.random.default_rng((seed, batch)).permutation(np.arange(batch) % config.classes)


def sentences(count, path=None):
    """Real sentences: of the file, or of Rotten Tomatoes if it was fetched.

    Parameters
    ----------
    count : int
    path : path, optional
        A table with a column "text", or a .txt with one text a line.

    Returns
    -------
    list of str, or None
        None where there are none.
    """
    if path is None:
        if not is_there(SENTENCES):
            return None
        path = home() / SENTENCES / "dev.tsv"
    return list(itertools.islice(read_table(path, text="text", label=None).texts, count))


def long_text(size, path=None):
    """Lines of at least `size` bytes together, and where they are from.

    Parameters
    ----------
    size : int
    path : path, optional

    Returns
    -------
    (list of str, str)
    """
    if path is None and is_there(LONG_TEXTS):
        path = home() / LONG_TEXTS / "texts.txt"
    if path is None:
        return _cut(generated_lines(), size), "generated words"
    texts = read_table(path, text="text", label=None).texts
    return _cut(itertools.cycle(texts), size), str(path)


def generated_lines(seed=SEED):
    """Endless lines of made-up words, few of them frequent and most rare (Zipf)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, 30_000)
    words = np.array(["".join(rng.choice(LETTERS, n)) for n in lengths])
    while True:
        ranks = np.minimum(rng.zipf(1.3, 200), len(words)) - 1
        yield " ".join(words[ranks]).capitalize() + "."


def tokenizer(texts):
    """The tokenizer of a real model if it was fetched, else one trained on some of the texts."""
    if is_there(VOCABULARY):
        return BertTokenizer.from_pretrained(home() / VOCABULARY)
    return BertTokenizer(train_vocab(_cut(iter(texts), 200_000), 4000))


def _cut(texts, size):
    """The first texts, until they are `size` bytes."""
    taken = []
    for text in texts:
        taken.append(text)
        size -= len(text.encode("utf-8")) + 1
        if size <= 0:
            break
    return taken
