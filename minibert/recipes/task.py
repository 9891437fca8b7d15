"""What a recipe learns from and is measured on: files read, split, with labels as numbers."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minibert.data import label_indices, label_names, read_table, stratified_split
from minibert.data.fetch import home


class Part(NamedTuple):
    """Some examples."""

    inputs: list  # texts, or pairs of texts
    labels: np.ndarray  # (texts,) class numbers, or numbers

    @property
    def texts_and_pairs(self):
        """All first texts, and all second ones or None."""
        if not self.inputs or isinstance(self.inputs[0], str):
            return self.inputs, None
        first, second = zip(*self.inputs, strict=True)
        return list(first), list(second)


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
        if len(set(labels)) < 2:
            raise ValueError(f"{data.train} has one label only, {labels[0]!r}: nothing to learn")
        labels = np.array(label_indices(labels, names, data.train))
    train = Part(inputs, labels)
    dev = test = None
    if data.dev:
        dev = _part(data.dev, data, names)
    elif not data.dev_share:
        raise ValueError("the recipe has neither data.dev nor a data.dev_share above 0")
    else:
        rest, aside = _split(labels, data.dev_share, seed, stratified=not numbers)
        train, dev = _rows(train, rest), _rows(train, aside)
    test = _part(data.test, data, names) if data.test else dev
    unlabelled = []
    if data.unlabelled:
        unlabelled, _ = _read(data.unlabelled, data, numbers, need_label=False)
        unlabelled = [item for item in unlabelled if "".join(item).strip()]
        unlabelled = unlabelled[: data.unlabelled_limit or None]
    return Task(data.task, names, train, dev, test, unlabelled)


def resolve(name, what):
    """The path of a file or folder that a recipe names, perhaps one that was fetched.

    Raises
    ------
    FileNotFoundError
        It is neither here nor in the folder of what `minibert fetch` brings.
    """
    for path in (Path(name).expanduser(), home() / name):
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{what}: there is no {name} here, nor among what `minibert fetch` has brought; nothing is "
        "downloaded by itself"
    )


def digest(path):
    """sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(name, data, numbers, need_label=True):
    """Inputs and labels of one file."""
    path = resolve(name, "data")
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
