"""The baseline to print beside any BERT: TF-IDF and softmax regression, with no word order.

Text i, word j, n texts, tf the word's count in the text, df the number of texts that have it:

    (1)  x_ij = (1 + log tf_ij) (1 + log((1 + n) / (1 + df_j))),   each row scaled to length 1
    (2)  loss = mean cross-entropy of softmax(x W + b)
    (3)  W -= rate * g / sqrt(sum of all g^2 so far),   g = dloss/dW on a few texts

(3) is AdaGrad (Duchi, Hazan and Singer 2011), which gives rare words large steps; stopping after a
few epochs is the regularization. The words are BERT's basic tokens; Chinese has no spaces, so
that its characters and its pairs of neighbouring characters both count as words. Words that only
one text has are left out.
"""

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minibert import kernels as F
from minibert.text import basic_tokenize

RATE = 0.5
EPOCHS = 10
BATCH = 32


class Sparse(NamedTuple):
    """A matrix by rows: row i has values[starts[i] : starts[i + 1]] in those columns."""

    columns: np.ndarray
    values: np.ndarray
    starts: np.ndarray


class BagOfWords:
    """A classifier that knows which words a text has, and nothing of their order.

    Parameters
    ----------
    words : dict of str to int
        The column of each word.
    idf : ndarray (words,)
    weight : ndarray (words, C)
    bias : ndarray (C,)

    Examples
    --------
    >>> model = BagOfWords.fit(["sun and rain", "goal and match", "rain", "match"], [0, 1, 0, 1])
    >>> model.predict(["a rain of goals", "the match"])
    array([0, 1])
    """

    def __init__(self, words, idf, weight, bias):
        self.words, self.idf, self.weight, self.bias = words, idf, weight, bias

    @classmethod
    def fit(cls, texts, labels):
        """Learn from texts and their class numbers."""
        counts = [Counter(split_words(text)) for text in texts]
        df = Counter(word for row in counts for word in row)
        n = len(texts)
        words = {word: j for j, word in enumerate(sorted(w for w in df if df[w] > 1))}
        idf = 1.0 + np.log((1 + n) / (1.0 + np.array([df[word] for word in words])))
        x = cls(words, idf, None, None)._features(counts)
        weight, bias = _train(x, np.asarray(labels), len(words))
        return cls(words, idf.astype(np.float32), weight.astype(np.float32), bias)

    def logits(self, texts):
        """Scores of the classes, (texts, C)."""
        x = self._features([Counter(split_words(text)) for text in texts])
        return _times(x, self.weight) + self.bias

    def predict(self, texts):
        """The class number of each text."""
        return self.logits(texts).argmax(-1)

    @property
    def parameters(self):
        """Everything that is learned, as arrays; the words as UTF-8, one a line."""
        words = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        return {"words": words, "idf": self.idf, "weight": self.weight, "bias": self.bias}

    def _features(self, counts):
        """The rows x of (1)."""
        columns, values, starts = [], [], [0]
        for row in counts:
            known = [(self.words[word], tf) for word, tf in row.items() if word in self.words]
            j = np.array([j for j, _ in known], np.int64)
            x = (1.0 + np.log(np.array([tf for _, tf in known], float))) * self.idf[j]
            columns.append(j)
            values.append(x / max(np.linalg.norm(x), 1e-12))
            starts.append(starts[-1] + len(j))
        return Sparse(np.concatenate(columns), np.concatenate(values), np.array(starts))


def split_words(text):
    """The words of a text, and the pairs of neighbouring Chinese characters.

    >>> split_words("It rains 下雨了")
    ['it', 'rains', '下', '雨', '了', '下雨', '雨了']
    """
    words = basic_tokenize(text)
    pairs = [a + b for a, b in pairwise(words) if _is_chinese(a) and _is_chinese(b)]
    return words + pairs


def _is_chinese(word):
    return len(word) == 1 and "\u3400" <= word <= "\u9fff"


def _times(x, w):
    """x w, (rows, C)."""
    products = x.values[:, None] * w[x.columns]  # (entries, C)
    # A row without any entry sums to zero; reduceat would take its neighbour's first.
    sums = np.zeros((len(x.starts) - 1, w.shape[1]))
    filled = np.flatnonzero(np.diff(x.starts))
    if len(filled):
        sums[filled] = np.add.reduceat(products, x.starts[filled], axis=0)
    return sums


def _train(x, labels, n_words):
    """Weight and bias by (3)."""
    C = int(labels.max()) + 1
    w, b = np.zeros((n_words, C)), np.zeros(C)
    w_squares, b_squares = np.full_like(w, 1e-8), np.full_like(b, 1e-8)
    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = rng.permutation(len(labels))
        for start in range(0, len(order), BATCH):
            batch = _rows(x, order[start : start + BATCH])
            logits = _times(batch, w) + b  # (B,C)
            _, cache = F.softmax_cross_entropy_forward(logits, labels[order[start : start + BATCH]])
            dlogits = F.softmax_cross_entropy_backward(1.0, cache)  # (B,C)
            # Only the words of these texts have a gradient.
            columns, place = np.unique(batch.columns, return_inverse=True)
            dw = np.zeros((len(columns), C))
            texts = np.repeat(np.arange(len(dlogits)), np.diff(batch.starts))
            np.add.at(dw, place, batch.values[:, None] * dlogits[texts])
            w_squares[columns] += dw * dw
            w[columns] -= RATE * dw / np.sqrt(w_squares[columns])  # (3)
            db = dlogits.sum(0)
            b_squares += db * db
            b -= RATE * db / np.sqrt(b_squares)  # (3)
    return w, b


def _rows(x, rows):
    """Some rows of a sparse matrix, as one."""
    parts = [slice(x.starts[i], x.starts[i + 1]) for i in rows]
    return Sparse(
        np.concatenate([x.columns[part] for part in parts]),
        np.concatenate([x.values[part] for part in parts]),
        np.cumsum([0] + [part.stop - part.start for part in parts]),
    )
