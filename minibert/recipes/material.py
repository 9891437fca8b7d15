"""What the demo learns from and is measured on: texts, their labels, and both as ids."""

import random
from typing import NamedTuple

import numpy as np

from minibert.data import label_names, read_labelled, stratified_split
from minibert.recipes.corpus.generate import LABELS, write_texts
from minibert.recipes.examples import Examples, encode
from minibert.text import BertTokenizer, basic_tokenize, train_vocab

# The example sentences of the two articles that the project started from.
ARTICLE_SENTENCES = [
    "今天天气真好，适合户外活动。",
    "昨天天气不好，不适合户外活动。",
    "This is an example sentence.",
]


class Material(NamedTuple):
    """Everything a run learns from and is measured on. Labels are indices into `names`."""

    names: tuple[str, ...]
    train: tuple[list[str], list[int]]
    validation: tuple[list[str], list[int]]
    test: tuple[list[str], list[int]]
    unlabelled: list[str]
    sentences: list[str]  # classified at the end, to look at


def embedded_material(seed, *, labelled, unlabelled, validation, test):
    """The project's own corpus: training and test texts share neither templates nor names.

    Parameters
    ----------
    seed : int
    labelled, unlabelled, validation, test : int
        Numbers of texts; all but the test texts are from one source.
    """
    rng = random.Random(seed)
    texts, labels = write_texts(labelled + validation + unlabelled, "train", rng)
    rest = labelled + validation
    return Material(
        LABELS,
        (texts[:labelled], labels[:labelled]),
        (texts[labelled:rest], labels[labelled:rest]),
        tuple(write_texts(test, "test", rng)),
        texts[rest:],
        ARTICLE_SENTENCES,
    )


def material_from_file(path, seed):
    """A person's own labelled texts: four fifths to train on, one fifth to test on.

    A tenth of the training texts is put aside as validation, which chooses the learning rate of
    the student alone. There is no unlabelled text: the student sees the training texts again.
    """
    texts, labels = read_labelled(path)
    names = label_names(labels)
    if len(names) < 2:
        raise ValueError(f"{path} has one label only, {names[0]!r}; there is nothing to learn")
    index = {name: i for i, name in enumerate(names)}
    classes = np.array([index[label] for label in labels])

    def pick(rows):
        return [texts[i] for i in rows], [int(classes[i]) for i in rows]

    rest, test = stratified_split(classes, 0.2, seed=seed)
    train, validation = stratified_split(classes[rest], 0.1, seed=seed)
    return Material(
        tuple(names),
        pick(rest[train]),
        pick(rest[validation]),
        pick(test),
        unlabelled=[],
        sentences=[texts[i] for i in test[:3]],
    )


class Encoded(NamedTuple):
    """The material as ids, and the tokenizer that made them."""

    tokenizer: BertTokenizer
    train: Examples
    validation: Examples
    test: Examples
    all_texts: Examples  # training texts and unlabelled ones, without labels
    names: tuple[str, ...]

    def summary(self):
        """What there is, in a line."""
        lengths = self.train.lengths + self.test.lengths
        return (
            f"{len(self.all_texts.ids)} training texts ({len(self.train.ids)} labelled), "
            f"{len(self.test.ids)} test texts, {len(self.names)} classes, "
            f"{len(self.tokenizer)} pieces, {np.mean(lengths):.0f} tokens a text on average, "
            f"at most {max(lengths)}"
        )


def encode_material(material, settings):
    """Train a vocabulary on the training texts, and encode everything with it."""
    vocabulary = train_vocab(material.train[0] + material.unlabelled, settings["vocab"])
    tokenizer = BertTokenizer(vocabulary, model_max_length=settings["max_length"])
    train, validation, test = (
        encode(tokenizer, *part) for part in (material.train, material.validation, material.test)
    )
    all_texts = Examples(train.ids + encode(tokenizer, material.unlabelled).ids)
    return Encoded(tokenizer, train, validation, test, all_texts, material.names)


def shuffled(encoded, test, seed):
    """The test texts with the words of each (in Chinese the characters) in random order."""
    rng = random.Random(seed)
    texts = []
    for text in test[0]:
        words = basic_tokenize(text)
        rng.shuffle(words)
        texts.append(" ".join(words))
    return encode(encoded.tokenizer, texts, test[1])
