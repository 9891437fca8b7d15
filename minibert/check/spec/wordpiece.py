"""Text to ids: words, WordPiece, pairs, truncation and padding, a character at a time.

By Unicode's categories: "C?" control, "Z?" space, "P?" punctuation, "Mn" accent.
"""

import re
import unicodedata

import numpy as np

SPECIAL = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
CJK = (  # Chinese characters; kana and Hangul are spelled like letters
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0002a6df"),
    ("\U0002a700", "\U0002ceaf"),
    ("\U0002f800", "\U0002fa1f"),
)


def split_words(text, lower, strip=None, alone=True):
    """Words, single signs and, if `alone`, single Chinese characters.

    `lower` drops case, `strip` accents (None: as `lower`).
    """
    strip = lower if strip is None else strip
    spaced = ""
    for c in text:
        kind = unicodedata.category(c)
        if c in "\t\n\r" or kind[0] == "Z":
            spaced += " "
        elif kind not in ("Cc", "Cf", "Co", "Cs") and c != "\ufffd":
            plain = _plain(c, lower, strip)
            spaced += f" {plain} " if (alone and is_chinese(c)) or is_sign(plain) else plain
    if strip:
        spaced = unicodedata.normalize("NFD", spaced)  # brings the marks of a letter into order
    return spaced.split()


def _plain(c, lower, strip):
    """`lower`: in lower case; `strip`: a letter taken apart into letter and accents, less those."""
    parts = unicodedata.normalize("NFD", c) if strip else c
    parts = [part for part in parts if not strip or unicodedata.category(part) != "Mn"]
    return "".join(part.lower() if lower else part for part in parts)


def is_chinese(c):
    """A character of one of the ranges."""
    return any(first <= c <= last for first, last in CJK)


def is_sign(c):
    """Punctuation, and those symbols of ASCII that Unicode does not count as such."""
    return c != "" and (c in "$+<=>^`|~" or unicodedata.category(c[0])[0] == "P")


def longest_match_first(word, vocab):
    """The longest piece that the word begins with, then that of the rest with "##" in front, ...

    [UNK] where at some place no piece fits, or the word is longer than 100.
    """
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = len(word)
        while end > start and mark + word[start:end] not in vocab:
            end -= 1
        if end == start or len(word) > 100:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


def pieces_of(text, vocab, lower, strip=None, alone=True, added=()):
    """The pieces of all words; special and added tokens, written exactly so, stay whole."""
    whole = sorted([*SPECIAL, *added], key=len, reverse=True)  # the longest that fits
    pieces = []
    for part in re.split(f"({'|'.join(map(re.escape, whole))})", text):
        if part in whole:
            pieces.append(part)
        else:
            for word in split_words(part, lower, strip, alone):
                pieces += longest_match_first(word, vocab)
    return pieces


def truncate(a, b, room, strategy):
    """Drop last pieces until both fit: of the longer one, or always of the first or the second."""
    a, b = list(a), list(b)
    a_was_longer = len(a) > len(b)
    while len(a) + len(b) > room:
        of_a = len(a) > len(b) or (len(a) == len(b) and not a_was_longer)
        if strategy == "only_first" or (strategy == "longest_first" and of_a):
            a.pop()
        else:
            b.pop()
    return a, b


def encode_texts(texts, pairs, vocab, lower, max_length, strategy, fill, **rules):
    """input_ids, token_type_ids, attention_mask (B,L) of [CLS] a [SEP] or [CLS] a [SEP] b [SEP].

    `pairs` is None where there is no b; `vocab` gives a piece's id; `strategy` is None where
    nothing is cut to `max_length`. [PAD] fills rows up to the longest, or `fill` to max_length.
    `rules` are the others of `pieces_of`.
    """
    rows = []
    for n in range(len(texts)):
        a = pieces_of(texts[n], vocab, lower, **rules)
        b = pieces_of(pairs[n], vocab, lower, **rules) if pairs else []
        if strategy:
            a, b = truncate(a, b, max_length - (3 if pairs else 2), strategy)
        first, second = ["[CLS]", *a, "[SEP]"], [*b, "[SEP]"] if pairs else []
        rows.append((first + second, [0] * len(first) + [1] * len(second)))
    L = max_length if fill else max(len(row) for row, _ in rows)
    ids = np.full((len(rows), L), vocab["[PAD]"], np.int64)
    segments, mask = np.zeros_like(ids), np.zeros_like(ids)
    for n, (row, kinds) in enumerate(rows):
        for place in range(len(row)):
            ids[n, place] = vocab[row[place]]
            segments[n, place] = kinds[place]
            mask[n, place] = 1
    return ids, segments, mask
