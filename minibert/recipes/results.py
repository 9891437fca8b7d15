"""The last step of a recipe: every model on the test texts, beside a bag of words."""

import json
import math

from minibert.eval import scores
from minibert.eval.bag_of_words import BagOfWords
from minibert.interop.pair import CONFIG
from minibert.pretrained import load
from minibert.recipes.examples import decide, encode, predict_logits
from minibert.recipes.models import text_length
from minibert.recipes.report import (
    bag_of_words_costs,
    format_table,
    latencies,
    model_costs,
)
from minibert.recipes.task import texts_and_pairs
from minibert.text import write_text

MODELS = ("teacher", "student-alone", "student-unpruned", "student", "student-int8")


def report(job):
    """Measure what the run has made so far; write report.json and report.txt, and print the table.

    Returns
    -------
    dict
        What report.json holds.
    """
    task, out = job.task, job.out
    models = {name: load(out / name) for name in MODELS if (out / name / CONFIG).exists()}
    words = fit_words(task)
    predictors = {"bag-of-words": lambda inputs: words_predict(words, inputs)}
    for name, model in models.items():
        predictors[name] = lambda inputs, m=model: predict(m, task.kind, inputs, job)
    times = latencies(predictors, task.test.inputs)
    file = out / "bag-of-words.safetensors"
    texts = [item if isinstance(item, str) else " ".join(item) for item in task.test.inputs]
    costs = bag_of_words_costs(words, texts, file, times["bag-of-words"])
    rows = [_row("bag-of-words", words_predict(words, task.test.inputs), job, costs)]
    encoded = {}  # by length: all models of a run share a vocabulary
    for name, model in models.items():
        length = text_length(job.recipe, model)
        if length not in encoded:
            encoded[length] = encode(model.tokenizer, task.test.inputs, max_length=length)
        examples = encoded[length]
        predicted = decide(predict_logits(model, examples), task.kind)
        costs = model_costs(model, out / name, examples.lengths, times[name])
        rows.append(_row(name, predicted, job, costs))
    found = {
        "rows": rows,
        "task": task.kind,
        "labels": list(task.names),
        "texts": {
            "train": len(task.train.inputs),
            "test": len(task.test.inputs),
            "unlabelled": len(task.unlabelled),
        },
        "recipe": job.recipe.to_dict(),
    }
    table = format_table(rows, list(rows[0]["intervals"]))
    write_text(out / "report.json", json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    write_text(out / "report.txt", table + "\n")
    where = "test" if job.recipe.data.test else "validation"
    job.say(f"\n{len(task.test.inputs)} {where} texts, 95 % intervals by bootstrap\n\n{table}\n")
    return found


def fit_words(task):
    """The bag of words, trained on the recipe's training texts."""
    texts, pairs = texts_and_pairs(task.train.inputs)
    return BagOfWords.fit(texts, task.train.labels, pairs=pairs)


def words_predict(words, inputs):
    """What a bag of words says of texts or pairs."""
    texts, pairs = texts_and_pairs(inputs)
    return words.predict(texts, pairs=pairs)


def predict(model, kind, inputs, job):
    """What a model says of texts or pairs, as they come."""
    length = text_length(job.recipe, model)
    batch = model.tokenizer(list(inputs), truncation=True, max_length=length)
    return decide(model(**batch).logits, kind)


def _row(name, predicted, job, costs):
    """One row of the report."""
    found = scores(predicted, job.task.test.labels, job.task.kind, classes=job.task.classes)
    # JSON has no NaN, which is the correlation with a constant.
    numbers = {m: [x if math.isfinite(x) else None for x in score] for m, score in found.items()}
    row = {"name": name, **{measure: value for measure, (value, _, _) in numbers.items()}}
    row["intervals"] = {measure: [low, high] for measure, (_, low, high) in numbers.items()}
    return row | costs._asdict()
