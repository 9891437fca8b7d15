"""How good answers in words are, as SQuAD counts it.

Both the answer and the references are normalized: lower case, no punctuation, no articles (a, an,
the); the words are what stands between spaces, and each CJK ideograph is a word of its own.

    (1)  exact match = 1 if the words are the same in the same order, else 0
    (2)  F1 = 2 c / (p + r), where p and r count the words of answer and reference, and c the words
         that both have, each as often as in the one where it is rarer

Of several references the best counts. A question without an answer has no reference, or an empty
one, and the right answer is the empty string. Source: Rajpurkar et al. 2016 and 2018. On ASCII
this is their program; it knows no CJK, and no punctuation outside ASCII.
"""

from collections import Counter

from minibert.text.characters import is_cjk, is_punctuation

ARTICLES = frozenset({"a", "an", "the"})


def exact_match(answer, references):
    """Whether the answer is one of the references (1): 1.0 or 0.0.

    Parameters
    ----------
    answer : str
    references : list of str
        Right answers; none, or an empty one, if there is no answer.

    Examples
    --------
    >>> exact_match("The Seine.", ["seine", "river Seine"]), exact_match("", [])
    (1.0, 1.0)
    """
    words = answer_words(answer)
    return float(any(words == answer_words(reference) for reference in _listed(references)))


def answer_f1(answer, references):
    """How many words the answer shares with the nearest reference (2), in [0, 1].

    Parameters
    ----------
    answer, references
        As for `exact_match`.

    Examples
    --------
    >>> answer_f1("the river Seine", ["Seine", "塞纳河"]), answer_f1("塞纳", ["塞纳河"])
    (0.6666666666666666, 0.8)
    """
    words = answer_words(answer)
    return max(_f1(words, answer_words(reference)) for reference in _listed(references))


def answer_words(text):
    """The words that count.

    >>> answer_words("The U.S. Army's 2nd 军团")
    ['us', 'armys', '2nd', '军', '团']
    """
    kept = "".join(c for c in text.lower() if not is_punctuation(c))
    spaced = "".join(f" {c} " if is_cjk(c) else c for c in kept)
    return [word for word in spaced.split() if word not in ARTICLES]


def _f1(answer, reference):
    """(2) of two lists of words."""
    if not answer or not reference:
        return float(answer == reference)
    common = sum((Counter(answer) & Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference))


def _listed(references):
    """The references; one that is empty where there is none."""
    if isinstance(references, str):
        raise TypeError(f"references is the string {references[:40]!r}; give a list of strings")
    return list(references) or [""]
