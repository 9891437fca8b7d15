"""SQuAD's two measures of answers, word by word."""

from minibert.check.spec.wordpiece import is_chinese, is_sign


def answer_words(text):
    """Without capitals, punctuation and articles; a Chinese character is a word."""
    kept = ""
    for c in text:
        if not is_sign(c):
            kept += f" {c} " if is_chinese(c) else c.lower()
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def common_words(a, b):
    """How many words of a find a partner in b; each partner serves once."""
    left, found = list(b), 0
    for word in a:
        if word in left:
            left.remove(word)
            found += 1
    return found


def exact_match(answer, references):
    """1 if a reference has the same words in the same order; no reference is an empty one."""
    for reference in references or [""]:
        if answer_words(answer) == answer_words(reference):
            return 1.0
    return 0.0


def answer_f1(answer, references):
    """2PR / (P + R) with the shares P of a, R of b that both have; the best of all references."""
    a, best = answer_words(answer), 0.0
    for reference in references or [""]:
        b = answer_words(reference)
        if not a and not b:
            best = 1.0
        n = common_words(a, b)
        if n > 0:
            P, R = n / len(a), n / len(b)
            best = max(best, 2 * P * R / (P + R))
    return best
