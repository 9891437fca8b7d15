"""The baseline to print beside any BERT: TF-IDF and a linear model, with no word order.

Text i, word j, n texts, tf the word's count in the text, df the number of texts that have it:

    (1)  x_ij = (1 + log tf_ij) (1 + log((1 + n) / (1 + df_j))),   each row scaled to length 1
    (2)  loss = mean cross-entropy of softmax(x W + b)
    (2') loss = mean (x w + b - y)^2,   where labels y are numbers (scaled to mean 0, variance 1)
    (3)  W -= rate * g / sqrt(sum of all g^2 so far),   g = dloss/dW on a few texts

(3) is AdaGrad (Duchi, Hazan and Singer 2011), which gives rare words large steps; stopping after a
few epochs is the regularization. The words are BERT's basic tokens; Chinese has no spaces, so
that its characters and its pairs of neighbouring characters both count as words. Words that only
one text has are left out. In a pair of texts a word of the first, the same word of the second and
the same word in both are three different words.
"""

from collections import Counter
from itertools import pairwise

import numpy as np

from minibert import kernels as F
from minibert.eval.sparse import from_rows, take_rows, times
from minibert.text import basic_tokenize

RATE = 0.5
EPOCHS = 10
BATCH = 32


class BagOfWords:
    """A classifier that knows which words a text has, and nothing of their order.

    Where the labels are numbers it predicts a number.

    Parameters
    ----------
    words : dict of str to int
        The column of each word.
    idf : ndarray (words,)
    weight : ndarray (words, C)
        C is 1 where it predicts numbers.
    bias : ndarray (C,)
    numbers : bool
        It predicts numbers, not classes.

    Examples
    --------
    >>> model = BagOfWords.fit(["sun and rain", "goal and match", "rain", "match"], [0, 1, 0, 1])
    >>> model.predict(["a rain of goals", "the match"])
    array([0, 1])
    """

    def __init__(self, words, idf, weight, bias, numbers=False):
        self.words, self.idf, self.weight, self.bias = words, idf, weight, bias
        self.numbers = numbers

    @classmethod
    def fit(cls, texts, labels, pairs=None):
        """Learn from texts and their labels.

        Parameters
        ----------
        texts : list of str
        labels : sequence
            Class numbers from 0 (integers); or floats, to predict numbers.
        pairs : list of str, optional
            The second text of each pair.
        """
        labels = np.asarray(labels)
        if labels.shape != (len(texts),) or not len(texts) or labels.dtype.kind not in "iuf":
            raise ValueError(
                f"{len(texts)} texts, labels {labels.dtype} {labels.shape}; give one class number "
                "(int) or one number (float) per text"
            )
        counts = _count(texts, pairs)
        df = Counter(word for row in counts for word in row)
        n = len(texts)
        words = {word: j for j, word in enumerate(sorted(w for w in df if df[w] > 1))}
        idf = 1.0 + np.log((1 + n) / (1.0 + np.array([df[word] for word in words])))
        x = cls(words, idf, None, None)._features(counts)
        numbers = labels.dtype.kind == "f"
        weight, bias = (_fit_numbers if numbers else _fit_classes)(x, labels, len(words))
        return cls(words, idf.astype(np.float32), weight.astype(np.float32), bias, numbers)

    def logits(self, texts, pairs=None):
        """Scores of the classes, (texts, C); or the predicted numbers, (texts, 1)."""
        paired = any(" " in word for word in self.words)  # only _count writes a space
        if self.words and paired != (pairs is not None):
            raise ValueError(f"it has learned from {'pairs' if paired else 'single texts'}")
        return times(self._features(_count(texts, pairs)), self.weight) + self.bias

    def predict(self, texts, pairs=None):
        """The class number of each text, or of each pair; or the number where it predicts one."""
        logits = self.logits(texts, pairs)
        return logits[:, 0] if self.numbers else logits.argmax(-1)

    @property
    def parameters(self):
        """Everything that is learned, as arrays; the words as UTF-8, one a line."""
        words = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        return {"words": words, "idf": self.idf, "weight": self.weight, "bias": self.bias}

    def _features(self, counts):
        """The rows x of (1)."""
        rows = []
        for row in counts:
            known = [(self.words[word], tf) for word, tf in row.items() if word in self.words]
            j = np.array([j for j, _ in known], np.int64)
            x = (1.0 + np.log(np.array([tf for _, tf in known], float))) * self.idf[j]
            rows.append((j, x / max(np.linalg.norm(x), 1e-12)))
        return from_rows(rows)


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


def _count(texts, pairs):
    """How often each text has each word; a word of a pair begins with where it is and a space."""
    if pairs is None:
        return [Counter(split_words(text)) for text in texts]
    if len(texts) != len(pairs):
        raise ValueError(f"{len(texts)} texts, {len(pairs)} pairs; give a second text for each")
    counts = []
    for text, pair in zip(texts, pairs, strict=True):
        a, b = Counter(split_words(text)), Counter(split_words(pair))
        sides = (("1", a), ("2", b), ("both", a & b))
        counts.append(Counter({f"{side} {w}": n for side, row in sides for w, n in row.items()}))
    return counts


def _fit_classes(x, labels, n_words):
    """Weight (words, C) and bias (C,) by (2)."""

    def dloss(logits, rows):
        _, cache = F.softmax_cross_entropy_forward(logits, labels[rows])
        return F.softmax_cross_entropy_backward(1.0, cache)  # (B,C)

    return _train(x, dloss, n_words, int(labels.max()) + 1)


def _fit_numbers(x, labels, n_words):
    """Weight (words, 1) and bias (1,) by (2'), in the labels' own unit."""
    labels = labels.astype(np.float64)
    mean, spread = labels.mean(), labels.std() or 1.0
    y = ((labels - mean) / spread)[:, None]  # (n,1)

    def dloss(out, rows):
        return 2.0 * (out - y[rows]) / len(rows)  # (B,1)

    w, b = _train(x, dloss, n_words, 1)
    return w * spread, b * spread + mean


def _train(x, dloss, n_words, C):
    """Weight and bias by (3); dloss(x W + b, rows) is the loss's gradient."""
    w, b = np.zeros((n_words, C)), np.zeros(C)
    w_squares, b_squares = np.full_like(w, 1e-8), np.full_like(b, 1e-8)
    rng = np.random.default_rng(0)
    n = len(x.starts) - 1
    for _ in range(EPOCHS):
        order = rng.permutation(n)
        for start in range(0, n, BATCH):
            rows = order[start : start + BATCH]
            batch = take_rows(x, rows)
            dlogits = dloss(times(batch, w) + b, rows)  # (B,C)
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
