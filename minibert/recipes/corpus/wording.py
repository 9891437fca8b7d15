"""What a language must bring along so that the generator can write texts in it.

Every entry of a word list is a small template:

- ``[rain|snow]`` is a choice of one of the alternatives;
- ``{person}``, ``{place}``, ``{company}``, ``{day}`` and ``{number}`` are filled in at random;
- ``{says}``, ``{asks}`` and the like stand for phrases, templates themselves;
- ``{A}`` and ``{B}``, in frames only, are two things: the one that the text is about, and one
  of another topic that it mentions in passing.
"""

from typing import NamedTuple


class Wording(NamedTuple):
    """The part of a language that training and test texts do not share.

    Attributes
    ----------
    words : dict[str, tuple[str, ...]]
        What ``{person}``, ``{place}``, ``{company}`` and the phrases may stand for.
    facts : dict[str, tuple[str, ...]]
        Sentences that speak of a topic, by label.
    topic_first, topic_second : tuple[str, ...]
        Frames that mention ``{A}`` before ``{B}``, and after it.
    quotes : tuple[tuple[str, str], ...]
        What stands before and after somebody else's words.
    greetings, closings, fillers : tuple[str, ...]
        Sentences that belong to no topic.
    """

    words: dict[str, tuple[str, ...]]
    facts: dict[str, tuple[str, ...]]
    topic_first: tuple[str, ...]
    topic_second: tuple[str, ...]
    quotes: tuple[tuple[str, str], ...]
    greetings: tuple[str, ...]
    closings: tuple[str, ...]
    fillers: tuple[str, ...]


class Language(NamedTuple):
    """One language: its shared vocabulary, and its training and test wording.

    Attributes
    ----------
    space : str
        What stands between two sentences.
    days : tuple[str, ...]
        Values of ``{day}``.
    things : dict[str, tuple[str, ...]]
        Noun phrases that ``{A}`` and ``{B}`` stand for, by label.
    train, test : Wording
        No name and no template of the one occurs in the other.
    """

    space: str
    days: tuple[str, ...]
    things: dict[str, tuple[str, ...]]
    train: Wording
    test: Wording
