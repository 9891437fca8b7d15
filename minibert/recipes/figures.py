"""The demo's figures."""

from minibert import plot
from minibert.prune.magnitude import layer_matrices


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
