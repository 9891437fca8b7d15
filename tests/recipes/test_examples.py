"""Texts served in batches: every one once an epoch, the same for the same seed."""

import numpy as np
import pytest

from minibert.config import BertConfig
from minibert.pretrained import BertForSequenceClassification
from minibert.recipes.examples import Epochs, Examples, MaskedEpochs, encode, join, predict_logits
from minibert.text import BertTokenizer, train_vocab

TEXTS = [
    "a short text", "rain", "a text of some more words than the others have", "天气好",
    "sun and rain and sun", "the words of a text", "好", "more of the same words, and more",
    "rain again", "and again the sun", "words", "天气不好，雨",
]  # fmt: skip
LABELS = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer(train_vocab(TEXTS * 2, 90), model_max_length=9)


@pytest.fixture(scope="module")
def examples(tokenizer):
    return encode(tokenizer, TEXTS, LABELS)


def snapshot(batches):
    return [{name: a.copy() for name, a in batch.items()} for batch in batches]


def assert_equal(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.keys() == y.keys()
        assert all(np.array_equal(x[name], y[name]) for name in x)


def rows(batches):
    """(ids, label) of every text of an epoch, sorted."""
    return sorted(
        (ids[mask == 1].tolist(), int(label))
        for batch in batches
        for ids, mask, label in zip(
            batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True
        )
    )


def test_encode(tokenizer, examples):
    assert len(examples.ids) == len(TEXTS)
    assert max(examples.lengths) == 9, "cut to the model's positions"
    assert min(examples.lengths) >= 3, "not padded"
    assert all(row[0] == tokenizer.cls_token_id for row in examples.ids)
    assert all(row[-1] == tokenizer.sep_token_id for row in examples.ids)
    assert examples.labels.tolist() == LABELS
    assert encode(tokenizer, TEXTS).labels is None
    assert encode(tokenizer, []).ids == []


@pytest.mark.quick
@pytest.mark.parametrize("batch_size", [1, 5, 12, 100])
def test_every_text_once_an_epoch(examples, batch_size):
    epochs = Epochs(examples, batch_size, seed=3)
    expected = sorted(zip(examples.ids, LABELS, strict=True))
    for _ in range(3):
        batches = snapshot(epochs)
        assert rows(batches) == expected
        assert max(len(batch["labels"]) for batch in batches) == min(batch_size, len(TEXTS))


def test_the_seed_decides(examples):
    one, two, other = (Epochs(examples, 5, seed) for seed in (3, 3, 4))
    for _ in range(3):
        first = snapshot(one)
        assert_equal(first, snapshot(two))
        orders = [[batch["input_ids"].tolist() for batch in epoch] for epoch in (first, other)]
        assert orders[0] != orders[1]


def test_a_new_order_each_epoch(examples):
    epochs = Epochs(examples, 3, seed=0)
    orders = [[batch["input_ids"].tolist() for batch in epochs] for _ in range(4)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def test_a_teachers_logits_follow_their_texts(examples):
    """Labels may be rows; here each holds its text's length."""
    targets = np.array([[n, -n, 0.5] for n in examples.lengths])
    for batch in Epochs(examples._replace(labels=targets), 5, seed=1):
        assert batch["labels"].shape == (len(batch["input_ids"]), 3)
        assert np.array_equal(batch["labels"][:, 0], batch["attention_mask"].sum(1))


@pytest.mark.quick
def test_masked_epochs(tokenizer, examples):
    """Labels where words are hidden, -100 elsewhere; nothing else changes; anew every epoch."""
    epochs = MaskedEpochs(examples, 5, 3, tokenizer)
    plain = Epochs(examples._replace(labels=None), 5, 3)
    seen = []
    for _ in range(2):
        masked, original = snapshot(epochs), snapshot(plain)
        for m, o in zip(masked, original, strict=True):
            hidden = m["labels"] != -100
            assert hidden.any(1).all(), "every text has something to predict"
            assert np.array_equal(m["labels"][hidden], o["input_ids"][hidden])
            assert np.array_equal(m["input_ids"][~hidden], o["input_ids"][~hidden])
            assert not np.isin(o["input_ids"][hidden], tokenizer.all_special_ids).any()
            assert np.array_equal(m["attention_mask"], o["attention_mask"])
        assert any((m["input_ids"] == tokenizer.mask_token_id).any() for m in masked)
        seen.append({tuple(r) for m in masked for r in np.sort(m["labels"]).tolist()})
    assert seen[0] != seen[1]


def test_other_words_are_hidden_each_epoch(tokenizer, examples):
    """Of one text alone, where no new order hides what is drawn."""
    longest = Examples([max(examples.ids, key=len)])
    epochs = MaskedEpochs(longest, 5, 3, tokenizer)
    assert len({tuple(batch["labels"][0]) for _ in range(12) for batch in epochs}) > 3


def test_masked_epochs_are_the_same_for_a_seed(tokenizer, examples):
    one, two = (MaskedEpochs(examples, 5, 3, tokenizer) for _ in range(2))
    for _ in range(2):
        assert_equal(snapshot(one), snapshot(two))


@pytest.fixture(scope="module")
def model(tokenizer):
    config = BertConfig.uniform(
        vocab=len(tokenizer), hidden=8, n_layers=2, heads=2, ffn=16, positions=9, classes=3,
        init_std=0.3,
    )
    return BertForSequenceClassification(config, tokenizer=tokenizer)


@pytest.mark.quick
@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_predictions_are_in_input_order(model, examples, batch_size):
    found = predict_logits(model, examples, batch_size)
    expected = np.concatenate([model([ids]).logits for ids in examples.ids])
    assert found.shape == (len(TEXTS), 3)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert len(np.unique(expected.round(3), axis=0)) == len(TEXTS), "texts can be told apart"


def test_lengths(examples):
    assert examples.lengths == [len(row) for row in examples.ids]
    assert examples.with_labels([3] * 12).labels.tolist() == [3] * 12


@pytest.mark.parametrize("kind", [Epochs, MaskedEpochs])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 7])
def test_skipping_to_a_batch_of_the_run(examples, tokenizer, kind, n):
    """What follows is what would have followed, in this epoch and the next: three a pass here."""
    more = [tokenizer] if kind is MaskedEpochs else []
    straight = kind(examples, 4, 5, *more)
    expected = [batch for _ in range(4) for batch in snapshot(straight)]
    assert len(straight) == 3
    skipped = kind(examples, 4, 5, *more)
    skipped.skip(n)
    found = [batch for _ in range(4) for batch in snapshot(skipped)]
    assert_equal(found[: 12 - n], expected[n:])


def test_cut_texts_are_counted(tokenizer):
    assert encode(tokenizer, TEXTS).n_cut == 2
    assert encode(tokenizer, TEXTS, max_length=4).n_cut > 2
    assert max(encode(tokenizer, TEXTS, max_length=4).lengths) == 4


def test_pairs(tokenizer, model):
    """Segments go along into batches and to the model."""
    pairs = list(zip(TEXTS, reversed(TEXTS), strict=True))
    examples = encode(tokenizer, pairs, LABELS)
    whole = tokenizer(pairs, truncation=True)
    for batch in Epochs(examples, 5, 0):
        assert batch["token_type_ids"].any()
    expected = model(**whole).logits
    found = predict_logits(model, examples, 5)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-6)
    without = predict_logits(model, examples._replace(segments=None), 5)
    assert not np.allclose(without, expected, rtol=1e-3, atol=1e-5), "segments matter"


def test_joined_texts(tokenizer):
    singles, pairs = encode(tokenizer, TEXTS), encode(tokenizer, [("rain", "sun")])
    both = join(singles, pairs)
    assert both.ids == singles.ids + pairs.ids
    assert both.labels is None
    assert both.segments == [[0] * n for n in singles.lengths] + pairs.segments
    assert join(singles, singles).segments is None
    assert both.n_cut == singles.n_cut
