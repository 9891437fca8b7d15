"""Measures: scikit-learn's and SciPy's; of answers, the rules in regular expressions."""

import re
import string
from collections import Counter

from ..harness import reference


def metrics():
    """scikit-learn's, imported when one is computed."""
    from sklearn import metrics

    return metrics


@reference("accuracy", source="sklearn.metrics.accuracy_score")
def accuracy(predicted, labels):
    return metrics().accuracy_score(labels, predicted)


@reference("f1", source="sklearn.metrics.f1_score")
def f1(predicted, labels, *, average):
    return metrics().f1_score(labels, predicted, average=average, zero_division=0.0)


@reference("matthews", source="sklearn.metrics.matthews_corrcoef")
def matthews(predicted, labels):
    return metrics().matthews_corrcoef(labels, predicted)


@reference("mean-squared-error", source="sklearn.metrics.mean_squared_error")
def mean_squared_error(predicted, labels):
    return metrics().mean_squared_error(labels, predicted)


@reference("pearson", source="scipy.stats.pearsonr")
def pearson(predicted, labels):
    from scipy import stats

    return stats.pearsonr(predicted, labels).statistic


@reference("spearman", source="scipy.stats.spearmanr")
def spearman(predicted, labels):
    from scipy import stats

    return stats.spearmanr(predicted, labels).statistic


def normal(text):
    """An answer as SQuAD's program compares it; beyond ASCII, Chinese characters stand alone."""
    text = re.sub(f"[{re.escape(string.punctuation)}。«»〈〉]", "", text.lower())
    text = re.sub("[\u4e00-\u9fff]", r" \g<0> ", text)
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", text).split())


def overlap(a, b):
    """F1 of the words of two normal answers; without words on a side, whether both have none."""
    a, b = a.split(), b.split()
    if not (a and b):
        return float(a == b)
    n = (Counter(a) & Counter(b)).total()
    precision, recall = n / len(a), n / len(b)
    return 2 * precision * recall / (precision + recall) if n else 0.0


@reference("answers", source="the rules of SQuAD's evaluation program, in regular expressions; "
           "Chinese characters as words of their own")
def answers(answers, references):
    rows = [(normal(a), [normal(r) for r in rs] or [""])
            for a, rs in zip(answers, references, strict=True)]
    return {
        "exact": [float(a in rs) for a, rs in rows],
        "f1": [max(overlap(a, r) for r in rs) for a, rs in rows],
    }
