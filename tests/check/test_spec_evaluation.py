"""The loop forms of measures, masks and costs against the library, on random inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert import kernels as F
from minibert.check import assert_close, relative_error, spec
from minibert.check.cases import formula_called
from minibert.check.cases.cost import PARTS
from minibert.check.cases.masks import causal_softmax, padded_softmax
from minibert.check.page.equation import equation_svg
from minibert.config import BertConfig, LayerSize, preset
from minibert.eval import (
    accuracy,
    answer_f1,
    encoder_flops,
    exact_match,
    f1,
    matthews,
    pearson,
    spearman,
)
from minibert.model import HEADS, count_parameters

ROWS = (
    *("accuracy", "f1", "matthews", "pearson", "spearman"),
    *("answers", "mask-bias", "parameters", "flops"),
)

# What `verify` would have to find: what the formulas are often taken for.


def ordinal_spearman(x, y):
    """Equal numbers get different ranks, in the order in which they come."""
    return pearson(*(np.argsort(np.argsort(a, kind="stable")) for a in (x, y)))


def weighted_f1(x, y, average):
    """Each class counts as often as it is a label."""
    return sum(spec.f1_of_class(x, y, c) for c in y) / len(y)


def f1_of_labels(x, y, average):
    """A class that is only predicted is left out."""
    return sum(spec.f1_of_class(x, y, c) for c in set(y)) / len(set(y))


def softmax_with_small_bias(scores, keep):
    """The first BERT's -10000: a row of nothing but padding still follows its scores."""
    return F.softmax_forward(scores + np.where(keep, 0.0, -1e4)[:, None, None])[0]


def config_of(seed):
    """Random sizes, layers of unequal width."""
    rng = np.random.default_rng(seed)
    layers = tuple(LayerSize(*rng.integers(1, 9, 3).tolist()) for _ in range(rng.integers(1, 4)))
    vocab, hidden, positions, segments, classes = rng.integers(2, 30, 5).tolist()
    others = {"positions": positions, "segments": segments, "classes": classes}
    return BertConfig(vocab=vocab, hidden=hidden, layers=layers, **others)


pairs = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_classes(rows):
    x, y = np.array(rows).T
    assert accuracy(x, y) == spec.accuracy(x, y)
    assert f1(x, y, "macro") == pytest.approx(spec.f1(x, y, "macro"), rel=1e-14)
    assert matthews(x, y) == pytest.approx(spec.matthews(x, y), rel=1e-14, abs=0)
    x, y = x > 0, y > 0
    assert f1(x, y) == pytest.approx(spec.f1(x, y, "binary"), rel=1e-14)


@settings(max_examples=60, deadline=None)
@given(pairs, st.booleans())
def test_numbers(rows, ties):
    x, y = np.array(rows).T * 0.1
    if not ties:
        x, y = np.random.default_rng(len(rows)).standard_normal((2, len(rows)))
    expected = pytest.approx(spec.spearman(x, y), rel=1e-12, abs=1e-14, nan_ok=True)
    assert spearman(x, y) == expected
    if np.ptp(x) and np.ptp(y):  # the loops' mean of equal numbers may be one bit beside them
        assert pearson(x, y) == pytest.approx(spec.pearson(x, y), rel=1e-12, abs=1e-14)


words = st.lists(st.sampled_from(["a", "The", "old", "Old.", "river", "x-y", "'"]), max_size=6)


@settings(max_examples=60, deadline=None)
@given(words, st.lists(words, max_size=3))
def test_answers(answer, references):
    answer, references = " ".join(answer), [" ".join(r) for r in references]
    assert exact_match(answer, references) == spec.exact_match(answer, references)
    expected = pytest.approx(spec.answer_f1(answer, references), rel=1e-14)
    assert answer_f1(answer, references) == expected


def test_a_word_counts_as_often_as_in_both():
    """Not once, however often it occurs: sets of words would say 1."""
    assert spec.answer_f1("old old river", ["old river"]) == pytest.approx(0.8)
    assert spec.common_words(["old", "old"], ["old", "old", "old"]) == 2


def test_a_constant_has_no_correlation():
    assert np.isnan([spec.pearson([1, 1], [0, 1]), spec.spearman([0, 1, 2], [5, 5, 5])]).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_masks(dtype, size):
    rng = np.random.default_rng(3)
    s = (size * rng.standard_normal((3, 2, 5, 5))).astype(dtype)
    keep = rng.random((3, 5)) < 0.6  # anywhere, not at the end only
    keep[1] = False
    rtol = 1e-14 if dtype == np.float64 else 1e-6
    assert_close(padded_softmax(s, keep), spec.padded_softmax(s, keep), rtol=rtol)
    assert_close(causal_softmax(s), spec.causal_softmax(s), rtol=rtol)
    assert np.allclose(padded_softmax(s, keep)[1], 1 / 5)


@pytest.mark.parametrize("seed", range(20))
def test_costs(seed):
    config = config_of(seed)
    for head in (None, *HEADS):
        for pooler in (True, False):
            expected = spec.count_parameters(config, head, pooler)
            assert count_parameters(config, head, pooler) == expected
    assert encoder_flops(config, 2 + seed) == spec.encoder_flops(config, 2 + seed)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "sizes", "gflops"),
    [
        ("bert-base", (109_482_240, 108_891_648), 22.35),
        ("tinybert-4l-312", (14_350_248, 14_252_592), 1.25),
        ("tinybert-6l-768", (66_955_008, 66_364_416), 11.17),
    ],
)
def test_published_sizes(name, sizes, gflops):
    config = preset(name)
    assert tuple(spec.count_parameters(config, *PARTS[p]) for p in ("pooler", "encoder")) == sizes
    assert round(spec.encoder_flops(config, 128) / 1e9, 2) == gflops


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("spearman-ties", ordinal_spearman),
        ("f1-macro", weighted_f1),
        ("f1-macro", f1_of_labels),
        ("mask-bias-padding", softmax_with_small_bias),
        ("pearson-far-from-zero", lambda x, y: (x @ y) / np.sqrt((x @ x) * (y @ y))),
    ],
)
def test_a_wrong_version_is_seen(name, wrong):
    """On the inputs that `verify` uses it is far from the loop form."""
    case = next(case for case in formula_called(name).cases if str(case) == name)
    args, kwargs = case.inputs()
    right = case.forward(*args, **kwargs)
    assert relative_error(case.functions()[0](*args, **kwargs)[0], right) < 1e-13
    assert relative_error(wrong(*args, **kwargs), right) > 1e-3


@pytest.mark.parametrize("name", ROWS)
def test_equations_can_be_set(name):
    pytest.importorskip("matplotlib")
    assert all(equation_svg(tex).startswith("<svg") for tex in formula_called(name).tex)
