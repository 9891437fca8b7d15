"""Inference: the TinyBERT of 4 layers, 312 wide, on ids and on real sentences.

The rows of 128 tokens without padding compare engines; the row of sentences is what a user has.
The peer gets the sentences padded to the longest, we get the very same arrays, and packing the
padding away is ours to do, inside the time. The rows in float32 come first, then those in int8.
"""

from minibert.bench import goals, inference_int8, inputs, memory
from minibert.bench.engines import Engines
from minibert.bench.rows import Row
from minibert.config import preset

PRESET = "tinybert-4l-312"
BATCHES, LENGTH = (1, 8, 32), 128
MORE_BATCHES = (2, 4, 16)  # for the plots
LENGTHS = (16, 32, 64, 256, 512)
SENTENCES = 32


def columns(chosen):
    """Those of the chosen peers that the suite compares with."""
    return chosen


def rows(run):
    """The rows, as they are measured.

    Parameters
    ----------
    run : Run

    Yields
    ------
    Row
    """
    config = preset(PRESET)
    engines = Engines(run, config)

    def measure(batch, length, goal=None):
        ids = inputs.random_ids(config, batch, length)
        return engines.row(f"inference ({batch},{length})", ids, goal=goal)

    for batch in BATCHES:
        yield measure(batch, LENGTH, goals.inference(batch))
    work = f"inference, {SENTENCES} real sentences"
    yield engines.sentences(work, SENTENCES, goals.SENTENCES)
    if not run.quick:
        for size in [(n, LENGTH) for n in MORE_BATCHES] + [(1, length) for length in LENGTHS]:
            yield measure(*size)
        yield _memory(run, BATCHES[-1])
    yield from inference_int8.rows(run, engines.ours, BATCHES, LENGTH, SENTENCES)


def _memory(run, batch):
    found = memory.measure(run, "inference", batch, LENGTH)
    note = "weights and activations" if found else memory.UNKNOWN
    return Row(f"inference ({batch},{LENGTH}), peak memory", found, unit="MB", note=note)
