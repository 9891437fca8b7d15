"""The names that people's files give to activations, and those that they have here.

Names here are those of Hugging Face's modules without what stands before them in a larger model
(``bert.``, ``0.auto_model.``). Some tensors have several names: they are the output of modules
within one another, or of a dropout that does nothing in evaluation.
"""

import re

from minibert.check.activations import EMBEDDINGS, HEAD, LAYER
from minibert.model.params import OUTPUT_LAYERS

IDS, MASK, SEGMENTS = INPUTS = ("input_ids", "attention_mask", "token_type_ids")
LOGITS = {None: None, "mlm": "cls.predictions"}
LOGITS |= {head: name for head, name in OUTPUT_LAYERS.items() if name}
# Where a name begins, whatever stands before it.
ROOT = re.compile(
    r"(?:^|\.)((?:embeddings|encoder|pooler|classifier|qa_outputs|cls\.[a-z]|hidden_states|"
    r"attentions|last_hidden_state|pooler_output|logits|input_ids|attention_mask|token_type_ids)"
    r"(?:[._].*|\Z))"
)
NUMBERED = re.compile(r"(hidden_states|attentions)[._](\d+)\Z")


def short_name(name):
    """A name from where it begins to be ours; None if it never does.

    Examples
    --------
    >>> short_name("0.auto_model.encoder.layer.3.output")
    'encoder.layer.3.output'
    >>> short_name("lstm.weight") is None
    True
    """
    found = ROOT.search(name)
    return found and NUMBERED.sub(r"\1.\2", found[1])


def with_aliases(activations, config, head):
    """The activations under all their names, each next to those it is equal to.

    Parameters
    ----------
    activations : dict of str to ndarray
        As `minibert.check.activations.activations` gives them.
    config : BertConfig
    head : str or None

    Returns
    -------
    dict of str to ndarray
    """
    aliases = aliases_of(config.n_layers, head)
    named = {}
    for name, array in activations.items():
        named[name] = array
        named |= dict.fromkeys(aliases.get(name, ()), array)
    return named


def aliases_of(n_layers, head):
    """Name -> the other names of the same tensor."""
    aliases = {
        "embeddings": ["embeddings.dropout", "hidden_states.0"],
        "pooler": ["pooler.activation", "pooler_output"],
        "cls.predictions": ["cls.predictions.decoder", "logits"],
    }
    for i in range(n_layers):
        layer, last = f"{LAYER}{i}", ["encoder", "last_hidden_state"] * (i == n_layers - 1)
        aliases |= {
            f"{layer}.attention.self.probabilities": [f"attentions.{i}"],
            f"{layer}.attention.output.dense": [f"{layer}.attention.output.dropout"],
            f"{layer}.attention.output": [f"{layer}.attention"],
            f"{layer}.intermediate": [f"{layer}.intermediate.intermediate_act_fn"],
            f"{layer}.output.dense": [f"{layer}.output.dropout"],
            f"{layer}.output": [layer, f"hidden_states.{i + 1}", *last],
        }
    if LOGITS[head]:
        aliases.setdefault(LOGITS[head], ["logits"])
    return aliases


def primary_names(n_layers, head):
    """Every other name of a tensor -> the name that it has here."""
    return {other: name for name, all_ in aliases_of(n_layers, head).items() for other in all_}


def place_of(name):
    """Where a tensor is computed: "embeddings", the number of a layer, or "head"."""
    if name.startswith(LAYER):
        return int(name.removeprefix(LAYER).partition(".")[0])
    return EMBEDDINGS if name.startswith("embeddings") else HEAD


def renumbered(name, by):
    """The name of the same tensor so many layers on; None for one that is in no layer."""
    found = re.match(rf"({re.escape(LAYER)}|hidden_states\.|attentions\.)(\d+)(.*)\Z", name)
    return found and f"{found[1]}{int(found[2]) + by}{found[3]}"
