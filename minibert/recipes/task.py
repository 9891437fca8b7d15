"""What a recipe learns from and is measured on: files read, split, with labels as numbers."""

import hashlib
from collections import Counter
from typing import NamedTuple

import numpy as np

from minibert.data import label_indices, label_names, read_table, stratified_split
from minibert.data.fetch import find


class Part(NamedTuple):
    """Some examples."""

    inputs: list  # texts, or pairs of texts
    labels: np.ndarray  # (texts,) class numbers, or numbers


class Task(NamedTuple):
    """All of a recipe's texts."""

    kind: str  # "classification" or "regression"
    names: tuple[str, ...]  # of the classes; empty for regression
    train: Part
    dev: Part
    test: Part  # what the report is about: dev, where there is no test file
    unlabelled: list

    @property
    def classes(self):
        """C; 1 for regression."""
        return len(self.names) or 1

    def summary(self):
        """What there is, in a few lines."""
        sizes = f"{len(self.train.inputs)} texts to train on, {len(self.dev.inputs)} to validate"
        if self.test is not self.dev:
            sizes += f", {len(self.test.inputs)} to test"
        yield f"{sizes}, {len(self.unlabelled)} without labels"
        if self.names:
            counts = np.bincount(self.train.labels, minlength=len(self.names))
            most = [f"{name} {n}" for name, n in zip(self.names, counts, strict=True)][:12]
            more = f" and {len(counts) - 12} more" if len(counts) > 12 else ""
            yield f"{len(counts)} classes: {', '.join(most)}{more}"
        else:
            yield f"numbers from {self.train.labels.min():g} to {self.train.labels.max():g}"
        for name, part in (("validation", self.dev), ("test", self.test)):
            known = len(set(part.inputs) & set(self.train.inputs))
            if known and (name == "validation" or self.test is not self.dev):
                yield f"{known} {name} texts are among the training texts, too"


def read_task(data, seed, names=()):
    """Read the files that a recipe names.

    Parameters
    ----------
    data : Data
    seed : int
        Of the split, where there is no dev file.
    names : tuple of str
        The classes in a given order, where a model has one already.

    Returns
    -------
    Task

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or broken; a dev or test label does not occur among the training labels.
    """
    if not data.train:
        raise ValueError("the recipe has no data.train: a .tsv, .csv or .jsonl file with labels")
    numbers = data.task == "regression"
    inputs, labels = _read(data.train, data, numbers)
    if numbers:
        names, labels = (), np.array(labels, np.float32)
    else:
        names = tuple(names) if set(names) >= set(labels) else tuple(label_names(labels))
        _check_classes(data.train, labels)
        labels = np.array(label_indices(labels, names, data.train))
    train = Part(inputs, labels)
    dev = test = None
    if data.dev:
        dev = _part(data.dev, data, names)
    elif not data.dev_share:
        raise ValueError("the recipe has neither data.dev nor a data.dev_share above 0")
    else:
        rest, aside = _split(labels, data.dev_share, seed, stratified=not numbers)
        dev = _rows(train, aside)
        known = set(dev.inputs)  # a text that occurs twice would be in both parts
        train = _rows(train, [i for i in rest if train.inputs[i] not in known])
    test = _part(data.test, data, names) if data.test else dev
    unlabelled = []
    if data.unlabelled:
        unlabelled, _ = _read(data.unlabelled, data, numbers, need_label=False)
        known = {*dev.inputs, *test.inputs}  # what is measured is not learned from
        unlabelled = [x for x in unlabelled if "".join(x).strip() and x not in known]
        unlabelled = unlabelled[: data.unlabelled_limit or None]
    return Task(data.task, names, train, dev, test, unlabelled)


def texts_and_pairs(inputs):
    """All first texts, and all second ones or None, of texts or pairs."""
    if not inputs or isinstance(inputs[0], str):
        return inputs, None
    first, second = zip(*inputs, strict=True)
    return list(first), list(second)


def digest(path):
    """sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(name, data, numbers, need_label=True):
    """Inputs and labels of one file."""
    path = find(name, "data")
    is_list = path.suffix == ".txt"
    if is_list and (need_label or data.text_pair):
        raise ValueError(f"{path}: a .txt file has one text a line, no labels and no pairs")
    texts, pairs, labels = read_table(
        path,
        text=data.text,
        text_pair=data.text_pair or None,
        label=data.label if need_label else None,
        numbers=numbers,
        need_label=need_label,
    )
    if not texts:
        raise ValueError(f"{path} is empty")
    return texts if pairs is None else list(zip(texts, pairs, strict=True)), labels


def _check_classes(name, labels):
    """Refuse labels that can hardly be classes."""
    counts = Counter(labels)
    if len(counts) < 2:
        raise ValueError(f"{name} has one label only, {labels[0]!r}: nothing to learn")
    for label in counts:
        if label != label.strip() and label.strip() in counts:
            raise ValueError(
                f"{name}: {label!r} and {label.strip()!r} are different labels; "
                "are the spaces meant?"
            )
    if len(counts) > 10 and len(counts) > len(labels) / 3:
        raise ValueError(
            f"{name} has {len(counts)} different labels for {len(labels)} texts, such as "
            f"{labels[0]!r}: is data.label the right column? Numbers to be predicted need "
            'data.task="regression"'
        )


def _part(name, data, names):
    """The examples of a dev or test file."""
    inputs, labels = _read(name, data, not names)
    labels = label_indices(labels, names, name) if names else labels
    return Part(inputs, np.array(labels, np.int64 if names else np.float32))


def _split(labels, share, seed, stratified):
    """Indices that stay and indices that are put aside."""
    if stratified:
        return stratified_split(labels, share, seed=seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    aside = max(1, round(share * len(labels)))
    return np.sort(order[aside:]), np.sort(order[:aside])


def _rows(part, rows):
    """Some of the examples."""
    return Part([part.inputs[i] for i in rows], part.labels[rows])
