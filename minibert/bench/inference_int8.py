"""Inference in int8: every engine's own int8 of the same float32 weights, made before.

All three keep weights in int8 and quantize activations while they run, ours a token at a time,
PyTorch (`torch.ao.quantization`) and ONNX Runtime (`onnxruntime.quantization`, both as
`quantize_dynamic` gives them) a batch at a time. So they round differently, and each is held
against our model in float32: `error` is the farthest engine's, ours among them.
"""

from dataclasses import replace

from minibert import kernels as F
from minibert.bench import goals, inputs
from minibert.bench.compare import agree
from minibert.bench.engines import INT8_LIMIT, Engines, our_model, our_work
from minibert.bench.rows import OURS, Row
from minibert.bench.table import number
from minibert.config import preset

LEVEL = "avx512vnni"  # what servers without AMX have
LARGE, LARGE_BATCH = "bert-base", 8


def rows(run, float32, batches, length, sentences):
    """The rows, as they are measured; a quick run has the least and the largest batch.

    Parameters
    ----------
    run : Run
    float32 : BertForSequenceClassification
        Our model of these weights in float32.
    batches : tuple of int
        Texts.
    length : int
        Tokens of a text.
    sentences : int
        Real ones.

    Yields
    ------
    Row
    """
    config = float32.config
    engines = Engines(run, config, float32)

    def measure(name, batch, goal, note=""):
        ids = inputs.random_ids(config, batch, length)
        return engines.row(f"inference in int8{name} ({batch},{length})", ids, goal=goal, note=note)

    note = f"error: the farthest from our float32, {INT8_LIMIT:g} at most"
    for batch in (batches[0], batches[-1]) if run.quick else batches:
        yield measure("", batch, goals.int8_inference(batch), note)
        note = ""
    work = f"inference in int8, {sentences} real sentences"
    yield engines.sentences(work, sentences, goals.INT8_SENTENCES)
    yield _over_float32(run, engines.ours, float32, batches[-1], length)
    if run.quick:
        return
    if reason := _why_not_apart():
        yield Row(f"inference in int8, {LEVEL}", goal=goals.INT8_WITHOUT_AMX, note=reason)
    else:
        from minibert.kernels import c_int8

        for batch in batches:
            with c_int8.use_level(LEVEL):
                row = measure(f", {LEVEL}", batch, goals.INT8_WITHOUT_AMX)
            yield row
    yield _large(run, length)


def _over_float32(run, int8, float32, batch, length):
    work = f"int8 against float32 ({batch},{length}), ours"
    ids = inputs.random_ids(int8.config, batch, length)
    works = {OURS: our_work(int8, ids), goals.FLOAT32: our_work(float32, ids)}
    pairs = list(zip(works[goals.FLOAT32](), works[OURS](), strict=True))
    errors = {goals.FLOAT32: agree(work, "our int8", pairs, INT8_LIMIT)}
    figures = run.time(works)["figures"]
    row = Row(work, figures, goal=goals.INT8_OVER_FLOAT32, errors=errors)
    slower = figures[goals.FLOAT32].median
    return replace(row, note=f"in float32 {number(slower)} ms: {row.held:.2f}x")


def _why_not_apart():
    """Why the level is not measured apart from the one that runs; None where it is."""
    if (source := F.source("int8_linear_forward")) != "c":
        return f"int8 products are not C's here, but those of {source}"
    from minibert.kernels import c_int8

    if missing := c_int8.levels().get(LEVEL, "there is no such level"):
        return missing
    return "it is the level of the rows above" if c_int8.level() == LEVEL else None


def _large(run, length):
    config = preset(LARGE)
    ids = inputs.random_ids(config, LARGE_BATCH, length)
    engines = Engines(run, config, our_model(config))
    work = f"{LARGE} in int8 ({LARGE_BATCH},{length})"
    return engines.row(work, ids, goal=goals.INT8_LARGE)
