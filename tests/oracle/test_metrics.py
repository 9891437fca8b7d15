"""The metrics are those of scikit-learn and SciPy, on ties, missing classes and constants too."""

import warnings

import numpy as np
import pytest

from minibert.eval import accuracy, f1, matthews, mean_squared_error, pearson, spearman

pytestmark = pytest.mark.oracle

sk = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
stats = pytest.importorskip("scipy.stats", reason="needs SciPy")


@pytest.fixture(autouse=True)
def quiet():
    """The others warn of 0 / 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def classes(rng, C):
    """Predictions and labels of up to C classes, often few examples, some classes missing."""
    n = int(rng.integers(1, 40))
    some = rng.choice(C, int(rng.integers(1, C + 1)), replace=False)
    labels = rng.choice(some, n)
    return np.where(rng.random(n) < rng.random(), labels, rng.integers(0, C, n)), labels


@pytest.mark.parametrize("C", [2, 3, 11])
def test_classification(C):
    rng = np.random.default_rng(C)
    for _ in range(150):
        predicted, labels = classes(rng, C)
        assert accuracy(predicted, labels) == pytest.approx(sk.accuracy_score(labels, predicted))
        assert f1(predicted, labels, "macro") == pytest.approx(
            sk.f1_score(labels, predicted, average="macro")
        )
        assert matthews(predicted, labels) == pytest.approx(
            sk.matthews_corrcoef(labels, predicted), abs=1e-12
        )
        if C == 2:
            assert f1(predicted, labels) == pytest.approx(sk.f1_score(labels, predicted))


@pytest.mark.parametrize("values", [2, 5, None], ids=["two values", "ties", "no ties"])
def test_regression(values):
    rng = np.random.default_rng(values or 0)
    for _ in range(150):
        n = int(rng.integers(2, 40))
        x, y = rng.normal(size=n), rng.normal(size=n)
        if values:
            x, y = (rng.integers(0, values, n) * 0.1 for _ in "xy")
        for ours, theirs in ((pearson, stats.pearsonr), (spearman, stats.spearmanr)):
            expected = theirs(x, y).statistic
            assert ours(x, y) == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert mean_squared_error(x, y) == pytest.approx(sk.mean_squared_error(y, x))


def test_baseline_of_numbers_is_as_good_as_ridge():
    """Each word adds its own amount; the baseline's error is near that of ridge regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge

    from minibert.eval import BagOfWords
    from minibert.eval.bag_of_words import split_words

    rng = np.random.default_rng(0)
    amount = rng.normal(size=307)

    def make(n):
        rows = rng.integers(0, 307, (n, 7))
        y = 5.0 * amount[rows].sum(1) + rng.normal(size=n) + 100.0
        return [" ".join(f"w{j}" for j in row) for row in rows], y

    (texts, y), (test_texts, test_y) = make(1009), make(503)
    vectors = TfidfVectorizer(analyzer=split_words, sublinear_tf=True, min_df=2)
    peer = Ridge(alpha=1.0).fit(vectors.fit_transform(texts), y)
    theirs = pearson(peer.predict(vectors.transform(test_texts)), test_y)
    ours = pearson(BagOfWords.fit(texts, y).predict(test_texts), test_y)
    assert ours > theirs - 0.03, (ours, theirs)
