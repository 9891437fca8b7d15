"""The user-level classes, with the call shape of Hugging Face's transformers.

    model = BertForSequenceClassification.from_pretrained("folder")
    outputs = model(**tokenizer(["a text"], return_tensors="np"))
    outputs.logits, outputs["logits"]

A model is a config, a flat dict of parameters and, where there is one, a tokenizer; everything it
computes is in `minibert.model`.
"""

import warnings
from pathlib import Path

import numpy as np

from minibert import kernels as F
from minibert.interop import read_directory, read_file, write_directory, write_file
from minibert.model import bert_forward, init_params, loss_forward
from minibert.ops import QTensor
from minibert.quant import quantize_params
from minibert.text import BertTokenizer


class ModelOutput(dict):
    """What a model returns; every entry is also an attribute. What was not asked for is None."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the output has no {name!r}; it has {', '.join(self)}") from None


class BertModel:
    """BERT's encoder.

    Parameters
    ----------
    config : BertConfig
    params : dict of str to ndarray or QTensor, optional
        Freshly initialized from `seed` where not given.
    tokenizer : BertTokenizer, optional
        Kept with the model, and saved with it.
    seed : int

    Examples
    --------
    >>> from minibert import BertConfig
    >>> model = BertModel(BertConfig.uniform(vocab=50, hidden=8, n_layers=2, heads=2, ffn=16))
    >>> model([[2, 7, 3]]).last_hidden_state.shape
    (1, 3, 8)
    """

    head = None

    def __init__(self, config, params=None, *, tokenizer=None, seed=0):
        self.config = config
        self.params = init_params(config, seed, self.head) if params is None else params
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(cls, folder):
        """Read a directory with config.json and model.safetensors, or a file of `save`.

        Nothing is downloaded. The tokenizer is read too if its files are there. A head that the
        directory does not have is made new, with a warning.
        """
        folder = Path(folder)
        if folder.is_file():
            return _from_file(folder, cls)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} is no directory here; nothing is downloaded: give the path of a model "
                "that was saved with save_pretrained"
            )
        params, config, new = read_directory(folder, cls.head)
        if cls.head == "mlm":
            new = [name for name in new if "pooler" not in name]  # nothing asks for it
        if new:
            message = f"{folder} has no {', '.join(new)}: made new, to be trained"
            warnings.warn(message, stacklevel=2)
        has_vocab = any((folder / name).exists() for name in ("vocab.txt", "tokenizer.json"))
        tokenizer = BertTokenizer.from_pretrained(folder) if has_vocab else None
        return cls(config, params, tokenizer=tokenizer)

    def save_pretrained(self, folder):
        """Write a directory that `from_pretrained` reads."""
        if self.is_quantized:
            raise ValueError("an int8 model is saved as one file: use save(path)")
        write_directory(folder, self.params, self.config, self.head)
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(folder)

    def save(self, path):
        """Write the model, and its tokenizer, as one file that `minibert.load` reads."""
        tokens = settings = None
        if self.tokenizer is not None:
            tokens, settings = self.tokenizer.tokens, self.tokenizer.settings
        write_file(path, self.params, self.config, self.head, tokens, settings)

    def quantize(self):
        """The same model in int8, with the same call.

        Weights are symmetric, one scale an output channel or word; activations affine, one scale
        and zero point a token.
        """
        return type(self)(self.config, quantize_params(self.params), tokenizer=self.tokenizer)

    @property
    def is_quantized(self):
        """Whether any matrix is in int8."""
        return any(isinstance(p, QTensor) for p in self.params.values())

    def __call__(
        self,
        input_ids,
        attention_mask=None,
        token_type_ids=None,
        labels=None,
        *,
        output_hidden_states=False,
        output_attentions=False,
    ):
        """Run the model, in evaluation mode.

        Parameters
        ----------
        input_ids : array_like of int (B,L)
        attention_mask : array_like (B,L), optional
            1 or True where there is a token.
        token_type_ids : array_like of int (B,L), optional
        labels : array_like, optional
            Adds `loss`; see `minibert.model.loss_forward`.
        output_hidden_states, output_attentions : bool
            Whether to keep all hidden states, and the attention probabilities (not scores).

        Returns
        -------
        ModelOutput
            loss, logits, last_hidden_state, pooler_output, hidden_states, attentions.
        """
        ids = _token_array("input_ids", input_ids)
        segments = keep = None
        if token_type_ids is not None:
            segments = _token_array("token_type_ids", token_type_ids)
        if attention_mask is not None:
            keep = _token_array("attention_mask", attention_mask)
            if not np.isin(keep, (0, 1)).all():
                raise ValueError(
                    "attention_mask holds other numbers than 0 and 1; it is 1 where there is a "
                    "token, and is not added to the scores"
                )
            keep = keep.astype(bool)
        for name, array in (("attention_mask", keep), ("token_type_ids", segments)):
            if array is not None and array.shape != ids.shape:
                raise ValueError(f"{name} is {array.shape}, input_ids {ids.shape}; make them equal")
        labels = None if labels is None else self._labels(labels, ids.shape)
        want = {"hidden"} if output_hidden_states else set()
        want |= {"scores"} if output_attentions else set()
        out, _ = bert_forward(
            self.params, self.config, ids, segments, keep, head=self.head, want=want
        )
        encoded = out.encoded
        result = ModelOutput(
            loss=None,
            logits=out.logits,
            last_hidden_state=encoded.hidden[-1],
            pooler_output=encoded.pooled,
            hidden_states=encoded.hidden if output_hidden_states else None,
            attentions=_probabilities(encoded.scores, keep) if output_attentions else None,
        )
        if labels is not None:
            result["loss"] = float(loss_forward(out.logits, labels, self.config, self.head)[0])
        return result

    def _labels(self, labels, shape):
        """The labels as an array, one a text, or for masked words one a token."""
        if self.head is None:
            raise ValueError("labels were given to a model without a head")
        labels = np.asarray(labels)
        wanted = shape if self.head == "mlm" else shape[:1]
        is_regression = self.head == "classification" and self.config.classes == 1
        if labels.shape != wanted and not (is_regression and labels.shape == (*wanted, 1)):
            raise ValueError(f"labels has shape {labels.shape}; wanted {wanted}")
        if not is_regression and not np.issubdtype(labels.dtype, np.integer):
            raise TypeError(f"labels has dtype {labels.dtype}; classes and words are integers")
        return labels

    def eval(self):
        """The model itself: calls are always in evaluation mode. For programs that say it."""
        return self


class BertForSequenceClassification(BertModel):
    """BERT with a classifier on the pooled vector; one class means regression."""

    head = "classification"


class BertForMaskedLM(BertModel):
    """BERT that predicts words, its decoder tied to the word embeddings."""

    head = "mlm"


TinyBertModel = TinyBERTModel = BertModel
TinyBertForSequenceClassification = BertForSequenceClassification
TinyBERTForSequenceClassification = BertForSequenceClassification
TinyBertForMaskedLM = TinyBERTForMaskedLM = BertForMaskedLM


def load(path):
    """Read a model that was saved as one file.

    Parameters
    ----------
    path : path
        A file of `save`; a directory is read by the classes' `from_pretrained`.

    Returns
    -------
    BertModel, BertForSequenceClassification or BertForMaskedLM
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a directory: read it with from_pretrained")
    return _from_file(path)


def _from_file(path, cls=None):
    params, config, head, tokens, settings = read_file(path)
    classes = {c.head: c for c in (BertModel, BertForSequenceClassification, BertForMaskedLM)}
    if cls is not None and cls.head != head:
        raise ValueError(f"{path} holds a {classes[head].__name__}, not a {cls.__name__}")
    try:
        tokenizer = None if tokens is None else BertTokenizer(tokens, **settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no usable tokenizer: {error}") from None
    return classes[head](config, params, tokenizer=tokenizer)


def _token_array(name, values):
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths: pad them") from None
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; wanted (B,L), a row for each text")
    return array


def _probabilities(scores, keep):
    bias = 0.0 if keep is None else F.padding_bias(keep, scores[0].dtype)
    return tuple(F.softmax_forward(s + bias)[0] for s in scores)
