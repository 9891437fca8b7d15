"""The demo: a BERT becomes a TinyBERT, measured at every step.

    texts -> vocabulary -> teacher (pre-trained, fine-tuned) -> student alone
                                                             -> student distilled -> pruned -> int8

The student alone and the distilled one are equally large, get the same number of updates and see
the same labels; the student alone gets the better of two learning rates. The distilled one also
sees unlabelled texts, through its teacher, which is what distillation is for. Nothing is chosen
on the test texts.
"""

import json
import os
import random
import time
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from minibert import kernels as F
from minibert import plot
from minibert.config import BertConfig
from minibert.data import label_names, read_labelled, stratified_split
from minibert.eval import accuracy, encoder_flops
from minibert.eval.bag_of_words import BagOfWords, split_words
from minibert.interop.tensors import write_tensors
from minibert.pretrained import BertForSequenceClassification
from minibert.prune.magnitude import layer_matrices
from minibert.recipes.corpus.generate import LABELS, write_texts
from minibert.recipes.examples import Examples, encode
from minibert.recipes.report import Row, format_table, latencies
from minibert.recipes.stages import (
    Run,
    Stage,
    best_of,
    classifier_from,
    distill_inside,
    distill_predictions,
    finetune,
    pretrain,
    prune,
    score,
    with_logits,
)
from minibert.text import BertTokenizer, basic_tokenize, train_vocab

# The example sentences of the two articles that the project started from.
ARTICLE_SENTENCES = [
    "今天天气真好，适合户外活动。",
    "昨天天气不好，不适合户外活动。",
    "This is an example sentence.",
]
DISTILLATION = ("general", "task_inside", "task_predictions")


class Material(NamedTuple):
    """Everything a run learns from and is measured on. Labels are indices into `names`."""

    names: tuple[str, ...]
    train: tuple[list[str], list[int]]
    validation: tuple[list[str], list[int]]
    test: tuple[list[str], list[int]]
    unlabelled: list[str]
    sentences: list[str]  # classified at the end, to look at


def load_settings(which):
    """The settings of the "embedded" demo or of one on a person's own "data"."""
    text = files("minibert.recipes").joinpath(f"{which}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def embedded_material(seed, *, labelled, unlabelled, validation, test):
    """The project's own corpus: training and test texts share neither templates nor names.

    Parameters
    ----------
    seed : int
    labelled, unlabelled, validation, test : int
        Numbers of texts; all but the test texts are from one source.
    """
    rng = random.Random(seed)
    texts, labels = write_texts(labelled + validation + unlabelled, "train", rng)
    rest = labelled + validation
    return Material(
        LABELS,
        (texts[:labelled], labels[:labelled]),
        (texts[labelled:rest], labels[labelled:rest]),
        tuple(write_texts(test, "test", rng)),
        texts[rest:],
        ARTICLE_SENTENCES,
    )


def material_from_file(path, seed):
    """A person's own labelled texts: four fifths to train on, one fifth to test on.

    A tenth of the training texts is put aside as validation, which chooses the learning rate of
    the student alone. There is no unlabelled text: the student sees the training texts again.
    """
    texts, labels = read_labelled(path)
    names = label_names(labels)
    if len(names) < 2:
        raise ValueError(f"{path} has one label only, {names[0]!r}; there is nothing to learn")
    index = {name: i for i, name in enumerate(names)}
    classes = np.array([index[label] for label in labels])

    def pick(rows):
        return [texts[i] for i in rows], [int(classes[i]) for i in rows]

    rest, test = stratified_split(classes, 0.2, seed=seed)
    train, validation = stratified_split(classes[rest], 0.1, seed=seed)
    return Material(
        tuple(names),
        pick(rest[train]),
        pick(rest[validation]),
        pick(test),
        unlabelled=[],
        sentences=[texts[i] for i in test[:3]],
    )


def run_demo(out, material, settings, *, seed=1, progress=True, say=print):
    """Train, compress and measure; write the report, the models and the figures.

    BLAS runs with one thread throughout: the kernels bring their own, whose number does not change
    a bit of the result, and for products this small two BLAS threads are no faster than one.

    Parameters
    ----------
    out : path
        A folder; is made. Files of an earlier run are replaced.
    material : Material
    settings : dict
        See embedded.toml.
    seed : int
    progress : bool
        Whether to show bars or log lines.
    say : callable
        Prints a line.

    Returns
    -------
    dict
        What report.json holds.
    """
    with threadpool_limits(1, user_api="blas"):
        return _run_demo(Path(out), material, settings, seed, progress, say)


def _run_demo(out, material, settings, seed, progress, say):
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()

    def done(what):
        say(f"[{time.perf_counter() - start:5.1f} s] {what}")

    run = Run(seed, out, progress, {})
    encoded = encode_material(material, settings)
    done(encoded.summary())
    words = BagOfWords.fit(*material.train)
    done("bag-of-words")
    general, teacher = train_teacher(run, encoded, settings)
    done("teacher")
    student, taught = distill_student(run, encoded, settings, general, teacher)
    done("student-distilled")
    alone, rate = train_alone(run, encoded, settings)
    done(f"student-alone: of two learning rates {rate:g} was better on validation texts")
    recover = Stage(**settings["stages"]["recover"])
    pruned = prune(run, "pruned", student, encoded.train, taught, recover, **settings["prune"])
    models = {
        "teacher": teacher,
        "student-alone": alone,
        "student-distilled": student,
        "pruned": pruned,
        "int8": pruned.quantize(),
    }
    done("pruned, int8")

    rows = measure(out, words, models, encoded.test, material.test)
    accuracies = {row.name: row.accuracy for row in rows}
    report = {
        "rows": [row._asdict() for row in rows],
        "seed": seed,
        "student_of_teacher": accuracies["student-distilled"] / max(accuracies["teacher"], 1e-9),
        "teacher_on_shuffled_words": score(teacher, shuffled(encoded, material.test, seed)),
        "student_alone_learning_rate": rate,
        "settings": settings,
    }
    done("measured")
    draw(out / "figures", run.histories, models, encoded, rows, say)
    report["seconds"] = round(time.perf_counter() - start, 1)
    write_text(out / "report.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    write_text(out / "report.txt", format_table(rows) + "\n")
    done(f"models, figures and report.json are in {out}")
    say(f"\n{format_table(rows)}\n")
    say(
        f"The distilled student keeps {report['student_of_teacher']:.1%} of its teacher's "
        f"accuracy. With the words of each test text shuffled, the teacher falls from "
        f"{accuracies['teacher']:.1%} to {report['teacher_on_shuffled_words']:.1%}.\n"
    )
    for text in material.sentences:
        name, probability = classify(models["int8"], text)
        say(f"{name} ({probability:.0%}): {text}")
    return report


class Encoded(NamedTuple):
    """The material as ids, and the tokenizer that made them."""

    tokenizer: BertTokenizer
    train: Examples
    validation: Examples
    test: Examples
    all_texts: Examples  # training texts and unlabelled ones, without labels
    names: tuple[str, ...]

    def summary(self):
        """What there is, in a line."""
        lengths = self.train.lengths + self.test.lengths
        return (
            f"{len(self.all_texts.ids)} training texts ({len(self.train.ids)} labelled), "
            f"{len(self.test.ids)} test texts, {len(self.names)} classes, "
            f"{len(self.tokenizer)} pieces, {np.mean(lengths):.0f} tokens a text on average, "
            f"at most {max(lengths)}"
        )


def encode_material(material, settings):
    """Train a vocabulary on the training texts, and encode everything with it."""
    vocabulary = train_vocab(material.train[0] + material.unlabelled, settings["vocab"])
    tokenizer = BertTokenizer(vocabulary, model_max_length=settings["max_length"])
    train, validation, test = (
        encode(tokenizer, *part) for part in (material.train, material.validation, material.test)
    )
    all_texts = Examples(train.ids + encode(tokenizer, material.unlabelled).ids)
    return Encoded(tokenizer, train, validation, test, all_texts, material.names)


def config_of(which, encoded, settings):
    """The BertConfig of the "teacher" or the "student"."""
    return BertConfig.uniform(
        vocab=len(encoded.tokenizer),
        positions=settings["max_length"],
        classes=len(encoded.names),
        labels=encoded.names,
        **settings[which],
    )


def train_teacher(run, encoded, settings):
    """The pre-trained teacher, and the one fine-tuned on the labels."""
    stages = settings["stages"]
    config = config_of("teacher", encoded, settings)
    general = pretrain(
        run, "teacher-pretrain", config, encoded.tokenizer,
        encoded.all_texts, Stage(**stages["pretrain"]),
    )
    teacher = classifier_from(general, run.seed)
    finetune(run, "teacher-finetune", teacher, encoded.train, Stage(**stages["finetune"]))
    return general, teacher


def distill_student(run, encoded, settings, general, teacher):
    """TinyBERT's three stages; the student, and the texts with the teacher's logits."""
    stages = {name: Stage(**values) for name, values in settings["stages"].items()}
    texts = encoded.all_texts
    student = new_student(run, encoded, settings)
    distill_inside(run, "student-general", student, general, texts, stages["general"])
    distill_inside(run, "student-task-inside", student, teacher, texts, stages["task_inside"])
    taught = with_logits(texts, teacher)
    distill_predictions(
        run, "student-task-predictions", student, taught, stages["task_predictions"]
    )
    return student, taught


def train_alone(run, encoded, settings):
    """An equal student without a teacher: as many updates, the better of two learning rates."""
    stages = settings["stages"]
    updates = sum(stages[name]["steps"] for name in DISTILLATION)
    return best_of(
        run,
        "student-alone",
        lambda: new_student(run, encoded, settings),
        encoded.train,
        encoded.validation,
        [Stage(steps=updates, lr=rate) for rate in settings["alone_rates"]],
    )


def new_student(run, encoded, settings):
    """A student that knows nothing yet."""
    config = config_of("student", encoded, settings)
    return BertForSequenceClassification(config, tokenizer=encoded.tokenizer, seed=run.seed)


def measure(out, words, models, examples, test):
    """Save every model, and measure its accuracy, size and speed.

    Parameters
    ----------
    out : Path
    words : BagOfWords
    models : dict of str to BertForSequenceClassification
    examples : Examples
        The test texts, encoded.
    test : (list of str, list of int)
        The same as text.

    Returns
    -------
    list of Row
    """
    texts, labels = test
    predictors = {"bag-of-words": words.predict}
    predictors |= {name: lambda batch, m=m: predict_classes(m, batch) for name, m in models.items()}
    times = latencies(predictors, texts)
    file = out / "bag-of-words.safetensors"
    write_tensors(file, words.parameters, {})
    rows = [
        Row(
            "bag-of-words",
            accuracy(words.predict(texts), labels),
            words.idf.size + words.weight.size + words.bias.size,
            file.stat().st_size,
            2 * words.weight.shape[1] * round(np.mean([len(split_words(t)) for t in texts])),
            *times["bag-of-words"],
        )
    ]
    for name, model in models.items():
        flops = [encoder_flops(model.config, length) for length in examples.lengths]
        rows.append(
            Row(
                name,
                score(model, examples),
                sum(int(np.prod(p.shape)) for p in model.params.values()),
                save_model(out, name, model),
                round(float(np.mean(flops))),
                *times[name],
            )
        )
    return rows


def save_model(out, name, model):
    """Save a model: int8 as one file, else as a directory. Returns the bytes on disk."""
    if model.is_quantized:
        file = out / f"{name}.safetensors"
        model.save(file)
        return file.stat().st_size
    model.save_pretrained(out / name)
    return sum(file.stat().st_size for file in (out / name).iterdir())


def draw(folder, histories, models, encoded, rows, say):
    """The demo's figures, where matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        say("no figures: matplotlib is not installed")
        return
    folder.mkdir(parents=True, exist_ok=True)
    teacher, student, pruned = (models[n] for n in ("teacher", "student-distilled", "pruned"))
    figures = {
        "loss": plot.loss_curves(histories),
        "attention": plot.attention_maps(*attention_pair(encoded, teacher, student)),
        "weights": plot.weight_histograms(*weight_pair(pruned.params, models["int8"].params)),
    }
    rows = [row._asdict() for row in rows]
    for field, label in (("bytes", "bytes on disk"), ("latency_ms_1", "ms for one text")):
        figures[f"accuracy-{field}"] = plot.accuracy_against(rows, field, label)
    for name, figure in figures.items():
        plot.save(figure, folder / f"{name}.png")


def attention_pair(encoded, teacher, student):
    """The tokens of a short test text, and the last layer's attention of both models."""
    # A dozen tokens can be read in a picture.
    ids = min(encoded.test.ids, key=lambda row: abs(len(row) - 12))
    maps = [model([ids], output_attentions=True).attentions[-1][0] for model in (teacher, student)]
    return encoded.tokenizer.convert_ids_to_tokens(ids), *maps


def weight_pair(before, after):
    """Some matrices in float, and what int8 makes of them."""
    names = layer_matrices(before)[2:6]  # value, attention output and feed-forward of layer 0
    return {n: before[n] for n in names}, {n: after[n].dequantize() for n in names}


def predict_classes(model, texts):
    """The class number of each text."""
    batch = model.tokenizer(texts, truncation=True)
    return model(batch["input_ids"], batch["attention_mask"]).logits.argmax(-1)


def classify(model, text):
    """The name of a text's most likely class, and its probability."""
    p, _ = F.softmax_forward(model(**model.tokenizer(text, truncation=True)).logits[0])
    return model.config.label_names()[p.argmax()], float(p.max())


def shuffled(encoded, test, seed):
    """The test texts with the words of each (in Chinese the characters) in random order."""
    rng = random.Random(seed)
    texts = []
    for text in test[0]:
        words = basic_tokenize(text)
        rng.shuffle(words)
        texts.append(" ".join(words))
    return encode(encoded.tokenizer, texts, test[1])


def write_text(path, text):
    """Write a file under a temporary name, then rename it."""
    temporary = path.with_name(f"{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
