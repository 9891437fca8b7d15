"""The demo: a BERT becomes a TinyBERT, measured at every step.

    texts -> vocabulary -> teacher (pre-trained, fine-tuned) -> student alone
                                                             -> student distilled -> pruned -> int8

The student alone and the distilled one are equally large, get the same number of updates and see
the same labels; the student alone gets the better of two learning rates. The distilled one also
sees unlabelled texts, through its teacher, which is what distillation is for. Nothing is chosen
on the test texts.
"""

import json
import time
import tomllib
from importlib.resources import files
from pathlib import Path

from threadpoolctl import threadpool_limits

from minibert import kernels as F
from minibert.config import BertConfig
from minibert.eval import accuracy
from minibert.eval.bag_of_words import BagOfWords
from minibert.pretrained import BertForSequenceClassification
from minibert.recipes.figures import draw
from minibert.recipes.material import encode_material, shuffled
from minibert.recipes.models import classifier_from, save_quietly
from minibert.recipes.recipe import Stage
from minibert.recipes.report import (
    bag_of_words_costs,
    format_table,
    latencies,
    model_costs,
)
from minibert.recipes.stages import (
    Run,
    best_of,
    distill_inside,
    distill_predictions,
    finetune,
    pretrain,
    prune,
    score,
    with_logits,
)
from minibert.text import write_text

DISTILLATION = ("general", "task_inside", "task_predictions")


def load_settings(which):
    """The settings of the "embedded" demo or of one on a person's own "data"."""
    text = files("minibert.recipes").joinpath(f"{which}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


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
    accuracies = {row["name"]: row["accuracy"] for row in rows}
    report = {
        "rows": rows,
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
    list of dict
        See `minibert.recipes.report`.
    """
    texts, labels = test
    predictors = {"bag-of-words": words.predict}
    predictors |= {name: lambda batch, m=m: predict_classes(m, batch) for name, m in models.items()}
    times = latencies(predictors, texts)
    costs = bag_of_words_costs(
        words, texts, out / "bag-of-words.safetensors", times["bag-of-words"]
    )
    rows = [row_of("bag-of-words", accuracy(words.predict(texts), labels), costs)]
    for name, model in models.items():
        costs = model_costs(model, save_model(out, name, model), examples.lengths, times[name])
        rows.append(row_of(name, score(model, examples), costs))
    return rows


def row_of(name, accuracy, costs):
    """One row of the report."""
    return {"name": name, "accuracy": accuracy, **costs._asdict()}


def save_model(out, name, model):
    """Save a model: int8 as one file, else as a directory. Returns its path."""
    if model.is_quantized:
        model.save(out / f"{name}.safetensors")
        return out / f"{name}.safetensors"
    save_quietly(model, out / name)
    return out / name


def predict_classes(model, texts):
    """The class number of each text."""
    batch = model.tokenizer(texts, truncation=True)
    return model(batch["input_ids"], batch["attention_mask"]).logits.argmax(-1)


def classify(model, text):
    """The name of a text's most likely class, and its probability."""
    p, _ = F.softmax_forward(model(**model.tokenizer(text, truncation=True)).logits[0])
    return model.config.label_names()[p.argmax()], float(p.max())
