"""The names that tensors have in files, and the one that each has here."""

from minibert.model.params import DECODER_BIAS, EMBEDDINGS

PREFIX = "bert."
BARE = ("embeddings.", "encoder.", "pooler.")  # how a bare BertModel's names begin
BUFFERS = (".position_ids", ".token_type_ids")  # no parameters: what can be counted
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}

# The tied decoder has no parameters of its own here; each of its names, and what it must equal.
WORDS = f"{EMBEDDINGS}word_embeddings.weight"
DECODER = "cls.predictions.decoder"
TIED = {f"{DECODER}.weight": WORDS, f"{DECODER}.bias": DECODER_BIAS}

# head -> the transformers class, and how the names of its parameters begin. Where a config names
# no class, the first head whose parameters are there is it.
ARCHITECTURES = {
    "classification": ("BertForSequenceClassification", "classifier."),
    "tokens": ("BertForTokenClassification", "classifier."),
    "span": ("BertForQuestionAnswering", "qa_outputs."),
    "mlm": ("BertForMaskedLM", "cls.predictions."),
    "next_sentence": ("BertForNextSentencePrediction", "cls.seq_relationship."),
    None: ("BertModel", ""),
}
HEADS = {name: head for head, (name, _) in ARCHITECTURES.items()} | {"BertForPreTraining": "mlm"}
_OF_HEADS = tuple(begin for _, begin in ARCHITECTURES.values() if begin)


def full_names(stored):
    """What a file holds under the names used here, its buffers left out.

    Parameters
    ----------
    stored : dict of str to Stored

    Returns
    -------
    dict of str to Stored
        A tied decoder stands in for the parameter it is tied to where that is not there.

    Raises
    ------
    ValueError
        A parameter is there twice, under two names.
    """
    found = {}
    for name, tensor in stored.items():
        if name.endswith(BUFFERS):
            continue
        full = PREFIX + name if name.startswith(BARE) else name
        for old, new in OLD_NAMES.items():
            full = full.replace(old, new)
        if full in found:
            raise ValueError(f"{tensor.path} holds {full} twice: {found[full].name} and {name}")
        found[full] = tensor
    for twin, name in TIED.items():
        if twin in found and name not in found:
            found[name] = found.pop(twin)
    return found


def unexpected_names(found, wanted):
    """Those of a file's names that belong neither to the model nor to any other head."""
    return [name for name in found if name not in wanted and not name.startswith(_OF_HEADS)]


def head_of(architectures, found):
    """The head that a directory is for.

    Parameters
    ----------
    architectures : list of str
        The classes its config names, believed where the head's parameters are there.
    found : collection of str
        The names of its tensors.

    Returns
    -------
    str or None
    """

    def is_there(head):
        return any(name.startswith(ARCHITECTURES[head][1]) for name in found)

    heads = [HEADS[name] for name in architectures if name in HEADS]
    return next(head for head in (*heads, *ARCHITECTURES) if head is None or is_there(head))
