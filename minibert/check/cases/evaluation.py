"""Measures of predictions: of classes, of numbers, of answers in words."""

import numpy as np

from minibert.check import spec
from minibert.check.cases.case import Formula, plain_case
from minibert.eval import (
    accuracy,
    answer_f1,
    exact_match,
    f1,
    matthews,
    mean_squared_error,
    pearson,
    spearman,
)
from minibert.eval.answers import answer_words
from minibert.eval.metrics import average_ranks

EXAMPLES = 43
ANSWERS = (  # with what is right
    ("The Seine.", ("the river Seine", "Seine")),
    ("an old, old river", ("the old river's bank", "old river, old town")),
    ("U.S. Army", ("the US army", "army")),
    ("  in\t1815 at Waterloo", ("1815",)),
    ("Another day", ("a day", "the other day")),
    ("theatre", ("the atre",)),
    ("", ()),
    ("the", ("",)),
    ("Paris", ()),
    ("", ("Paris", "in Paris")),
    ("塞纳", ("塞纳河", "在塞纳")),  # one character, one word
    ("the塞纳 河。", ("塞纳河",)),
    ("«Das» 〈3〉", ("das 3",)),
)

# ----------------------------------------------------------------------------------------- library


def answer_scores(answers, references, *, exact=exact_match, partial=answer_f1):
    """Both measures of every answer."""
    rows = list(zip(answers, references, strict=True))
    return {"exact": [exact(*row) for row in rows], "f1": [partial(*row) for row in rows]}


# ------------------------------------------------------------------------------------------ inputs


def _classes(*wrong, right=(0, 1)):
    """Labels among `right`; a part of the predictions is drawn from `wrong` instead."""

    def make(rng, z, dtype):
        labels = rng.choice(right, EXAMPLES)
        guesses = rng.choice(wrong, EXAMPLES)
        return (np.where(rng.random(EXAMPLES) < 0.6, labels, guesses), labels), {}

    return make


def _always(label, *classes):
    """Every prediction is the same."""

    def make(rng, z, dtype):
        return (np.full(EXAMPLES, label), rng.choice(classes, EXAMPLES)), {}

    return make


def _averaged(make, average):
    def more(rng, z, dtype):
        return make(rng, z, dtype)[0], {"average": average}

    return more


def _numbers(mean=0.0, ties=""):
    """Two correlated rows of numbers; `ties` names those in quarters, of which many are equal."""

    def make(rng, z, dtype):
        x, noise = rng.standard_normal((2, EXAMPLES))
        rows = {"x": x, "y": 0.6 * x + noise}
        rows |= {name: np.round(4 * rows[name]) / 4 for name in ties}
        return (rows["x"] + mean, rows["y"] + mean), {}

    return make


def _answers(rng, z, dtype):
    return tuple(zip(*ANSWERS, strict=True)), {}


# -------------------------------------------------------------------------------------- loop forms


def _loops_scores(answers, references):
    return answer_scores(answers, references, exact=spec.exact_match, partial=spec.answer_f1)


# ------------------------------------------------------------------------------------------- table

_TWO = _classes(0, 1)
_GAPS = _classes(0, 1, 2, 5, right=(0, 1, 3, 5, 6))  # 2 is no label, 3 and 6 are no wrong guess


FORMULAS = (
    Formula(
        id="accuracy",
        title="Accuracy",
        source="its definition; GLUE: Wang et al. 2018, section 3",
        tex=(r"\mathrm{accuracy} = \frac{1}{n} \sum_c n_{cc}",),
        code=(accuracy,),
        loops=(spec.accuracy,),
        cases=(plain_case("accuracy", "", _GAPS, spec.accuracy, accuracy),),
    ),
    Formula(
        id="f1",
        title="F1: of one class, and the mean over classes",
        source="van Rijsbergen 1979, chapter 7",
        tex=(
            r"F_1 = \frac{2 P R}{P + R} = \frac{2\, TP}{2\, TP + FP + FN}",
            r"\mathrm{macro} = \frac{1}{C} \sum_c F_1(c)",
        ),
        code=(f1,),
        loops=(spec.f1_of_class, spec.f1),
        cases=(
            plain_case("f1", "binary", _averaged(_TWO, "binary"), spec.f1, f1),
            plain_case("f1", "no-hit", _averaged(_always(0, 0, 1), "binary"), spec.f1, f1),
            plain_case("f1", "macro", _averaged(_GAPS, "macro"), spec.f1, f1),
        ),
    ),
    Formula(
        id="matthews",
        title="Matthews' correlation coefficient",
        source="Matthews 1975 (two classes); Gorodkin 2004 (more)",
        tex=(
            r"R = \frac{\sum_{klm} n_{kk} n_{lm} - n_{kl} n_{mk}}"
            r"{\sqrt{\sum_k t_k (n - t_k)} \sqrt{\sum_k p_k (n - p_k)}}",
        ),
        code=(matthews,),
        loops=(spec.matthews,),
        cases=(
            plain_case("matthews", "binary", _TWO, spec.matthews, matthews),
            plain_case("matthews", "classes", _GAPS, spec.matthews, matthews),
            plain_case("matthews", "one-answer", _always(1, 0, 1), spec.matthews, matthews),
        ),
    ),
    Formula(
        id="pearson",
        title="Pearson's correlation",
        source="Pearson 1895",
        tex=(
            r"r = \frac{\sum_i (x_i - \bar{x}) (y_i - \bar{y})}"
            r"{\sqrt{\sum_i (x_i - \bar{x})^2 \sum_i (y_i - \bar{y})^2}}",
        ),
        code=(pearson,),
        loops=(spec.pearson,),
        cases=(
            plain_case("pearson", "", _numbers(), spec.pearson, pearson),
            plain_case("pearson", "far-from-zero", _numbers(mean=1000.0), spec.pearson, pearson),
        ),
    ),
    Formula(
        id="mean-squared-error",
        title="Mean squared error",
        source="its definition",
        tex=(r"\mathrm{MSE} = \frac{1}{n} \sum_i (x_i - y_i)^2",),
        code=(mean_squared_error,),
        loops=(spec.mean_squared_error,),
        cases=(
            plain_case(
                "mean-squared-error", "", _numbers(), spec.mean_squared_error, mean_squared_error
            ),
        ),
    ),
    Formula(
        id="spearman",
        title="Spearman's correlation of ranks",
        source="Spearman 1904; equals share the mean of their ranks",
        tex=(
            r"\mathrm{rank}(x_i) = \#\{j : x_j < x_i\} + \frac{1 + \#\{j : x_j = x_i\}}{2}",
            r"\rho = r(\mathrm{rank}(x), \mathrm{rank}(y))",
        ),
        code=(spearman, average_ranks),
        loops=(spec.ranks, spec.spearman),
        cases=(
            plain_case("spearman", "", _numbers(), spec.spearman, spearman),
            plain_case("spearman", "tied-labels", _numbers(ties="y"), spec.spearman, spearman),
            plain_case("spearman", "ties", _numbers(ties="xy"), spec.spearman, spearman),
        ),
    ),
    Formula(
        id="answers",
        title="Exact match and F1 of answers in words",
        source="Rajpurkar et al. 2016, section 6.1; 2018 for questions without an answer",
        tex=(
            r"\mathrm{EM} = \max_r\ [\mathrm{words}(a) = \mathrm{words}(r)]",
            r"F_1 = \max_r \frac{2\, |a \cap r|}{|a| + |r|}",
        ),
        code=(exact_match, answer_f1, answer_words),
        loops=(spec.answer_words, spec.common_words, spec.exact_match, spec.answer_f1),
        cases=(plain_case("answers", "", _answers, _loops_scores, answer_scores),),
    ),
)
