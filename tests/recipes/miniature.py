"""The demo's whole path on sixty texts and three steps a stage."""

import random

from minibert.recipes.material import Material

CLASSES = ("weather", "sport", "厨房")
BEGINNINGS = {
    "weather": ["Rain is coming", "The storm is over", "今天有风", "Fog again", "下雪了"],
    "sport": ["The team is training", "A late goal", "他们赢了比赛", "Two players fell", "球进了"],
    "厨房": ["Bake the bread", "More salt is needed", "水开了", "Peel an onion", "汤太咸"],
}
ENDS = ["this evening.", "as always!", "，没想到。", "— who would have thought?"]

SETTINGS = {
    "vocab": 150,
    "max_length": 16,
    "alone_rates": [1e-3, 5e-3],
    "teacher": {"hidden": 16, "n_layers": 3, "heads": 4, "ffn": 24, "init_std": 0.1},
    "student": {"hidden": 8, "n_layers": 2, "heads": 4, "ffn": 12, "init_std": 0.1},
    "prune": {"heads": 0.5, "neurons": 0.75, "zeros": 0.2},
    "stages": {
        name: {"steps": 3, "lr": 2e-3, "batch_size": 16}
        for name in (
            "pretrain", "finetune", "general", "task_inside", "task_predictions", "recover"
        )
    },
}
ROWS = ["bag-of-words", "teacher", "student-alone", "student-distilled", "pruned", "int8"]
KEYS = ["name", "accuracy", "parameters", "bytes", "flops", "latency_ms_1", "latency_ms_32"]


def labelled_texts():
    """Sixty texts, and their labels as words, in a fixed random order."""
    pairs = [
        (f"{begin} {end}", label)
        for label, beginnings in BEGINNINGS.items()
        for begin in beginnings
        for end in ENDS
    ]
    random.Random(0).shuffle(pairs)
    return pairs


def material():
    """Forty texts to train on, ten to validate and ten to test; and some without labels."""
    pairs = [(text, CLASSES.index(label)) for text, label in labelled_texts()]

    def part(rows):
        return [text for text, _ in rows], [label for _, label in rows]

    train, validation, test = part(pairs[:40]), part(pairs[40:50]), part(pairs[50:])
    unlabelled = [f"{end} {begin}" for begin in BEGINNINGS["sport"] for end in ENDS]
    return Material(CLASSES, train, validation, test, unlabelled, ["下雨了。", "A goal!"])
