"""The baseline: it learns what words tell and nothing else, and is as good as the usual one."""

import json

import numpy as np
import pytest

from minibert.data import read_labelled
from minibert.eval import accuracy
from minibert.eval.bag_of_words import BagOfWords, split_words

TOPICS = {
    0: ("rain", "cloud", "storm", "sun", "wind", "fog"),
    1: ("goal", "match", "team", "score", "coach", "win"),
    2: ("flour", "oven", "sugar", "bake", "dough", "salt"),
}
FILLER = ("the", "a", "of", "and", "to", "was")


def toy(n, seed):
    """Texts of three words of a topic and four that any has, in any order."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(n):
        topic = i % len(TOPICS)
        words = [*rng.choice(TOPICS[topic], 3), *rng.choice(FILLER, 4)]
        texts.append(" ".join(rng.permutation(words)))
        labels.append(topic)
    return texts, labels


@pytest.fixture(scope="module")
def model():
    return BagOfWords.fit(*toy(90, seed=1))


@pytest.mark.quick
def test_separable_texts(model):
    texts, labels = toy(60, seed=2)
    assert accuracy(model.predict(texts), labels) == 1.0
    assert model.logits(texts).shape == (60, 3)


def test_word_order_does_not_count(model):
    a, b = model.logits(["the rain and a storm", "storm a and the rain"])
    assert np.allclose(a, b, rtol=1e-12)


def test_unseen_words_leave_the_bias(model):
    seen_and_not = ["zebra quux", "", "  ", "rain zebra", "zebra"]
    logits = model.logits(seen_and_not)
    for i in (0, 1, 2, 4):
        assert np.array_equal(logits[i], model.bias)
    assert not np.array_equal(logits[3], model.bias)
    assert np.array_equal(model.logits(["zebra"])[0], model.bias)
    assert np.array_equal(logits[3], model.logits(["rain"])[0]), "unseen words change nothing"


@pytest.mark.parametrize(("text", "words"), [
    ("It rains", ["it", "rains"]),
    ("下雨了", ["下", "雨", "了", "下雨", "雨了"]),
    ("雨 rain 雨天", ["雨", "rain", "雨", "天", "雨天"]),
    ("好，好", ["好", "，", "好"]),
    ("", []),
])
def test_split_words(text, words):
    assert split_words(text) == words


def test_chinese_pairs_tell_what_characters_do_not():
    """Both classes have the same characters equally often; only who stands beside whom differs."""
    texts = ["甲乙 丙丁", "丁丙 乙甲", "甲乙丙丁", "丁丙乙甲"] * 3
    labels = [0, 1] * 6
    model = BagOfWords.fit(texts, labels)
    assert model.predict(["丙丁", "乙甲", "甲乙", "丁丙"]).tolist() == [0, 1, 0, 1]
    assert np.allclose(*model.logits(["甲", "甲"]))
    assert {"甲乙", "乙甲"} <= set(model.words)


@pytest.mark.quick
def test_features_by_hand():
    """tf, idf and length, of a text with a word twice; a word of one text only is left out."""
    model = BagOfWords.fit(["red red blue", "blue", "red", "green"], [0, 1, 0, 1])
    assert model.words == {"blue": 0, "red": 1}
    idf = 1 + np.log(5 / 3)
    assert np.allclose(model.idf, [idf, idf])
    x = np.array([1.0, 1 + np.log(2)])
    x /= np.linalg.norm(x)
    expected = x @ model.weight + model.bias
    assert np.allclose(model.logits(["red blue red green"])[0], expected, rtol=1e-6)


def test_the_same_texts_give_the_same_model(model):
    again = BagOfWords.fit(*toy(90, seed=1))
    for name, p in model.parameters.items():
        assert p.tobytes() == again.parameters[name].tobytes(), name


def test_its_parameters_are_the_whole_model(model):
    p = model.parameters
    words = {w: j for j, w in enumerate(p["words"].tobytes().decode().split("\n"))}
    same = BagOfWords(words, p["idf"], p["weight"], p["bias"])
    texts = toy(9, seed=3)[0]
    assert np.array_equal(same.logits(texts), model.logits(texts))


def test_no_word_that_two_texts_have():
    """Nothing to learn but how frequent the classes are."""
    model = BagOfWords.fit(["one", "two", "three"], [1, 1, 0])
    assert model.words == {}
    assert model.predict(["one", "three", ""]).tolist() == [1, 1, 1]


def snips(folder, part):
    """Intents: texts and class numbers of a part, "train_*_full" or "validate_*"."""
    texts, labels = [], []
    for label, path in enumerate(sorted(folder.glob(f"{part}.json"))):
        raw = path.read_bytes()
        try:
            content = json.loads(raw.decode("utf-8"))
        except UnicodeDecodeError:
            content = json.loads(raw.decode("latin-1"))
        ((_, rows),) = content.items()
        texts += ["".join(piece["text"] for piece in row["data"]) for row in rows]
        labels += [label] * len(rows)
    return texts, labels


def thucnews(folder, part):
    texts, labels = read_labelled(folder / f"{part}.txt")
    return texts, [int(label) for label in labels]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "read", "train", "test"), [
    ("snips", snips, "train_*_full", "validate_*"), ("thucnews", thucnews, "dev", "test"),
])
def test_as_good_as_logistic_regression(data_dir, name, read, train, test):
    """Of scikit-learn, on the same words with the same weights, within a point."""
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="needs scikit-learn")
    from sklearn.linear_model import LogisticRegression

    folder = data_dir / name
    if not folder.is_dir():
        pytest.skip(f"MINIBERT_TEST_DATA has no {name}")
    texts, labels = read(folder, train)
    test_texts, test_labels = read(folder, test)
    ours = accuracy(BagOfWords.fit(texts, labels).predict(test_texts), test_labels)
    vectors = text.TfidfVectorizer(analyzer=split_words, sublinear_tf=True, min_df=2)
    peer = LogisticRegression(C=10, max_iter=300).fit(vectors.fit_transform(texts), labels)
    theirs = accuracy(peer.predict(vectors.transform(test_texts)), test_labels)
    print(f"{name}: {ours:.4f}, scikit-learn {theirs:.4f}")
    assert ours > theirs - 0.01
