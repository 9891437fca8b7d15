"""Peak memory of a work, each engine in a process of its own.

The child imports what it needs and does a tiny piece of the same work, so that libraries, compiled
kernels and threads are there. The figure is the peak of what it holds from there on:

    inference    weights and activations
    training     weights, gradients, the optimizer's moments and activations
    attention    what a call takes beside q, k and v, the context that it returns among it

Two calls are made, since an optimizer's moments are there from the first update on. Of PyTorch's
two attentions the one that takes less counts; a quick run looks at its fused one only.
"""

import json
import sys

from minibert.bench import child
from minibert.bench.rows import OURS
from minibert.bench.timing import figure

UNKNOWN = "this system does not tell a process's peak memory"
MB = 1_000_000


def measure(run, work, *sizes):
    """Megabytes by engine.

    Parameters
    ----------
    run : Run
    work : {"inference", "training", "attention"}
    *sizes : int
        (B, L), of attention (L,).

    Returns
    -------
    dict of str to Figure
        Empty where the system does not tell.
    """
    from minibert.bench.peers import ATTENTION

    one = run.quick or work == "attention"
    ways = {OURS: [""], "torch": ATTENTION[:1] if one else ATTENTION}
    found = {}
    for engine in (OURS, *(peer for peer in run.peers if peer in ways)):
        words = [
            ("-m", __name__, json.dumps([run.threads, engine, way, work, *sizes]))
            for way in ways[engine]
        ]
        peaks = [child.answer(*some) for some in words]
        if None not in peaks:
            found[engine] = figure([min(peaks) / MB])
    return found


def in_child(threads, engine, way, work, *sizes):
    """The peak in bytes, measured in this process."""
    from minibert.bench import peers
    from minibert.bench.peak import Peak
    from minibert.kernels import set_threads

    peers.set_threads((engine,), threads)
    set_threads(threads)
    prepare = {"inference": _inference, "training": _training, "attention": _attention}[work]
    for _ in range(2):
        prepare(engine, way, tiny=True)()()
    build = prepare(engine, way, *sizes)
    with Peak() as peak:
        call = build()
        peak.forget()  # what was taken only to make the model
        for _ in range(2):
            call()
    return peak.bytes


def _inference(engine, way, batch=2, length=16, tiny=False):
    """A function that makes the model, and gives the function that runs it."""
    from minibert.bench import inputs, peers
    from minibert.pretrained import BertForSequenceClassification

    config = _config(tiny)
    ids = inputs.random_ids(config, batch, length)

    def build():
        params = inputs.random_params(config, "classification")
        if engine == OURS:
            model = inputs.loaded(BertForSequenceClassification, config, params)
            return lambda: model(ids)
        return peers.torch_inference(peers.torch_model(config, params, way), ids)

    return build


def _training(engine, way, batch=2, length=16, tiny=False):
    from minibert.bench import training

    config = _config(tiny)
    if engine == OURS:
        return lambda: training.our_step(config, batch, length)
    return lambda: training.their_step(config, batch, length, way)


def _attention(engine, way, length=16, tiny=False):
    from minibert import kernels as F
    from minibert.bench import attention, peers

    q, k, v = attention.random_qkv(length)
    if engine == OURS:
        return lambda: lambda: F.attention_forward(q, k, v)[0].context
    return lambda: peers.torch_attention(q, k, v)


def _config(tiny):
    from minibert.bench.inference import PRESET
    from minibert.config import preset

    changes = {"vocab": 100, "hidden": 24, "n_layers": 1, "ffn": 48} if tiny else {}
    return preset(PRESET, **changes)


if __name__ == "__main__":
    print(json.dumps(in_child(*json.loads(sys.argv[1]))))
