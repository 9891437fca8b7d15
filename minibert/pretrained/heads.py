"""Models with a head, and reading one whose class is not known beforehand."""

from dataclasses import replace
from pathlib import Path

from minibert.interop import read_head
from minibert.pretrained.base import BertModel
from minibert.pretrained.files import nothing_there, read_one_file
from minibert.pretrained.inputs import as_span_labels


class BertForSequenceClassification(BertModel):
    """BERT with a classifier on the pooled vector; one class means regression."""

    head = "classification"


class BertForMaskedLM(BertModel):
    """BERT that predicts words, its decoder tied to the word embeddings."""

    head = "mlm"


class BertForNextSentencePrediction(BertModel):
    """BERT that tells whether the second text follows the first: class 0 says that it does."""

    head = "next_sentence"


class BertForTokenClassification(BertModel):
    """BERT with a classifier on every token, such as for named entities."""

    head = "tokens"


class BertForQuestionAnswering(BertModel):
    """BERT that finds an answer's first and last token; see `minibert.model.best_span`."""

    head = "span"

    def __init__(self, config, params=None, **others):
        # There are a start and an end, whatever classes the checkpoint was for.
        super().__init__(replace(config, classes=2, labels=()), params, **others)

    def __call__(
        self,
        input_ids,
        attention_mask=None,
        token_type_ids=None,
        labels=None,
        *,
        start_positions=None,
        end_positions=None,
        **options,
    ):
        """Run the model, in evaluation mode: see `BertModel`.

        Parameters
        ----------
        input_ids, attention_mask, token_type_ids
            Arrays (B,L).
        labels : array_like of int (B,2), optional
            Start and end positions in one.
        start_positions, end_positions : array_like of int (B,), optional
            First and last token of each answer, which add `loss`; 0 and 0 for no answer.
        **options
            output_hidden_states, output_attentions.

        Returns
        -------
        ModelOutput
            With start_logits and end_logits (B,L) besides; logits (B,L,2) holds both.
        """
        if start_positions is not None or end_positions is not None:
            if labels is not None:
                raise ValueError("give labels or start_positions and end_positions, not both")
            labels = as_span_labels(start_positions, end_positions)
        result = super().__call__(input_ids, attention_mask, token_type_ids, labels, **options)
        result["start_logits"], result["end_logits"] = result.logits[..., 0], result.logits[..., 1]
        return result


CLASSES = {
    kind.head: kind
    for kind in (
        BertModel,
        BertForSequenceClassification,
        BertForMaskedLM,
        BertForNextSentencePrediction,
        BertForTokenClassification,
        BertForQuestionAnswering,
    )
}


def load(path):
    """Read a model whatever its head.

    It has one head. Of a folder with more, such as a BertForPreTraining's (words, and the next
    sentence), the others are left out, and are not there when the model is saved again; to have
    them, read the folder with their own class.

    Parameters
    ----------
    path : path
        A file of `save`, or a folder: then config.json, or else the names of the tensors, tell the
        head. A BertForPreTraining is read as a BertForMaskedLM.

    Returns
    -------
    BertModel, BertForSequenceClassification, ...
        With its tokenizer, if it has one.

    Raises
    ------
    FileNotFoundError, ValueError
        See `BertModel.from_pretrained`.
    """
    if Path(path).is_dir():
        return CLASSES[read_head(path)].from_pretrained(path)
    if not Path(path).is_file():
        raise nothing_there(path)
    params, config, head, tokenizer = read_one_file(path)
    return CLASSES[head]._alone(config, params, tokenizer)
