"""Inference cuts the batch, keeps nothing, and says what the forward says."""

import numpy as np
import pytest

from minibert import kernels as F
from minibert.check import assert_close
from minibert.kernels import pool
from minibert.model import bert_forward, bert_infer, inference

from .small import arrays, batch, random_params, widths

HEADS = [None, "classification", "mlm", "next_sentence", "tokens", "span"]


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of six tokens, so that small batches have several."""
    monkeypatch.setattr(inference, "PART_TOKENS", 6)


@pytest.mark.parametrize("want", [(), ("hidden",), ("hidden", "scores"), ("padding",)])
@pytest.mark.parametrize("head", HEADS)
def test_it_is_what_the_forward_returns(head, want, small_parts):
    config = widths()
    params = random_params(config, head)
    ids, segments, keep = batch(config, rows=7)
    for inputs in ((ids, segments, keep), (ids, None, None), (ids, segments, keep | True)):
        expected, _ = bert_forward(params, config, *inputs, head=head, want=frozenset(want))
        got = bert_infer(params, config, *inputs, head=head, want=frozenset(want))
        for a, b in zip(arrays(got), arrays(expected), strict=True):
            assert a.shape == b.shape
            assert_close(a, b, rtol=1e-12)


@pytest.mark.parametrize("level", ["numpy", "auto"])
def test_the_number_of_threads_does_not_change_a_bit(level, small_parts):
    config = widths()
    params = random_params(config, "classification", dtype=np.float32)
    inputs = batch(config, rows=9)
    results = []
    with F.use(level):
        for n in (1, 2, 3):
            pool.set_threads(n)
            results.append(arrays(bert_infer(params, config, *inputs, head="classification")))
    pool.set_threads(None)
    for others in results[1:]:
        for a, b in zip(results[0], others, strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("lengths", "parts"),
    [
        ([9], [1]),  # one sequence is never cut
        ([2, 2], [1, 1]),
        ([1] * 5, [2, 3]),
        ([1] * 12, [6, 6]),
        ([1] * 13, [3, 3, 4, 3]),  # an even number of parts, six tokens at most
        ([5, 1, 1, 1], [1, 3]),
        ([3] * 8, [2, 2, 2, 2]),
        ([0, 0], [1, 1]),
    ],
)
def test_parts_have_about_equally_many_tokens(lengths, parts, small_parts):
    keep = np.arange(9) < np.array(lengths)[:, None]
    cut = inference._parts(keep)
    assert [at.stop - at.start for at in cut] == parts
    assert np.concatenate([np.arange(len(keep))[at] for at in cut]).tolist() == [*range(len(keep))]


def test_an_error_in_a_part_is_raised(small_parts):
    config = widths()
    ids, *others = batch(config, rows=7)
    ids[-1, 0] = config.vocab
    with pytest.raises(ValueError, match="does the vocabulary belong to this model"):
        bert_infer(random_params(config), config, ids, *others)
