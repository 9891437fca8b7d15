"""Inference: the TinyBERT of 4 layers, 312 wide, in float32, on ids and on real sentences.

The rows of 128 tokens without padding compare engines; the row of sentences is what a user has.
The peer gets the sentences padded to the longest, we get the very same arrays, and packing the
padding away is ours to do, inside the time.
"""

from minibert.bench import goals, inputs, memory, peers
from minibert.bench.compare import agree
from minibert.bench.rows import OURS, Row
from minibert.config import preset
from minibert.eval.cost import encoder_flops
from minibert.pretrained import BertForSequenceClassification

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
    params = inputs.random_params(config, "classification")
    ours = inputs.loaded(BertForSequenceClassification, config, params)
    theirs, onnx = {}, {}
    if run.peers:
        theirs = {way: peers.torch_model(config, params, way) for way in peers.ATTENTION}

    def measure(work, ids, mask=None, goal=None, note=""):
        works = {OURS: lambda: ours(ids, mask)}
        if "torch" in run.peers:
            ways = {w: peers.torch_inference(model, ids, mask) for w, model in theirs.items()}
            way = run.fastest(ways)
            works["torch"] = ways[way]
            note += f"torch attention: {way}"
        if "onnxruntime" in run.peers:
            masked = mask is not None
            if masked not in onnx:
                onnx[masked] = peers.OnnxModel(theirs["eager"], masked, run.threads)
            works["onnxruntime"] = onnx[masked].inference(ids, mask)
        errors = _errors(work, works, ids if mask is None else mask)
        lengths = [ids.shape[1]] * len(ids) if mask is None else mask.sum(1).tolist()
        return Row(
            work,
            **run.time(works, sum(encoder_flops(config, length) for length in lengths)),
            goal=goal,
            errors=errors,
            at={"batch": len(ids), "length": ids.shape[1], "tokens": sum(lengths)},
            note=note,
        )

    for batch in BATCHES:
        yield measure(
            f"inference ({batch},{LENGTH})",
            inputs.random_ids(config, batch, LENGTH),
            goal=goals.inference(batch),
        )
    yield _sentences(run, config, measure)
    if not run.quick:
        sizes = [(batch, LENGTH) for batch in MORE_BATCHES] + [(1, length) for length in LENGTHS]
        for size in sizes:
            yield measure(f"inference ({size[0]},{size[1]})", inputs.random_ids(config, *size))
        yield _memory(run, BATCHES[-1])


def _sentences(run, config, measure):
    work = f"inference, {SENTENCES} real sentences"
    texts = inputs.sentences(SENTENCES, run.data)
    if texts is None:
        return Row(
            work,
            goal=goals.SENTENCES,
            note="there are none: minibert fetch rotten-tomatoes all-minilm-l6-v2, or --data FILE",
        )
    batch = inputs.tokenizer(texts)(texts, truncation=True, max_length=config.positions)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    note = f"padded to {ids.shape[1]}, {mask.mean():.0%} of it tokens; "
    return measure(work, ids, mask, goal=goals.SENTENCES, note=note)


def _memory(run, batch):
    found = memory.measure(run, "inference", batch, LENGTH)
    note = "weights and activations" if found else memory.UNKNOWN
    return Row(f"inference ({batch},{LENGTH}), peak memory", found, unit="MB", note=note)


def _errors(work, works, there):
    """The largest error to each peer; `there` is not 0 where there is a token."""
    out = works[OURS]()
    hidden, logits = out.last_hidden_state, out.logits
    found = {}
    for name, run in works.items():
        if name != OURS:
            theirs, their_logits = run()
            pairs = [(hidden[there != 0], theirs[there != 0]), (logits, their_logits)]
            found[name] = agree(work, name, pairs)
    return found
