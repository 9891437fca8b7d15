"""Tokenizers as students hand them in."""


def split_word(word, vocab):
    if len(word) > 100:
        return ["[UNK]"]
    tokens = []
    rest = word
    while rest:
        n = len(rest)
        while n > 0:
            piece = rest[:n] if not tokens else "##" + rest[:n]
            if piece in vocab:
                break
            n -= 1
        if n == 0:
            tokens.append("[UNK]")
            break
        tokens.append(piece)
        rest = rest[n:]
    return tokens


def longest_match(text, vocab, begin=0):
    for stop in range(len(text), begin, -1):
        if text[begin:stop] in vocab:
            return text[begin:stop]
    return None


def greedy_wordpiece(word, vocab):
    """Longest match first, until nothing is left."""
    if len(word) > 100:
        return ["[UNK]"]
    out = []
    at = 0
    while at < len(word):
        found = longest_match(word, vocab, at)
        if found is None:
            return ["[UNK]"]
        out.append(found if at == 0 else f"##{found}")
        at += len(found)
    return out


def make_pair(a, b, cls, sep, pad, max_length):
    a, b = list(a), list(b)
    while len(a) + len(b) + 3 > max_length:
        if len(a) > len(b):
            a.pop()
        else:
            b.pop()
    ids = [cls, *a, sep, *b, sep]
    segments = []
    for i in range(len(ids)):
        segments.append(0 if i < len(a) + 1 else 1)
    mask = [1 for _ in ids]
    while len(ids) < max_length:
        ids.append(pad)
        segments.append(0)
        mask.append(0)
    return ids, segments, mask
