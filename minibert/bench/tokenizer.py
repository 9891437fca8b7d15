"""WordPiece: text to ids, against the two tokenizers of transformers, in Python and in Rust.

The text is cut into parts of a megabyte, and each part goes through all tokenizers in turn; the
figures are milliseconds a megabyte. Nobody sees a part twice, so that a cache of words helps only
as it does in use. Ids are compared on a sample before, and on every part after it was timed.
"""

import gc
import time

from minibert.bench import goals, inputs, peers
from minibert.bench.compare import MismatchError
from minibert.bench.rows import OURS, Row
from minibert.bench.timing import PAUSE, figure

MEGABYTE = 1_000_000
PARTS, QUICK_PARTS, SAMPLE = 10, 2, 100_000


def columns(chosen):
    """Those of the chosen peers that the suite compares with."""
    return ("transformers", "tokenizers") if chosen else ()


def rows(run):
    """The row.

    Parameters
    ----------
    run : Run

    Yields
    ------
    Row
    """
    parts = QUICK_PARTS if run.quick else PARTS
    sample, *cut, source = _texts(parts, run.data)
    tokenizer = inputs.tokenizer(sample)
    works = {OURS: lambda texts: tokenizer(texts, return_tensors=None)["input_ids"]}
    makers = {"transformers": peers.python_tokenizer, "tokenizers": peers.rust_tokenizer}
    for name, maker in makers.items():
        if run.peers and not peers.missing(name):
            works[name] = maker(tokenizer.tokens)
    _compare({name: work(sample) for name, work in works.items()}, sample)

    spent = {name: [] for name in works}
    for texts in cut:
        ids = {}
        gc.collect()
        gc.disable()
        for name, work in works.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            ids[name] = work(texts)
            spent[name].append(1e3 * (time.perf_counter() - start))
        gc.enable()
        _compare(ids, texts)
    yield Row(
        f"WordPiece, 1 MB of text (of {parts})",
        {name: figure(values) for name, values in spent.items()},
        goal=goals.WORDPIECE,
        errors={name: 0.0 for name in works if name != OURS},
        note=f"{source}; transformers is Python on one thread, as we are; tokenizers is Rust on "
        f"{run.threads}",
    )


def _texts(parts, data):
    """A sample, then `parts` lists of lines of a megabyte, then where they are from."""
    lines, source = inputs.long_text(SAMPLE + parts * MEGABYTE, data)
    cut, size = [[]], 0
    for line in lines:
        if size > (SAMPLE if len(cut) == 1 else MEGABYTE):
            cut.append([])
            size = 0
        cut[-1].append(line)
        size += len(line.encode("utf-8")) + 1
    return *cut[: parts + 1], source


def _compare(ids, texts):
    for name, theirs in ids.items():
        for own, other, text in zip(ids[OURS], theirs, texts, strict=True):
            if list(own) != list(other):
                raise MismatchError(f"our ids and those of {name} differ in {text[:80]!r}")
