"""`trace`: where a model's numbers leave a reference's, and what the difference looks like."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import numpy as np

from minibert.check.activations import activations
from minibert.check.trace import formulas, heads, rounding, weights
from minibert.check.trace.comparing import FILES, MODELS, compared, precision
from minibert.check.trace.hints import hints
from minibert.check.trace.inputs import from_arrays, from_texts, made_up
from minibert.check.trace.model import (
    Model,
    configs_apart,
    differing_fields,
    exact,
    labels_apart,
    read_model,
)
from minibert.check.trace.named import Named, pick, read_named
from minibert.check.trace.names import IDS, LOGITS, MASK, SEGMENTS, primary_names, with_aliases
from minibert.check.trace.report import Trace
from minibert.check.trace.scene import Cause, Scene, explain
from minibert.interop.onefile import FORMAT
from minibert.interop.tensors import read_header
from minibert.model import HEADS
from minibert.ops import QTensor
from minibert.pretrained.files import nothing_there

# The usual mistakes: each gives the variations that are worth a run. The second kind changes
# weights, which those in int8 are not made for.
FORMULAS = (
    formulas.segments, formulas.norms, formulas.masks, formulas.gelus, formulas.epsilons,
    formulas.poolers, heads.splits, heads.counts, weights.names,
)  # fmt: skip
WEIGHTS = (
    weights.transposed, weights.exchanged, weights.layers, weights.labels, weights.biases,
    heads.rows, rounding.rounded,
)  # fmt: skip


def trace(
    reference,
    other,
    *,
    input_ids=None,
    attention_mask=None,
    token_type_ids=None,
    texts=None,
    pairs=None,
    rtol=None,
    go_on=False,
    seed=0,
):
    """Compare a model with a reference, tensor by tensor, and say where and how they part.

    Parameters
    ----------
    reference : path or model
        A folder or file of a checkpoint, or a model as `minibert.load` returns it.
    other : path, model or dict
        Another checkpoint, or activations by the names of Hugging Face's modules: an .npz or
        .safetensors file of them, or a dict of arrays. These have the inputs among them.
    input_ids, attention_mask, token_type_ids : array_like (B,L), optional
        What to run both on; for activations, where they do not say. Otherwise made up.
    texts, pairs : list of str, optional
        Texts to run both on, read with the reference's tokenizer.
    rtol : float, optional
        Largest relative error, in norm, that counts as equal: 1e-9 between two checkpoints, which
        are both run in float64; for activations 4e-6, for each whose numbers are float16 1e-3, and
        bfloat16 8e-3.
    go_on : bool
        Whether to compare what comes after the first tensor that differs, too.
    seed : int
        Of made-up inputs.

    Returns
    -------
    Trace
        True in a condition where all agree, printed as the report.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or broken, or has nothing to compare, or the inputs are no inputs.

    Examples
    --------
    >>> from minibert import BertConfig, BertModel
    >>> a = BertModel(BertConfig.uniform(vocab=50, hidden=8, n_layers=2, heads=2, ffn=16))
    >>> name = "bert.encoder.layer.1.attention.self.key.weight"
    >>> b = BertModel(a.config, a.params | {name: a.params[name].T})
    >>> found = trace(a, b)
    >>> found.first.name, found.causes[0].cause
    ('encoder.layer.1.attention.self.key', 'transposed-weight')
    """
    given = {IDS: input_ids, MASK: attention_mask, SEGMENTS: token_type_ids}
    given = {name: array for name, array in given.items() if array is not None}
    if given and IDS not in given:
        raise ValueError(f"{', '.join(given)} without input_ids: give these too")
    if pairs is not None and texts is None:
        raise ValueError("pairs without texts: give the first texts too")
    model = as_model(reference, "reference")
    found = _as_other(other, model)
    is_model = isinstance(found, Model)
    inputs = _inputs(model, found, given, texts, pairs, seed)
    expected = with_aliases(_run(model, inputs, known := {}), model.config, model.head)
    got = _without_norms(_run(found, inputs)) if is_model else found.arrays
    got = {name: array for name, array in got.items() if name in expected}
    if not got:
        raise ValueError(f"{found.name} has no tensor of {model.name} to compare")
    kinds = {n: "float64" if is_model else precision(a) for n, a in got.items()}
    allowed = {k: rtol if rtol is not None else FILES.get(k, MODELS) for k in kinds.values()}
    rtols = {n: allowed[k] for n, k in kinds.items()}
    rows, first = [], None
    for row in compared(expected, got, rtols):
        rows.append(row)
        if row.verdict != "OK":
            first = first or row
            if not go_on:
                break
    causes, words = [], []
    if first is not None:
        scene = Scene(model, inputs, expected, got, rtols, first, known)
        causes = explain(scene, _variations(scene))
        words = hints(scene, causes)
    apart = configs_apart(model, found) if is_model else []
    says = labels_apart(model, found) if is_model else None
    if says and first is None:
        causes = [Cause("label-order", says, len(got), len(got), None, 0.0, 0, False)]
    elif says:
        apart.append(says)
    primary = primary_names(model.config.n_layers, model.head)
    there = {primary.get(name, name).removesuffix(".LayerNorm") for name in got}
    missing = [n for n in _without_norms(expected) if n not in there | primary.keys()]
    return Trace(
        model.name, found.name, inputs.about, allowed,
        differing_fields(model, found) if is_model else {},
        apart, rows, first, causes, words, len(got), missing, list(getattr(found, "unknown", ())),
    )  # fmt: skip


def as_model(source, what):
    """A model to run, of a path or of what `minibert.load` returns."""
    if hasattr(source, "params") and hasattr(source, "config"):
        return Model(
            f"the {what}", exact(source.params), source.config, source.head,
            getattr(source, "tokenizer", None),
        )  # fmt: skip
    if not Path(source).exists():
        raise nothing_there(source)
    if Path(source).suffix == ".npz":
        raise ValueError(
            f"{source} holds activations: give it as OTHER; {what.upper()} is a checkpoint"
        )
    return read_model(source)


def _as_other(other, model):
    """A model to run, or named activations."""
    shape = model.config.n_layers, model.head
    blank = {name: None for name in _names(model)}
    if isinstance(other, Mapping):
        return pick("the activations", list(other), other.__getitem__, blank, *shape)
    if not isinstance(other, (str, Path)) or Path(other).is_dir():
        return as_model(other, "other")
    path = Path(other)
    if not path.exists():
        raise nothing_there(other)
    if path.suffix == ".npz" or (
        path.suffix == ".safetensors" and read_header(path)[1].get("format") != FORMAT
    ):
        return read_named(path, blank, *shape)
    if path.suffix in (".safetensors", ""):
        return as_model(path, "other")
    raise ValueError(
        f"{path} is neither a model nor activations: give a folder, an .npz or a .safetensors"
    )


def _names(model):
    """Every name that a tensor of this model may have."""
    tiny = made_up([model.config])
    tiny = tiny._replace(ids=tiny.ids[:, :1], segments=None, keep=None)
    return with_aliases(_run(model, tiny), model.config, model.head)


def _run(model, inputs, known=None):
    """A model's tensors, but those of parameters that its files lack."""
    found = activations(
        model.params, model.config, inputs.ids, inputs.segments, inputs.keep, model.head,
        variations=model.as_it_is, known=known,
    )  # fmt: skip
    new = {name.removeprefix("bert.").split(".")[0] for name in model.new}
    if "pooler" in new and model.head and HEADS[model.head].reads == "pooled":
        new |= {LOGITS[model.head].split(".")[0]}
    return {name: a for name, a in found.items() if name.split(".")[0] not in new}


def _without_norms(tensors):
    """Without the outputs of LayerNorm modules, which are those of the blocks around them."""
    return {name: a for name, a in tensors.items() if not name.endswith(".LayerNorm")}


def _variations(scene):
    """Everything that is worth a run."""
    if scene.theirs.dtype.kind == "f" and not np.isfinite(scene.theirs).all():
        return ()
    is_int8 = any(isinstance(p, QTensor) for p in scene.model.params.values())
    mistakes = FORMULAS if is_int8 else (*FORMULAS, *WEIGHTS)
    return chain.from_iterable(mistake(scene) for mistake in mistakes)


def _inputs(model, found, given, texts, pairs, seed):
    """What to run on."""
    if isinstance(found, Named) and IDS in found.inputs:
        if texts is not None or given:
            raise ValueError(
                f"{found.name} holds the input_ids that it was made from: give no others"
            )
        return from_arrays(found.inputs, f"those in {found.name}")
    if texts is not None:
        return from_texts(texts, pairs, model)
    if given:
        return from_arrays(given, "the ids given")
    if isinstance(found, Named):
        raise ValueError(
            f"{found.name} has no input_ids: save those that it was made from with it (and "
            "attention_mask, token_type_ids), or give the texts or ids"
        )
    return made_up([model.config, found.config], seed)
