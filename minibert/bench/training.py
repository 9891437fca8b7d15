"""Training: a step of the 4-layer TinyBERT, alone and with TinyBERT's distillation.

A step is forward, backward, clipping of the whole gradient to norm 1, and AdamW. Masks of dropout
differ between the engines, so what is compared is the loss and the norm of the gradient without
dropout, over a few steps: the second loss is right only if the first update was.

The distillation row is the stage inside the network: the forward of a teacher of 6 layers, 768
wide, the losses of attention scores, hidden states and embeddings with projections to the teacher's
width, the student's backward, AdamW.
"""

from dataclasses import replace

from minibert.bench import goals, inputs, memory, peers
from minibert.bench.compare import agree
from minibert.bench.rows import OURS, Row
from minibert.config import preset
from minibert.distill import TinyBertSpec, uniform_map
from minibert.distill.projections import EMBEDDING, HIDDEN
from minibert.eval.cost import encoder_flops
from minibert.pretrained import BertForSequenceClassification, BertModel
from minibert.recipes.objectives import TransformerDistillation
from minibert.train import TrainStep

STUDENT, TEACHER = "tinybert-4l-312", "tinybert-6l-768"
BATCHES, LENGTH = (8, 32), 128
LR = 5e-5
STEPS = [(batch, dropout) for batch in BATCHES for dropout in (0.1, 0.0)]
QUICK_STEPS = STEPS[:3]
COMPARED = 2  # steps
DEFAULT = "torch, default AdamW"  # a loop over parameters: slower, and what most programs run

columns = peers.torch_alone


def rows(run):
    """The rows, as they are measured.

    Parameters
    ----------
    run : Run

    Yields
    ------
    Row
    """
    ways = {}
    for batch, dropout in QUICK_STEPS if run.quick else STEPS:
        if "torch" in run.peers and dropout not in ways:
            ways[dropout] = _their_best_way(run, dropout)
        yield _supervised(run, batch, dropout, ways.get(dropout))
    for dropout in (0.1,) if run.quick else (0.1, 0.0):
        yield _distillation(run, BATCHES[0], dropout)
    yield _memory(run, BATCHES[-1])


def _their_best_way(run, dropout):
    """The attention that is faster for PyTorch here."""
    config = _with_dropout(STUDENT, dropout)
    steps = {way: their_step(config, BATCHES[0], LENGTH, way) for way in peers.ATTENTION}
    return run.fastest(steps)


def _supervised(run, batch, dropout, way):
    work = f"training step ({batch},{LENGTH}), dropout {dropout:g}"
    config, plain = _with_dropout(STUDENT, dropout), _with_dropout(STUDENT, 0.0)
    works, errors, note = {OURS: our_step(config, batch, LENGTH)}, {}, ""
    if way:
        ours, theirs = our_step(plain, batch, LENGTH), their_step(plain, batch, LENGTH, way)
        errors["torch"] = _compare(work, ours, theirs)
        works["torch"] = their_step(config, batch, LENGTH, way)
        note = f"torch attention: {way}; AdamW: fused"
        if not run.quick:
            works[DEFAULT] = their_step(config, batch, LENGTH, way, fused=False)
    found = run.time(works, 3 * batch * encoder_flops(config, LENGTH))
    figures = found["figures"]
    if DEFAULT in figures:
        ratio = figures[DEFAULT].median / figures[OURS].median
        note += f"; with its default AdamW {ratio:.2f}x"
    return Row(
        work,
        **found,
        goal=goals.training(batch, dropout),
        errors=errors,
        at={"batch": batch, "length": LENGTH},
        note=note,
    )


def _distillation(run, batch, dropout):
    work = f"distillation step ({batch},{LENGTH}), dropout {dropout:g}"
    works, errors = {OURS: our_distillation(batch, dropout)}, {}
    if "torch" in run.peers:
        ours, theirs = our_distillation(batch, 0.0), their_distillation(batch, 0.0)
        errors["torch"] = _compare(work, ours, theirs)
        works["torch"] = their_distillation(batch, dropout)
    student, teacher = preset(STUDENT), preset(TEACHER)
    project = 2 * LENGTH * student.hidden * teacher.hidden * (1 + student.n_layers)
    flops = encoder_flops(teacher, LENGTH) + 3 * (encoder_flops(student, LENGTH) + project)
    return Row(
        work,
        **run.time(works, batch * flops),
        goal=goals.DISTILLATION,
        errors=errors,
        at={"batch": batch, "length": LENGTH},
        note=f"teacher: {TEACHER}; torch AdamW: fused",
    )


def _memory(run, batch):
    found = memory.measure(run, "training", batch, LENGTH)
    return Row(
        f"training ({batch},{LENGTH}), peak memory",
        found,
        unit="MB",
        goal=goals.TRAINING_MEMORY,
        at={"batch": batch, "length": LENGTH},
        note="weights, gradients, moments and activations" if found else memory.UNKNOWN,
    )


def our_step(config, batch, length):
    """A step on a batch of its own: a function without arguments that returns the loss.

    Parameters
    ----------
    config : BertConfig
    batch, length : int
    """
    model = BertForSequenceClassification(config, inputs.random_params(config, "classification"))
    return _step(TrainStep(model, LR), *_batch(config, batch, length))


def their_step(config, batch, length, attention, fused=True):
    """The same in PyTorch."""
    params = inputs.random_params(config, "classification")
    return peers.TorchStep(config, params, *_batch(config, batch, length), LR, attention, fused)


def our_distillation(batch, dropout):
    """A step of TinyBERT's losses inside the network."""
    student, teacher = _student(dropout), _teacher()
    objective = _objective(student[0], teacher)
    step = TrainStep(BertModel(*student), LR, objective=objective)
    return _step(step, inputs.random_ids(student[0], batch, LENGTH), None)


def their_distillation(batch, dropout):
    """The same in PyTorch."""
    student, teacher = _student(dropout), _teacher()
    params = _objective(student[0], teacher).params
    projections = {"hidden": params[HIDDEN], "embedding": params[EMBEDDING]}
    ids = inputs.random_ids(student[0], batch, LENGTH)
    return peers.TorchDistillation(student, teacher, projections, _layer_map(), ids, LR)


def _student(dropout):
    config = _with_dropout(STUDENT, dropout)
    return config, inputs.random_params(config)


def _teacher():
    config = preset(TEACHER)
    return config, inputs.random_params(config, seed=inputs.SEED + 1)


def _objective(student_config, teacher):
    spec = TinyBertSpec(_layer_map())
    return TransformerDistillation(BertModel(*teacher), student_config, spec, inputs.SEED)


def _layer_map():
    return uniform_map(preset(STUDENT).n_layers, preset(TEACHER).n_layers)


def _with_dropout(name, rate):
    return replace(preset(name), dropout=rate, attention_dropout=rate)


def _batch(config, batch, length):
    return inputs.random_ids(config, batch, length), inputs.random_labels(config, batch)


def _step(train_step, ids, labels):
    """The step on one batch, with the norm of its gradient beside."""

    class Step:
        def __call__(self):
            loss = train_step(input_ids=ids, labels=labels)
            self.grad_norm = train_step.grad_norm
            return loss

    return Step()


def _compare(work, ours, theirs):
    """The largest error of loss and gradient norm over the first steps."""
    pairs = []
    for _ in range(COMPARED):
        pairs.append(([ours()], [theirs()]))
        pairs.append(([ours.grad_norm], [theirs.grad_norm]))
    return agree(work, "torch", pairs)
