"""The loop forms of training, pruning and text against the library, on random inputs."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minibert.check import assert_close, spec
from minibert.prune import magnitude_masks, most_important
from minibert.text import SPECIAL_TOKENS, BertTokenizer, basic_tokenize, wordpiece
from minibert.text.truncation import STRATEGIES, truncated_lengths
from minibert.train import (
    AdamW,
    BertAdam,
    adamw_formula,
    bert_adam_formula,
    bert_linear,
    clip_each,
    clip_factor,
    clip_global,
    constant,
    cosine,
    global_norm,
    linear,
)

SHAPES = {"dense.weight": (5, 3), "dense.bias": (5,)}


def gradients(seed, size=1.0):
    rng = np.random.default_rng(seed)
    return {name: size * rng.standard_normal(shape) for name, shape in SHAPES.items()}


@pytest.mark.quick
@pytest.mark.parametrize("t", [1, 2, 50])
def test_one_update(t):
    rng = np.random.default_rng(t)
    p, g, m = rng.standard_normal((3, 2, 7))
    v = rng.random((2, 7))
    options = {"betas": (0.8, 0.95), "eps": 1e-3, "decay": 0.3}
    looped = spec.adamw_update(p, g, m, v, t, 0.1, **options)
    for a, b in zip(looped, adamw_formula(p, g, m, v, t, 0.1, **options), strict=True):
        assert_close(a, b, rtol=1e-14)
    looped = spec.bert_adam_update(p, g, m, v, 0.1, **options)
    library = bert_adam_formula(p, g, m, v, 0.1, max_norm=None, **options)
    for a, b in zip(looped, library, strict=True):
        assert_close(a, b, rtol=1e-14)


def test_an_update_leaves_its_arguments_and_their_dtype():
    arrays = np.ones((4, 3), np.float32)
    out = *spec.adamw_update(*arrays, 1, 0.1, (0.9, 0.999), 1e-8, 0.01), *spec.bert_adam_update(
        *arrays, 0.1, (0.9, 0.999), 1e-6, 0.01
    )
    assert (arrays == 1).all()
    assert all(a.dtype == np.float32 and a.shape == (3,) for a in out)


def test_runs_of_adamw():
    """With a parameter that misses its gradient: no decay, no count, no change of m and v."""
    params, *steps = (gradients(seed, size) for seed, size in enumerate((1, 3, 0.01, 2, 5)))
    del steps[1]["dense.bias"]
    rates = [0.0, 0.1, 0.2, 0.1]
    history, m, v, norms = spec.adamw_run(params, steps, rates, 1.0, {"dense.bias"})
    optimizer = AdamW(spare=lambda name: name == "dense.bias")
    assert np.array_equal(history[1]["dense.bias"], history[0]["dense.bias"])
    for step, grads in enumerate(steps):
        norm = global_norm(grads)
        optimizer.update(params, grads, rates[step], scale=clip_factor(norm, 1.0))
        assert norms[step] == pytest.approx(norm, rel=1e-14)
        for name, p in params.items():
            assert_close(history[step][name], p, rtol=1e-13)
    for name in params:
        assert_close(m[name], optimizer.moments.m[name], rtol=1e-13)
        assert_close(v[name], optimizer.moments.v[name], rtol=1e-13)


def test_runs_of_bert_adam():
    params, *steps = (gradients(seed, size) for seed, size in enumerate((1, 3, 0.01, 2, 5)))
    del steps[0]["dense.weight"]
    rates = [0.05, 0.1, 0.2, 0.1]
    history, m, v, norms = spec.bert_adam_run(params, steps, rates, 1.0, {"dense.bias"})
    optimizer = BertAdam()
    for step, grads in enumerate(steps):
        optimizer.update(params, grads, rates.__getitem__)
        assert norms[step].keys() == grads.keys()
        for name, p in params.items():
            assert_close(history[step][name], p, rtol=1e-13)
    for name in params:
        assert_close(m[name], optimizer.moments.m[name], rtol=1e-13)
        assert_close(v[name], optimizer.moments.v[name], rtol=1e-13)


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 100.0])
def test_clipping(max_norm):
    grads = gradients(1)
    for looped, library in (
        (spec.clip_global(grads, max_norm), clip_global(grads, max_norm)),
        (spec.clip_each(grads, max_norm), clip_each(grads, max_norm)),
    ):
        for name in grads:
            assert_close(looped[0][name], library[0][name], rtol=1e-14)
        assert looped[1] == pytest.approx(library[1], rel=1e-14)


@pytest.mark.parametrize("W", [0, 1, 4, 2.5])
def test_schedules(W):
    T = 9
    for t in range(T + 3):
        if W != 2.5:
            assert spec.constant_schedule(t, W) == constant(t, T, W)
        assert spec.linear_schedule(t, T, W) == pytest.approx(linear(t, T, W), abs=1e-15)
        assert spec.cosine_schedule(t, T, W) == pytest.approx(cosine(t, T, W), abs=1e-15)
        assert spec.bert_schedule(t, T, W / T) == bert_linear(t, T, W / T)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.5, 0.99]))
@settings(max_examples=20, deadline=None)
def test_magnitude_masks(seed, share):
    """Of whole numbers, so that there are equal ones, too."""
    params = {
        name: np.random.default_rng([seed, i]).integers(-9, 10, shape).astype(float)
        for i, (name, shape) in enumerate({"a": (4, 5), "b": (3, 2), "c": (1, 1)}.items())
    }
    together = magnitude_masks(params, share, names=params)
    for mask, expected in zip(
        spec.magnitude_masks(params.values(), share), together.values(), strict=True
    ):
        assert np.array_equal(mask, expected)
    for name, expected in magnitude_masks(params, share, scope="layer", names=params).items():
        assert np.array_equal(spec.magnitude_masks([params[name]], share)[0], expected)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.data())
@settings(max_examples=30, deadline=None)
def test_most_important(scores, data):
    n = data.draw(st.integers(1, len(scores)))
    scores = np.array(scores, float)
    assert spec.most_important(scores, n).tolist() == most_important(scores, n).tolist()


def test_importance_worked_out_by_hand():
    heads = spec.head_importance([np.array([1.0, -2]), np.array([-3.0, -1])])
    assert heads.tolist() == [4, 3]
    w1, b1, w2 = np.array([[1.0, 2]]), np.array([3.0]), np.array([[1.0], [-1]])
    grads = [(np.array([[1.0, -1]]), np.array([-2.0]), np.array([[2.0], [5]]))]
    assert spec.neuron_importance(w1, b1, w2, grads).tolist() == [abs(-1 - 6) + abs(2 - 5)]


TEXT = st.text(alphabet="aAbBéÉßİσΣ#01 \t\n\x00\u200b\u00a0\u0301.,!$+`天は豈한，«", max_size=20)


@given(TEXT)
@example("\uf900e\u0323\u0301|\x85\x1c\u2028x")
@settings(max_examples=150, deadline=None)
def test_words(text):
    for lower in (True, False):
        assert spec.split_words(text, lower) == basic_tokenize(text, do_lower_case=lower)


@given(st.text("abc", min_size=1, max_size=12), st.sets(st.text("abc#", min_size=1, max_size=5)))
@example("a" * 100, {"a", "##a"})
@example("a" * 101, {"a", "##a"})
@settings(max_examples=150, deadline=None)
def test_pieces(word, vocab):
    vocab = vocab | {"##" + piece for piece in vocab if len(piece) < 3}
    assert spec.longest_match_first(word, vocab) == wordpiece(word, vocab)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_truncation(strategy):
    """All pairs of lengths: the end goes, of the text that the strategy names."""
    for first in range(9):
        for second in range(9):
            for room in range(1, 12):
                try:
                    lengths = truncated_lengths(first, second, room, strategy)
                except ValueError:
                    continue
                a, b = spec.truncate(range(first), range(second), room, strategy)
                assert (a, b) == (list(range(lengths[0])), list(range(lengths[1])))


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_batches(pairs, lower):
    tokens = [*SPECIAL_TOKENS, *"aAb#1.,!$天は，", "##a", "##b", "##B", "##é", "ab", "##01"]
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = BertTokenizer(tokens, do_lower_case=lower)
    first, second = map(list, zip(*pairs, strict=True))
    first[0] += "[MASK]a"
    for b in (None, second):
        for options in ({}, {"truncation": "longest_first", "max_length": 9}):
            looped = spec.encode_texts(
                first, b, vocab, lower, options.get("max_length"), options.get("truncation"), False
            )
            library = tokenizer(first, b, **options)
            for ours, name in zip(looped, library, strict=True):
                assert np.array_equal(ours, library[name]), name
