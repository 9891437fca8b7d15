"""Writes the little messages of the demo from word lists.

Most messages mention two topics, and only word order tells which of the two a message is about:

    "Rather than the storm over Oslo, I would like to discuss the flu vaccine."  -> health
    "I am writing about the storm over Oslo rather than the flu vaccine."        -> weather

Counting words cannot tell the two apart. The topic that a message is about mostly comes first;
where it comes second, the sentence says so by how it begins. Four kinds of message are written: on
one topic alone (`plain`), with two in a sentence (`contrast`), with two such sentences and
something on each topic between them (`digest`), and with somebody's old letter enclosed, which may
be long and is on the other topic (`forward`).
"""

import random
import re
from typing import NamedTuple

from minibert.recipes.corpus.chinese import CHINESE
from minibert.recipes.corpus.english import ENGLISH
from minibert.recipes.corpus.wording import Language, Wording

LABELS = tuple(ENGLISH.things)
TOPIC_FIRST = 0.65  # share of the sentences on two topics that name the message's own topic first
_CHOICE = re.compile(r"\[([^\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


class Texts(NamedTuple):
    """Texts and their labels, which are indices into ``LABELS``."""

    texts: list[str]
    labels: list[int]


class Writer:
    """Writes messages in one language and one wording.

    Parameters
    ----------
    language : Language
    wording : Wording
        ``language.train`` or ``language.test``.
    rng : random.Random
        The source of every choice.
    """

    def __init__(self, language: Language, wording: Wording, rng: random.Random):
        self.language, self.wording, self.rng = language, wording, rng
        self.slots = {"day": language.days, **wording.words}

    def pick(self, items):
        """One of the items."""
        # random() is the one method whose sequence Python promises to keep between versions
        return items[int(self.rng.random() * len(items))]

    def chance(self, probability):
        """True that often."""
        return self.rng.random() < probability

    def fill(self, template, **given):
        """Make the choices of a template and fill its slots; ``given`` holds {A} and {B}."""
        template = _CHOICE.sub(lambda match: self.pick(match[1].split("|")), template)
        return _SLOT.sub(lambda match: given.get(match[1]) or self.slot(match[1]), template)

    def slot(self, name):
        """Something to stand for {name}."""
        if name == "number":
            return str(2 + int(self.rng.random() * 29))
        return self.fill(self.pick(self.slots[name]))

    def sentence(self, template, **given):
        """A filled template that begins with a capital letter."""
        text = self.fill(template, **given)
        return text[0].upper() + text[1:]

    def thing(self, topic):
        """A noun phrase that belongs to a topic."""
        return self.fill(self.pick(self.language.things[topic]))

    def facts(self, topic, n):
        """n sentences about a topic, without repeating a template until all have been used."""
        stock, out = [], []
        for _ in range(n):
            stock = stock or list(self.wording.facts[topic])
            out.append(self.sentence(stock.pop(int(self.rng.random() * len(stock)))))
        return out

    def frame(self, topic, other):
        """One sentence that tells by word order that the message is about topic, not other."""
        frames = self.wording.topic_first if self.chance(TOPIC_FIRST) else self.wording.topic_second
        return self.sentence(self.pick(frames), A=self.thing(topic), B=self.thing(other))

    def plain(self, topic, other):
        """One topic and nothing else."""
        return self.facts(topic, 1 + self.chance(0.3))

    def contrast(self, topic, other):
        """A frame, at times with a sentence about the one or the other topic."""
        parts = [self.frame(topic, other)]
        if self.chance(0.3):
            parts += self.facts(topic if self.chance(0.5) else other, 1)
        return parts

    def digest(self, topic, other):
        """Two frames that agree, with sentences about both topics between them."""
        facts = self.facts(topic, 1) + self.facts(other, 1)
        if self.chance(0.5):
            facts.reverse()
        return [self.frame(topic, other), *facts, self.frame(topic, other)]

    def forward(self, topic, other):
        """Somebody else's words on the other topic, with a frame before and one after them."""
        opening, ending = self.pick(self.wording.quotes)
        quote = self.facts(other, 3 + int(self.rng.random() * 8))
        letter = [self.sentence(opening), *quote, self.sentence(ending)]
        return [self.frame(topic, other), *letter, self.frame(topic, other)]

    def write(self, topic, other):
        """One message about ``topic`` that may mention ``other``."""
        kinds = [self.plain] * 12 + [self.contrast] * 32 + [self.digest] * 4 + [self.forward] * 2
        parts = self.pick(kinds)(topic, other)
        if self.chance(0.2):
            parts.insert(0, self.sentence(self.pick(self.wording.greetings)))
        for sentences, probability in ((self.wording.fillers, 0.2), (self.wording.closings, 0.1)):
            if self.chance(probability):
                parts.append(self.sentence(self.pick(sentences)))
        return self.language.space.join(parts)


def write_texts(n, part, rng):
    """Write different texts, English and Chinese by turns.

    Parameters
    ----------
    n : int
    part : {"train", "test"}
        The wording: training and test texts share no template and no name.
    rng : random.Random
        Continue with the same one to get more texts of the kind.

    Returns
    -------
    Texts
        The same for the same state of ``rng``, on every platform.

    Raises
    ------
    ValueError
        If ``part`` is anything else.

    Examples
    --------
    >>> texts, labels = write_texts(2, "train", random.Random(3))
    >>> texts[0]
    'Mr Foster wants to hear about the share price, not about the doctor.'
    >>> LABELS[labels[0]]
    'finance'
    """
    if part not in ("train", "test"):
        raise ValueError(f'part must be "train" or "test"; got {part!r}')
    writers = [Writer(lang, getattr(lang, part), rng) for lang in (ENGLISH, CHINESE)]
    seen, texts, labels = set(), [], []
    while len(texts) < n:
        writer = writers[len(texts) % 2]
        topic = writer.pick(LABELS)
        other = writer.pick([label for label in LABELS if label != topic])
        text = writer.write(topic, other)
        if text not in seen:
            seen.add(text)
            texts.append(text)
            labels.append(LABELS.index(topic))
    return Texts(texts, labels)
