"""The stages of a TinyBERT, each a function: a model in, a trained model out.

    pretrain      a teacher learns to predict hidden words
    finetune      a model learns the labels
    general       the student learns the pre-trained teacher's inside
    task          the student learns the fine-tuned teacher's inside, then its predictions
    prune         heads, neurons and weights are cut, and the rest recovers
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from minibert.distill import TinyBertSpec, uniform_map
from minibert.eval import accuracy
from minibert.pretrained import BertForMaskedLM, BertForSequenceClassification
from minibert.prune import (
    add_importance,
    magnitude_masks,
    masking,
    most_important,
    remove_structures,
    with_head_masks,
)
from minibert.recipes.examples import Epochs, MaskedEpochs, predict_logits
from minibert.recipes.objectives import (
    PredictionDistillation,
    Transformed,
    TransformerDistillation,
)
from minibert.train import Checkpoints, TrainStep, fit, make_schedule, supervised


@dataclass(frozen=True)
class Run:
    """What all stages of one run share.

    Parameters
    ----------
    seed : int
    out : Path
        Each stage writes metrics.csv and env.json into a folder of its own here.
    progress : bool
        Whether to show bars or log lines.
    histories : dict
        Collects every stage's history by name.
    resume : bool
        Whether to keep checkpoints, and to go on from those that are there.
    save_every : int, optional
        Updates between two checkpoints.
    """

    seed: int
    out: Path
    progress: bool
    histories: dict
    resume: bool = False
    save_every: int | None = None

    def train(self, name, model, batches, stage, objective=None, validate=None):
        """Train a model in place; `validate` gives its score, for a stage that keeps the best."""
        best = stage.keep == "best"
        checkpoints = None
        if self.resume or best:
            folder = self.out / "checkpoints" / name
            checkpoints = Checkpoints(folder, settings=asdict(stage))
        try:
            self.histories[name] = fit(
                self.first_step(model, stage, objective),
                batches,
                total_steps=stage.steps,
                out=self.out / "logs" / name,
                description=name,
                progress=self.progress,
                checkpoints=checkpoints,
                save_every=self.save_every,
                validate=validate if best else None,
            )
        except FloatingPointError as error:
            raise FloatingPointError(f"{name}: {error}") from None
        if best:
            checkpoints.load_best(model)
        return model

    def first_step(self, model, stage, objective=None):
        """A stage's training as it is before its first update."""
        return TrainStep(
            model,
            lr=stage.lr,
            optimizer=stage.optimizer,
            weight_decay=stage.weight_decay,
            schedule=make_schedule(stage.schedule, stage.steps, warmup=stage.warmup),
            objective=objective,
            seed=self.seed,
        )


def pretrain(run, name, config, tokenizer, texts, stage):
    """A new model that predicts hidden words.

    Parameters
    ----------
    run : Run
    name : str
        Of the stage, in logs.
    config : BertConfig
    tokenizer : BertTokenizer
    texts : Examples
        Unlabelled.
    stage : Stage

    Returns
    -------
    BertForMaskedLM
    """
    model = BertForMaskedLM(config, tokenizer=tokenizer, seed=run.seed)
    batches = MaskedEpochs(texts, stage.batch_size, run.seed, tokenizer)
    return run.train(name, model, batches, stage)


def finetune(run, name, model, examples, stage, validate=None):
    """Train a classifier on labels, in place."""
    batches = Epochs(examples, stage.batch_size, run.seed)
    return run.train(name, model, batches, stage, validate=validate)


def distill_inside(run, name, student, teacher, texts, stage, spec=None):
    """The general stage, or the first task stage: the student learns the teacher's inside.

    `spec` is a TinyBertSpec; by default all losses, between uniformly mapped layers.
    """
    spec = spec or TinyBertSpec(uniform_map(student.config.n_layers, teacher.config.n_layers))
    objective = TransformerDistillation(teacher, student.config, spec, run.seed)
    return run.train(
        name, student, Epochs(texts, stage.batch_size, run.seed), stage, objective
    )


def distill_predictions(run, name, student, texts, stage, tau=1.0, validate=None):
    """The second task stage; the texts' labels are the teacher's logits."""
    batches = Epochs(texts, stage.batch_size, run.seed)
    return run.train(name, student, batches, stage, PredictionDistillation(tau), validate)


def best_of(run, name, make, examples, validation, stages):
    """Train a new model by each of several stages; return the best on validation, and its rate.

    Parameters
    ----------
    run, name
        As above.
    make : callable
        Returns a new, untrained model.
    examples, validation : Examples
    stages : sequence of Stage

    Returns
    -------
    model : BertForSequenceClassification
    lr : float
    """
    tried = []
    for stage in stages:
        model = finetune(run, f"{name}-{stage.lr:g}", make(), examples, stage)
        tried.append((score(model, validation), model, stage.lr))
    _, model, lr = max(tried, key=lambda entry: entry[0])
    return model, lr


def prune(run, name, model, examples, texts, stage, *, heads, neurons, zeros, tau=1.0):
    """Cut heads, feed-forward neurons and single weights; train what is left to recover.

    Parameters
    ----------
    run, name
        As above.
    model : BertForSequenceClassification
        Is not changed.
    examples : Examples
        Labelled; importance is measured on some batches of them.
    texts : Examples
        With the teacher's logits, for the recovery.
    stage : Stage
        The recovery; of 0 steps, none.
    heads, neurons : float
        Share of each layer's heads and neurons that stay.
    zeros : float
        Share of the remaining weights that become zero.
    tau : float
        Temperature of the teacher's logits.

    Returns
    -------
    BertForSequenceClassification
    """
    importance = measure_importance(model, examples, stage.batch_size)
    keep_heads, keep_neurons = (
        [
            most_important(importance[kind, i], max(1, round(share * len(importance[kind, i]))))
            for i in range(model.config.n_layers)
        ]
        for kind, share in (("heads", heads), ("neurons", neurons))
    )
    params, config = remove_structures(model.params, model.config, keep_heads, keep_neurons)
    params = {key: p.copy() for key, p in params.items()}
    smaller = BertForSequenceClassification(config, params, tokenizer=model.tokenizer)
    transform = masking(magnitude_masks(params, zeros))
    batches = Epochs(texts, stage.batch_size, run.seed)
    objective = Transformed(PredictionDistillation(tau), transform)
    if stage.steps:
        run.train(name, smaller, batches, stage, objective)
    smaller.params = transform(smaller.params)[0]
    return smaller


def measure_importance(model, examples, batch_size, n_batches=16):
    """Importance of every head and neuron, summed over some batches of labelled texts."""
    masked = type(model)(model.config, with_head_masks(model.params, model.config))
    importance = {}
    batches = iter(Epochs(examples, batch_size, seed=0))
    for _, batch in zip(range(n_batches), batches, strict=False):
        _, _, grads = supervised(masked, batch, None)
        add_importance(importance, masked.params, grads, model.config)
    return importance


def with_logits(texts, teacher, batch_size=64, *, show=None):
    """The texts with the teacher's logits as labels; `show` as in `predict_logits`."""
    return texts.with_labels(predict_logits(teacher, texts, batch_size, show=show))


def score(model, examples):
    """Accuracy of a classifier on labelled texts."""
    return accuracy(np.argmax(predict_logits(model, examples), -1), examples.labels)
