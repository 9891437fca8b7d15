"""Rows of a batch against transformers: pairs, truncation, windows, given words, padding."""

import itertools

import numpy as np
import pytest

from minibert.text import SPECIAL_TOKENS, BertTokenizer, train_vocab

from .library_tokenizer import (
    commands,
    differing_texts,
    library_tokenizer,
    questions,
    titles,
    tokenizers,
)

pytestmark = pytest.mark.oracle
transformers = pytest.importorskip("transformers")
NAMES = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
EVERYTHING = {
    "return_offsets_mapping": True,
    "return_special_tokens_mask": True,
}


@pytest.fixture(scope="module")
def chinese(data_dir):
    """Our tokenizer with a Chinese vocabulary, and transformers' with the same."""
    tok = BertTokenizer(
        train_vocab([text for pair in questions(data_dir)[::9] for text in pair], 2_003)
    )
    return tok, fast(tokenizer_object=library_tokenizer(tok))


def fast(**source):
    return transformers.PreTrainedTokenizerFast(**source, **NAMES, model_max_length=512)


def compare(tok, theirs, *texts, **options):
    """Every item of the two batches, and the words and texts of every token; return ours."""
    options = EVERYTHING | options
    ours = tok(*texts, **options, return_tensors=None)
    batch = theirs(*texts, **options, return_token_type_ids=True)
    assert ours.keys() == batch.keys()
    for name in ours:
        assert ours[name] == batch[name], name
    for i in range(len(ours.input_ids)):
        assert ours.word_ids(i) == batch.word_ids(i)
        assert ours.sequence_ids(i) == batch.sequence_ids(i)
    return ours


@pytest.mark.parametrize(
    ("max_length", "stride", "padding"), [(97, 31, "max_length"), (384, 128, True), (61, 0, False)]
)
def test_windows_of_contexts(chinese, data_dir, max_length, stride, padding):
    first, second = map(list, zip(*questions(data_dir)[:211:2], strict=True))
    batch = compare(
        *chinese,
        first,
        second,
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        padding=padding,
    )
    assert len(batch.input_ids) > 106 + 30
    assert batch.n_truncated == 0


@pytest.mark.parametrize("strategy", ["only_first", "longest_first"])
def test_windows_of_single_texts(chinese, data_dir, strategy):
    contexts = [context for _, context in questions(data_dir)[:200:7]]
    compare(
        *chinese,
        contexts,
        truncation=strategy,
        max_length=53,
        stride=17,
        return_overflowing_tokens=True,
        padding=True,
    )


@pytest.mark.parametrize("strategy", ["longest_first", "only_second"])
def test_cut_pairs(chinese, data_dir, strategy):
    first, second = map(list, zip(*questions(data_dir)[:199:2], strict=True))
    batch = compare(*chinese, first, second, truncation=strategy, max_length=101, padding=True)
    assert batch.n_truncated > 80
    batch = compare(*chinese, second, first, truncation="only_first", max_length=101, padding=True)
    assert batch.n_truncated > 80


def test_given_words(chinese, data_dir):
    texts = [command.split(" ") for command in commands(data_dir)[:151]]
    texts += [list(title) for title in titles(data_dir)[:151]]
    compare(*chinese, texts, is_split_into_words=True, padding=True)
    compare(*chinese, texts, texts[::-1], is_split_into_words=True, truncation=True, max_length=19)


def test_char_to_token(chinese, data_dir):
    tok, theirs = chinese
    first, second = map(list, zip(*questions(data_dir)[:5], strict=True))
    options = {"truncation": "only_second", "max_length": 101, "return_overflowing_tokens": True}
    ours, batch = tok(first, second, **options), theirs(first, second, **options)
    for i in range(len(ours.input_ids)):
        for text, char in itertools.product((0, 1), range(0, 300, 7)):
            expected = batch.char_to_token(i, char, text)
            assert ours.char_to_token(i, char, text) == expected


@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
def test_truncation_of_every_pair_of_lengths(strategy):
    tok = BertTokenizer([*SPECIAL_TOKENS, *map(str, range(10))])
    library = library_tokenizer(tok)
    compared = 0
    # Where special tokens fill the row the library drops both texts, whatever the strategy.
    lengths = range(3 if strategy == "longest_first" else 4, 14)
    for n, m, length in itertools.product(range(10), range(10), lengths):
        a, b = " ".join("123456789"[:n]), " ".join("123456789"[:m])
        library.enable_truncation(length, strategy=strategy)
        try:
            theirs = library.encode(a, b)
        except Exception:
            with pytest.raises(ValueError, match="nothing would be left"):
                tok([(a, b)], truncation=strategy, max_length=length)
            continue
        ours = tok([(a, b)], truncation=strategy, max_length=length)
        assert ours.input_ids[0].tolist() == theirs.ids
        assert ours.token_type_ids[0].tolist() == theirs.type_ids
        compared += 1
    assert compared > 300


def test_reads_what_the_library_saves(tmp_path):
    texts = ["Crème brûlée is a dessert.", "今天天气 is nice"]
    tok = BertTokenizer(train_vocab(texts, 90, min_count=1))
    library = library_tokenizer(tok)
    library.add_tokens(["<New>"])
    library.add_special_tokens(["dess", "<E>"])
    library.enable_truncation(4)
    library.enable_padding(length=300)
    library.save(str(tmp_path / "tokenizer.json"))
    read = BertTokenizer.from_pretrained(tmp_path)
    library.no_truncation()
    library.no_padding()
    assert read.tokens == [*tok.tokens, "<New>", "dess", "<E>"]
    texts += ["a<new>b <New>", "dessert Dessert", "<e><E>", "天<new>天.<NEW>!", "< new>"]
    assert differing_texts(read, library, texts) == []
    ids = library.encode("a <E> dess").ids
    assert read.decode(ids, skip_special_tokens=True) == library.decode(ids) == "a"


ALPHABET = ["a", "A", "É", "天", "<", ">", " ", ".", "n", "ew", "\u0301", "İ", "[MASK]", "\x00"]


@pytest.mark.parametrize("lower", [True, False])
def test_added_tokens_in_any_string(lower):
    added = ["<New>", "天", "an", "[E]", "aÉ", "<"]
    normalized = ["<New>", "天", "aÉ"]
    vocab = [*SPECIAL_TOKENS, "a", "n", "##a", "##n", "e", "##e", "##w", "<", ">", "."]
    tok = BertTokenizer(
        [*vocab, *(t for t in added if t not in vocab)],
        do_lower_case=lower,
        added_tokens=added,
        normalized_tokens=normalized,
    )
    library = library_tokenizer(BertTokenizer(vocab, do_lower_case=lower))
    library.add_tokens(
        [tokenizers.AddedToken(t, normalized=t in normalized, special=False) for t in added]
    )
    rng = np.random.default_rng(3)
    pieces = [*ALPHABET, *added, "<new>"]
    texts = ["".join(rng.choice(pieces, rng.integers(1, 9))) for _ in range(2_003)]
    assert differing_texts(tok, library, texts) == []


@pytest.mark.parametrize("rules", [{}, {"do_lower_case": False}, {"tokenize_chinese_chars": False}])
def test_transformers_reads_what_is_saved(tmp_path, data_dir, rules):
    texts = titles(data_dir)[:307] + commands(data_dir)[:307]
    texts += ["Crème [MASK] brûlée", "a<new>b", ("今天天气", "is nice")]
    vocab = train_vocab([t for t in texts if isinstance(t, str)], 1_500, **rules)
    tok = BertTokenizer([*vocab, "<new>"], **rules, model_max_length=64, added_tokens=["<new>"])
    tok.save_pretrained(tmp_path)
    ours = tok(texts, truncation=True, max_length=23)
    auto = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert auto.model_max_length == 64
    for theirs in (auto, fast(tokenizer_file=str(tmp_path / "tokenizer.json"))):
        batch = theirs(
            texts,
            truncation=True,
            max_length=23,
            padding=True,
            return_tensors="np",
            return_token_type_ids=True,
        )
        for name in ours:
            assert np.array_equal(ours[name], batch[name]), name


def test_decode():
    tok = BertTokenizer(train_vocab(["don't go to 北京 !, again and again"], 41, min_count=1))
    tokens = tok.tokenize("Don't gain go and go... 北京![MASK]")
    assert "##" in "".join(tokens)
    library = tokenizers.decoders.WordPiece(cleanup=False)
    assert tok.convert_tokens_to_string(tokens) == library.decode(tokens)
