"""How good predictions are, and how such numbers go wrong.

The numbers are those of `minibert.eval.metrics`: (2) F1 of each class, (3) Matthews' correlation.
"""

import numpy as np

from minibert.check.mistakes.steps import Call, Step, Steps, mistake

EXAMPLES = 43


def _guesses(rng, labels, classes):
    """Predictions of which a part is drawn anew from these classes."""
    return np.where(rng.random(len(labels)) < 0.7, labels, rng.choice(classes, len(labels)))


def _two_classes(rng):
    many = (rng.random(EXAMPLES) < 0.7).astype(np.int64)
    few = np.arange(EXAMPLES) % 10 // 9
    ones = np.ones_like(many)
    cases = {
        "both classes": (_guesses(rng, many, (0, 1)), many),
        "few of class 1": (_guesses(rng, few, (0, 1)), few),
        "mostly wrong": (1 - _guesses(rng, many, (0, 1)), many),
        "all right": (many, many),
        "always 1": (ones, many),
        "never 1": (0 * ones, many),
        "one label": (many, ones),
    }
    return _calls(cases)


def _many_classes(rng):
    labels = rng.permutation(np.repeat((0, 1, 3, 5, 6), (17, 11, 8, 5, 2)))
    two = np.arange(EXAMPLES) % 3 // 2
    cases = {
        "classes with gaps": (_guesses(rng, labels, (0, 1, 2, 5)), labels),  # 2 is no label
        "a class that is never predicted": (np.where(labels == 6, 0, labels), labels),
        "two classes": (_guesses(rng, two, (0, 1)), two),
        "never right": (labels + 1, labels),
        "all right": (labels, labels),
    }
    return _calls(cases)


def _calls(cases):
    return [Call(case, {"predicted": p, "labels": t}) for case, (p, t) in cases.items()]


def _count(marks):
    return int(marks.sum())


def _share(a, b):
    """a / b, and 0 where b is."""
    return np.where(np.equal(b, 0), 0.0, a / np.where(np.equal(b, 0), 1, b))


def _harmonic(precision, recall):
    return float(_share(2 * precision * recall, precision + recall))


FORMULAS = (
    Steps(
        op="matthews",
        formula="matthews",
        signature="predicted (B), labels (B) -> coefficient",
        calls=_two_classes,
        steps=(
            Step("tp", "(3)", lambda predicted, labels: _count((predicted == 1) & (labels == 1))),
            Step("tn", "(3)", lambda predicted, labels: _count((predicted == 0) & (labels == 0))),
            Step("fp", "(3)", lambda predicted, labels: _count((predicted == 1) & (labels == 0))),
            Step("fn", "(3)", lambda predicted, labels: _count((predicted == 0) & (labels == 1))),
            Step("above", "(3)", lambda tp, tn, fp, fn: tp * tn - fp * fn),
            Step(
                "product",
                "(3)",
                lambda tp, tn, fp, fn: (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn),
            ),
            Step("below", "(3)", lambda product: np.sqrt(product)),
            Step("coefficient", "(3)", lambda above, below: float(_share(above, below))),
        ),
        mistakes=(
            mistake(
                "no-guard",
                "There is no guard against 0 / 0: one class predicted gives NaN.",
                "Where only one class is predicted, or there is only one, the coefficient is 0.",
                coefficient=lambda above, below: float(np.float64(above) / below),
            ),
            mistake(
                "root-forgotten",
                "The root of the denominator is not taken.",
                "The coefficient is a correlation: all right is 1.",
                below=lambda product: product,
            ),
            mistake(
                "errors-added",
                "The product of the errors is added instead of subtracted: tp tn + fp fn.",
                "Errors pull towards -1.",
                above=lambda tp, tn, fp, fn: tp * tn + fp * fn,
            ),
            mistake(
                "f1",
                "This is F1 of class 1, which the true negatives do not enter.",
                "Matthews' coefficient treats both classes alike.",
                coefficient=lambda tp, fp, fn: float(_share(2 * tp, 2 * tp + fp + fn)),
            ),
            mistake(
                "accuracy",
                "This is the accuracy, (tp + tn) / n.",
                "Guessing the larger class has a high accuracy, and a coefficient of 0.",
                coefficient=lambda tp, tn, fp, fn: (tp + tn) / (tp + tn + fp + fn),
            ),
            mistake(
                "errors-forgotten",
                "The product of the errors is not subtracted: the numerator is tp tn.",
                "It is tp tn - fp fn, and below 0 where more is wrong than right.",
                above=lambda tp, tn: tp * tn,
            ),
            mistake(
                "two-factors-only",
                "The denominator has two factors only: sqrt((tp + fp) (tp + fn)).",
                "Two more are the other class's, (tn + fp) (tn + fn).",
                product=lambda tp, fp, fn: (tp + fp) * (tp + fn),
            ),
            mistake(
                "in-percent",
                "The coefficient is multiplied by 100.",
                "Tables of GLUE show it so; here it lies between -1 and 1.",
                coefficient=lambda above, below: 100 * float(_share(above, below)),
            ),
        ),
    ),
    Steps(
        op="f1_macro",
        formula="f1",
        signature="predicted (B), labels (B) -> score",
        calls=_many_classes,
        steps=(
            Step("classes", "(2)", lambda predicted, labels: np.union1d(predicted, labels)),
            Step("p", "(2)", lambda predicted, classes: (predicted == classes[:, None]).sum(1)),
            Step("t", "(2)", lambda labels, classes: (labels == classes[:, None]).sum(1)),
            Step(
                "hits",
                "(2)",
                lambda predicted, labels, classes: (
                    (predicted == classes[:, None]) & (labels == classes[:, None])
                ).sum(1),
            ),
            Step("f1", "(2)", lambda hits, p, t: _share(2 * hits, p + t)),
            Step("score", "(2)", lambda f1: float(f1.mean())),
        ),
        mistakes=(
            mistake(
                "micro",
                "Hits are summed over the classes first, which is the accuracy.",
                "Macro: one F1 for each class, and then their mean, so that rare classes count.",
                f1=lambda hits, p, t: 2 * hits.sum() / (p + t).sum(),
                score=lambda f1: float(f1),
            ),
            mistake(
                "weighted",
                "The mean is weighted with the number of labels of each class.",
                "Every class counts the same, however rare it is.",
                score=lambda f1, t: float((f1 * t).sum() / t.sum()),
            ),
            mistake(
                "binary",
                "This is F1 of class 1 alone.",
                "Every class has an F1; take the mean of all.",
                score=lambda f1, classes: float(f1[classes == 1].sum()),
            ),
            mistake(
                "classes-of-labels",
                "Classes that were predicted but are nobody's label are left out.",
                "Their F1 is 0, and lowers the mean.",
                classes=lambda labels: np.unique(labels),
            ),
            mistake(
                "all-classes",
                "Classes between 0 and the largest that do not occur count with an F1 of 0.",
                "The mean is over the classes that occur, as a label or a prediction.",
                classes=lambda predicted, labels: np.arange(max(*predicted, *labels) + 1),
            ),
            mistake(
                "of-the-means",
                "F1 is computed of the mean precision and the mean recall.",
                "The mean comes last: of the classes' F1.",
                score=lambda hits, p, t: _harmonic(_share(hits, p).mean(), _share(hits, t).mean()),
            ),
            mistake(
                "arithmetic-mean",
                "F1 of a class is (precision + recall) / 2.",
                "F1 is the harmonic mean, 2 P R / (P + R), near the smaller of the two.",
                f1=lambda hits, p, t: (_share(hits, p) + _share(hits, t)) / 2,
            ),
            mistake(
                "no-guard",
                "Precision, or 2 P R / (P + R), is 0 / 0 for a class without hits: NaN.",
                "F1 of a class that was never hit is 0.",
                f1=lambda hits, p, t: 2 * (hits / p) * (hits / t) / (hits / p + hits / t),
            ),
            mistake(
                "precision",
                "This is the mean precision: recall is left out.",
                "F1 is the harmonic mean of precision and recall.",
                f1=lambda hits, p: _share(hits, p),
            ),
            mistake(
                "recall",
                "This is the mean recall: precision is left out.",
                "F1 is the harmonic mean of precision and recall.",
                f1=lambda hits, t: _share(hits, t),
            ),
            mistake(
                "two-forgotten",
                "The factor 2 is missing: P R / (P + R).",
                "A class that is all right has an F1 of 1.",
                f1=lambda hits, p, t: _share(hits, p + t),
            ),
            mistake(
                "hits-once",
                "F1 of a class is tp / (tp + fp + fn), the Jaccard index.",
                "In F1 hits count twice, above and below: 2 tp / (2 tp + fp + fn).",
                f1=lambda hits, p, t: _share(hits, p + t - hits),
            ),
            mistake(
                "classes-of-predictions",
                "Classes that are never predicted are left out.",
                "Their F1 is 0, and lowers the mean.",
                classes=lambda predicted: np.unique(predicted),
            ),
            mistake(
                "in-percent",
                "The score is multiplied by 100.",
                "Tables of GLUE show it so; here it lies between 0 and 1.",
                score=lambda f1: 100 * float(f1.mean()),
            ),
        ),
    ),
)
