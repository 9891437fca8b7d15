"""The baseline: it learns what words tell and nothing else, and is as good as the usual one."""

import json

import numpy as np
import pytest

from minibert.data import read_labelled
from minibert.eval import accuracy, pearson
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


@pytest.mark.quick
def test_pairs_by_hand():
    """A word on the left, on the right and in both are three; in both it counts the lesser."""
    model = BagOfWords.fit(["x x", "x x", "y"], [0, 1, 1], pairs=["x x z", "y", "x z"])
    assert model.words == {"1 x": 0, "2 x": 1, "2 z": 2}
    model = BagOfWords.fit(["x x", "x", "x"], [0, 1, 1], pairs=["x x x z", "x", "y"])
    assert model.words == {"1 x": 0, "2 x": 1, "both x": 2}
    counts = np.array([2.0, 3.0, 2.0])  # in the first pair
    x = (1 + np.log(counts)) * model.idf
    expected = (x / np.linalg.norm(x)) @ model.weight + model.bias
    assert np.allclose(model.logits(["x x"], ["x x x z"])[0], expected, rtol=1e-6)


def test_a_shared_word_tells_what_neither_side_does():
    """The label is whether both sides have the same of two words; each side alone tells nothing."""
    left, right = ["rain", "sun"] * 20, ["rain", "sun", "sun", "rain"] * 10
    labels = [int(a == b) for a, b in zip(left, right, strict=True)]
    model = BagOfWords.fit(left, labels, pairs=right)
    tests = ["rain", "sun", "sun", "rain"], ["rain", "sun", "rain", "sun"]
    assert model.predict(*tests).tolist() == [1, 1, 0, 0]
    swapped = BagOfWords.fit(["a", "b"] * 9, [0, 1] * 9, pairs=["b", "a"] * 9)
    assert swapped.predict(["a", "b"], ["b", "a"]).tolist() == [0, 1], "the sides are told apart"


def test_pairs_must_be_as_in_training(model):
    with pytest.raises(ValueError, match="learned from single texts"):
        model.predict(["rain"], ["sun"])
    paired = BagOfWords.fit(["a", "a"], [0, 1], pairs=["b", "c"])
    with pytest.raises(ValueError, match="learned from pairs"):
        paired.predict(["a"])
    with pytest.raises(ValueError, match="2 texts, 1 pairs"):
        paired.predict(["a", "b"], ["a"])


@pytest.mark.quick
def test_numbers_are_predicted():
    """The number is 10 more per sunny word and 10 less per rainy one, around 500."""
    rng = np.random.default_rng(0)
    amount = {"sun": 10.0, "warm": 10.0, "rain": -10.0, "fog": -10.0, "the": 0.0, "a": 0.0}

    def make(n):
        rows = [list(rng.choice(list(amount), 5)) for _ in range(n)]
        return [" ".join(row) for row in rows], [500.0 + sum(map(amount.get, row)) for row in rows]

    texts, y = make(400)
    model = BagOfWords.fit(texts, y)
    test_texts, test_y = make(100)
    found = model.predict(test_texts)
    assert found.shape == (100,)
    assert pearson(found, test_y) > 0.95
    assert abs(np.mean(found) - 500.0) < 5.0
    shifted = BagOfWords.fit(texts, [2.0 * v - 7.0 for v in y])
    assert np.allclose(shifted.predict(test_texts), 2.0 * found - 7.0, rtol=1e-5)
    p = model.parameters
    same = BagOfWords(model.words, p["idf"], p["weight"], p["bias"], numbers=True)
    assert np.array_equal(same.predict(test_texts), found)


def test_all_the_same_number():
    assert BagOfWords.fit(["a b", "a"], [3.5, 3.5]).predict(["a", "c"]).tolist() == [3.5, 3.5]


@pytest.mark.parametrize("labels", [[0], [0, 1, 2], ["0", "1"], [[0], [1]]], ids=str)
def test_labels_that_do_not_fit(labels):
    with pytest.raises(ValueError, match=r"2 texts, labels .* one number"):
        BagOfWords.fit(["a", "b"], labels)
    with pytest.raises(ValueError, match="0 texts"):
        BagOfWords.fit([], [])


def test_no_text_to_predict(model):
    assert model.predict([]).shape == (0,)


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
