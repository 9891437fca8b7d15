"""Text to ids."""

import re
import unicodedata
from itertools import groupby


def wordpiece_by_recursion(word, vocab, mark=""):
    """The longest piece and the pieces of the rest; the mark is a parameter more."""
    if len(word) > 100:
        return ["[UNK]"]
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocab:
            rest = wordpiece_by_recursion(word[end:], vocab, "##")
            return rest if rest == ["[UNK]"] else [mark + word[:end], *rest]
    return ["[UNK]"]


def wordpiece_by_expressions(word, vocab):
    """Two regular expressions whose alternatives stand from the longest to the shortest."""

    def any_of(pieces):
        ordered = sorted(filter(None, pieces), key=lambda piece: (-len(piece), piece))
        return re.compile("|".join(map(re.escape, ordered)) or "(?!)")

    first = any_of(vocab)
    later = any_of(piece[2:] for piece in vocab if piece.startswith("##"))
    found, at = [], 0
    while at < len(word) <= 100:
        match = (later if at else first).match(word, at)
        if match is None:
            return ["[UNK]"]
        found.append(("##" if at else "") + match[0])
        at = match.end()
    return found if len(word) <= 100 else ["[UNK]"]


def wordpiece_by_a_tree(word, vocab):
    """The vocabulary as a tree of letters; the deepest end that is reached counts."""
    tree = {}
    for piece in vocab:
        node = tree
        for letter in piece:
            node = node.setdefault(letter, {})
        node[""] = piece
    found, at = [], 0
    while at < len(word):
        node = tree if at == 0 else tree.get("#", {}).get("#", {})
        longest, here = None, at
        while here < len(word) and word[here] in node:
            node = node[word[here]]
            here += 1
            if "" in node:
                longest, end = node[""], here
        if longest is None or len(word) > 100:
            return ["[UNK]"]
        found.append(longest)
        at = end
    return found


CHINESE = re.compile(
    "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f]"
)
SYMBOLS = "$+<=>^`|~"


def _kind(char):
    """A letter for what a character is: nothing, a space, one that stands alone, or a word's."""
    category = unicodedata.category(char)
    if char in " \t\n\r" or category[0] == "Z":
        return " "
    if category in ("Cc", "Cf", "Co", "Cs", "Mn") or char == "\ufffd":
        return "-"
    alone = CHINESE.match(char) or char in SYMBOLS or category[0] == "P"
    return "!" if alone else "w"


def basic_tokenize_by_kinds(text):
    """A string of kinds beside the text, and one expression that reads the kinds."""
    text = "".join(c for c in text if _kind(c) != "-")
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if _kind(c) != "-")
    kinds = "".join(map(_kind, plain))
    spans = [match.span() for match in re.finditer("w+|!", kinds)]
    return ["".join(map(str.lower, plain[start:end])) for start, end in spans]


def basic_tokenize_by_groups(text):
    """Runs of a kind; a run of characters that stand alone is taken apart."""
    text = "".join(c for c in text if _kind(c) != "-")
    plain = [c.lower() for c in unicodedata.normalize("NFD", text) if _kind(c) != "-"]
    words = []
    for kind, run in groupby(plain, lambda lowered: _kind(lowered[0])):
        if kind == "w":
            words.append("".join(run))
        elif kind == "!":
            words.extend(run)
    return words


def encode_pair_by_recursion(a, b, cls, sep, pad, max_length):
    """A pair that is too long is the same pair less one token."""
    excess = len(a) + len(b) + 3 - max_length
    if excess > 0:
        a, b = (a[:-1], b) if len(a) > len(b) else (a, b[:-1])
        return encode_pair_by_recursion(a, b, cls, sep, pad, max_length)
    ids = [cls, *a, sep, *b, sep]
    segments = [0] * (len(a) + 2) + [1] * (len(b) + 1)
    filler = [0] * -excess
    return ids + [pad for _ in filler], segments + filler, [1] * len(ids) + filler


def encode_pair_of_triples(a, b, cls, sep, pad, max_length):
    """The lengths by arithmetic, then one triple a place, turned on its side."""
    room = max_length - 3
    n, m = len(a), len(b)
    if n + m > room:
        half = room // 2
        if m <= half:
            n = room - m
        elif n <= room - half:
            m = room - n
        else:
            n, m = room - half, half
    triples = [(cls, 0, 1), *((i, 0, 1) for i in a[:n]), (sep, 0, 1)]
    triples += [*((i, 1, 1) for i in b[:m]), (sep, 1, 1)]
    triples += [(pad, 0, 0)] * (max_length - len(triples))
    return [list(column) for column in zip(*triples, strict=True)]
