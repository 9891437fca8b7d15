"""The demo's corpus: the same for a seed, fair to every class, and not to be solved by counting."""

import random
import re
from collections import Counter

import pytest

from minibert.eval import accuracy
from minibert.eval.bag_of_words import BagOfWords
from minibert.recipes.corpus.chinese import CHINESE
from minibert.recipes.corpus.english import ENGLISH
from minibert.recipes.corpus.generate import LABELS, Writer, write_texts

LANGUAGES = {"english": ENGLISH, "chinese": CHINESE}
NAMES = ("person", "place", "company")
ARTICLE_SENTENCES = ("今天天气真好，适合户外活动。", "昨天天气不好，不适合户外活动。")


def templates(wording):
    """Every sentence of a wording."""
    quotes = [line for quote in wording.quotes for line in quote]
    facts = [fact for topic in wording.facts.values() for fact in topic]
    frames = wording.topic_first + wording.topic_second
    return {*facts, *frames, *quotes, *wording.greetings, *wording.closings, *wording.fillers}


def is_chinese(text):
    return re.search("[\u4e00-\u9fff]", text) is not None


@pytest.fixture(scope="module")
def train():
    return write_texts(2003, "train", random.Random(1))


@pytest.fixture(scope="module")
def test():
    return write_texts(1009, "test", random.Random(2))


@pytest.mark.quick
def test_same_state_same_texts():
    assert write_texts(31, "train", random.Random(5)) == write_texts(31, "train", random.Random(5))
    assert write_texts(31, "train", random.Random(5)) != write_texts(31, "train", random.Random(6))


def test_more_texts_continue_the_sequence():
    rng = random.Random(7)
    first, second = write_texts(20, "train", rng), write_texts(20, "train", rng)
    assert not set(first.texts) & set(second.texts)
    assert write_texts(40, "train", random.Random(7)).texts[:20] == first.texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_wordings_are_complete(language):
    """Every label has things and facts, and every slot something to stand in it."""
    spoken = LANGUAGES[language]
    assert tuple(spoken.things) == LABELS
    for wording in (spoken.train, spoken.test):
        assert tuple(wording.facts) == LABELS
        known = {"A", "B", "day", "number", *wording.words}
        phrases = [w for words in wording.words.values() for w in words]
        things = [thing for topic in spoken.things.values() for thing in topic]
        for template in [*templates(wording), *phrases, *things]:
            assert set(re.findall(r"\{(\w+)\}", template)) <= known, template
            assert template.count("[") == template.count("]"), template
        for frame in wording.topic_first:
            assert frame.index("{A}") < frame.index("{B}"), frame
        for frame in wording.topic_second:
            assert frame.index("{B}") < frame.index("{A}"), frame


@pytest.mark.parametrize("language", LANGUAGES)
def test_wordings_share_neither_templates_nor_names(language):
    train, test = LANGUAGES[language].train, LANGUAGES[language].test
    phrases = {
        part: templates(wording)
        | {w for name, words in wording.words.items() if name not in NAMES for w in words}
        for part, wording in (("train", train), ("test", test))
    }
    assert not phrases["train"] & phrases["test"]
    for name in NAMES:
        assert not set(train.words[name]) & set(test.words[name])


def test_no_test_text_was_trained_on(train, test):
    assert not set(train.texts) & set(test.texts)
    assert len(set(train.texts)) == 2003
    assert not set(ARTICLE_SENTENCES) & {*train.texts, *test.texts}


def test_classes_and_languages_are_even(train, test):
    for texts, labels in (train, test):
        counts = Counter(labels)
        assert sorted(counts) == list(range(10)) == list(range(len(LABELS)))
        assert max(counts.values()) < 1.5 * min(counts.values())
        assert abs(sum(map(is_chinese, texts)) / len(texts) - 0.5) < 0.01


def test_texts_are_finished_sentences(train, test):
    for text in train.texts + test.texts:
        assert not re.search(r"[{}\[\]|]", text), text
        assert not re.search(r"  |\bthe the\b|，，|。。|的的", text), text
        assert text == text.strip()
        if not is_chinese(text):
            assert text[0].isupper() or text[0].isdigit(), text


def test_lengths_range_from_a_line_to_a_long_letter(train):
    """Mostly short, since every token costs time, but some fill a 256-token model."""
    english = sorted(len(text.split()) for text in train.texts if not is_chinese(text))
    assert english[0] < 10
    assert 10 <= english[len(english) // 2] <= 30
    assert 90 < english[-1] < 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_label_is_the_topic_of_the_frame(language):
    """What stands at {A} belongs to the label, whichever comes first."""
    spoken = LANGUAGES[language]
    writer = Writer(spoken, spoken.test, random.Random(3))
    writer.thing = lambda topic: f"<{topic}>"
    first = Counter()
    for _ in range(400):
        frame = writer.frame("law", "food")
        assert {"<law>", "<food>"} <= set(re.findall("<[a-z]+>", frame.lower()))
        first[frame.index("<law>") < frame.index("<food>")] += 1
    assert 0.25 < first[False] / 400 < 0.45


@pytest.mark.slow
def test_counting_words_does_not_solve_it():
    rng = random.Random(4)
    train, test = write_texts(4000, "train", rng), write_texts(2000, "test", rng)
    found = accuracy(BagOfWords.fit(*train).predict(test.texts), test.labels)
    # One topic can be named at once, and of two, one can be guessed.
    assert 0.4 < found < 0.75


def test_wording_has_a_name():
    with pytest.raises(ValueError, match="validation"):
        write_texts(1, "validation", random.Random(1))
