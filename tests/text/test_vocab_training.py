"""Vocabulary training, against a version that counts everything anew at every step."""

import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.text import SPECIAL_TOKENS, basic_tokenize, train_vocab, wordpiece

TEXTS = [
    "the cat sat on the mat, the cats sat on the mats",
    "a bat and a rat sat on a flat hat",
    "chatting cats, batting bats, patting rats",
    "猫坐在垫子上，猫和老鼠",
    "banana bananas aaaa aaaaaa 2024 2025",
]


def slow_train(texts, size, min_count=2):
    """The definition: take the most frequent of what is not yet in, joining pairs on the way."""
    words = Counter(word for text in texts for word in basic_tokenize(text))
    inside = {c for word in words if len(word) > 1 for c in word}
    characters = Counter()
    for word, n in words.items():
        for c in word:
            characters[c] += n
    spelled = {w: [w[0], *("##" + c for c in w[1:])] for w in words}
    vocab = list(SPECIAL_TOKENS)
    while len(vocab) < size:
        pairs = Counter()
        for word, pieces in spelled.items():
            for pair in pairwise(pieces):
                pairs[pair] += words[word]
        candidates = [(-n, 0, (c,)) for c, n in characters.items()]
        candidates += [(-n, 1, pair) for pair, n in pairs.items()]
        if not candidates or -min(candidates)[0] < min_count:
            break
        _, is_pair, parts = min(candidates)
        if is_pair:
            new = [parts[0] + parts[1].removeprefix("##")]
            for word, pieces in spelled.items():
                i = 0
                while i + 1 < len(pieces):
                    if (pieces[i], pieces[i + 1]) == parts:
                        pieces[i : i + 2] = new
                    i += 1
                spelled[word] = pieces
        else:
            del characters[parts[0]]
            new = [parts[0], "##" + parts[0]] if parts[0] in inside else [parts[0]]
        vocab += [piece for piece in new if piece not in vocab]
    return vocab[:size]


@pytest.mark.parametrize("size", [6, 23, 60, 90, 500])
@pytest.mark.parametrize("min_count", [1, 2, 3])
def test_as_counted_anew(size, min_count):
    assert train_vocab(TEXTS, size, min_count=min_count) == slow_train(TEXTS, size, min_count)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(alphabet="aab bc天.", max_size=14), max_size=8), st.integers(6, 50))
def test_any_texts_as_counted_anew(texts, size):
    assert train_vocab(texts, size, min_count=1) == slow_train(texts, size, min_count=1)


@pytest.mark.quick
def test_order_of_texts_does_not_matter():
    assert train_vocab(TEXTS[::-1], 80) == train_vocab(iter(TEXTS), 80)


def test_same_result_under_every_hash_seed():
    """Sets of strings are walked in an order that changes from process to process."""
    code = f"from minibert.text import train_vocab; print(ascii(train_vocab({TEXTS!a}, 80)))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert printed == {(ascii(train_vocab(TEXTS, 80)) + os.linesep).encode()}


def test_special_tokens_first_and_nothing_twice():
    vocab = train_vocab(TEXTS, 55)
    assert vocab[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(set(vocab)) == len(vocab) == 55


@pytest.mark.quick
def test_an_unseen_word_of_known_letters_is_spelled():
    """Even if a letter was only seen at the other end of words."""
    vocab = set(train_vocab(["xyz xyz"], 60))
    assert wordpiece("zyx", vocab) == ["z", "##y", "##x"]


def test_frequent_pieces_are_preferred_to_rare_characters():
    rare = [chr(code) for code in range(0x4E00, 0x4E00 + 200)]
    vocab = train_vocab(["weather weather weather", *rare, *rare], 5 + 2 * 6 + 6)
    assert "weather" in vocab
    assert not set(rare) & set(vocab)


def test_rules_are_those_of_the_tokenizer():
    assert "A" in train_vocab(["A A"], 10, do_lower_case=False)
    assert "天气" in train_vocab(["天气 天气"], 20, tokenize_chinese_chars=False)


def test_a_word_beyond_the_limit_teaches_nothing():
    assert train_vocab(["q" * 101] * 3 + ["b b"], 20)[5:] == ["b"]


def test_bad_arguments():
    with pytest.raises(ValueError, match="size=5"):
        train_vocab(TEXTS, 5)
    with pytest.raises(TypeError, match="list of texts"):
        train_vocab("one text", 50)
