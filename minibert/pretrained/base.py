"""A model as an object: the encoder alone, and what all models do."""

import warnings
from copy import deepcopy
from pathlib import Path

from minibert import kernels as F
from minibert.interop import read_directory, write_directory, write_file
from minibert.interop.names import ARCHITECTURES
from minibert.model import HEADS, bert_infer, init_params, loss_forward
from minibert.ops import QTensor
from minibert.pretrained.files import folder_tokenizer, nothing_there, read_one_file
from minibert.pretrained.inputs import ModelOutput, as_batch, as_labels
from minibert.quant import quantize_params
from minibert.text.vocabulary import check_lines


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
        self._params = init_params(config, seed, self.head) if params is None else params
        # Packed weights are kept while nobody else holds the arrays, who could change them.
        self._packs = F.Packs() if params is None else None
        self.tokenizer = tokenizer

    @property
    def params(self):
        """Weights by name, dict of str to ndarray or QTensor; they may be changed in place.

        Asking for them costs a little speed from then on: each call packs the weights anew.
        """
        self._packs = None
        return self._params

    @params.setter
    def params(self, params):
        self._params, self._packs = params, None

    @classmethod
    def from_pretrained(cls, folder):
        """Read a folder with config.json and model.safetensors, or a file of `save`.

        Nothing is downloaded. The tokenizer is read too if its files are there. A head that the
        folder does not have is made new, with a warning.

        Parameters
        ----------
        folder : path

        Raises
        ------
        FileNotFoundError, ValueError
            Something is missing, broken or of another kind of model, or the tokenizer has more
            tokens than the model has words.
        """
        path = Path(folder)
        if path.is_file():
            params, config, head, tokenizer = read_one_file(path)
            if head != cls.head:
                raise ValueError(f"{path} holds a {ARCHITECTURES[head][0]}, not a {cls.__name__}")
            return cls._alone(config, params, tokenizer)
        if not path.is_dir():
            raise nothing_there(folder)
        params, config, new = read_directory(path, cls.head)
        if cls.head is not None and HEADS[cls.head].reads == "hidden":
            new = [name for name in new if "pooler" not in name]  # nothing asks for it
        if new:
            message = f"{path} has no {', '.join(new)}: made new, to be trained"
            warnings.warn(message, stacklevel=2)
        return cls._alone(config, params, folder_tokenizer(path, config))

    @classmethod
    def _alone(cls, config, params, tokenizer):
        """A model whose arrays nobody else holds."""
        model = cls(config, params, tokenizer=tokenizer)
        model._packs = F.Packs()
        return model

    def save_pretrained(self, folder, dense=False):
        """Write a folder that `from_pretrained` reads, and transformers too where it can.

        Parameters
        ----------
        folder : path
        dense : bool
            Of a pruned model whose layers differ in width: fill what was removed with zeros, for
            transformers; the function stays the same.

        Warns
        -----
        UserWarning
            transformers cannot read what was written: a pruned model without dense=True, or one
            in int8.
        """
        if self.tokenizer is not None:
            check_lines(self.tokenizer.tokens)  # before anything is written
        write_directory(folder, self._params, self.config, self.head, dense=dense)
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(folder)

    def save(self, path):
        """Write the model, and its tokenizer, as one file that `minibert.load` reads."""
        tokens = settings = None
        if self.tokenizer is not None:
            tokens, settings = self.tokenizer.tokens, self.tokenizer.settings
        write_file(path, self._params, self.config, self.head, tokens, settings)

    def quantize(self):
        """The same model in int8, with the same call.

        Weights are symmetric, one scale an output channel or word; activations affine, one scale
        and zero point a token.
        """
        params = quantize_params(self._params)
        own = {name: deepcopy(p) if p is self._params[name] else p for name, p in params.items()}
        return self._alone(self.config, own, self.tokenizer)

    @property
    def is_quantized(self):
        """Whether any matrix is in int8."""
        return any(isinstance(p, QTensor) for p in self._params.values())

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
        ids, segments, keep = as_batch(input_ids, attention_mask, token_type_ids)
        if labels is not None:
            labels = as_labels(labels, self.head, self.config, ids.shape)
        want = {"hidden"} if output_hidden_states else set()
        want |= {"scores"} if output_attentions else set()
        out = bert_infer(
            self._params, self.config, ids, segments, keep,
            head=self.head, want=want, packs=self._packs,
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

    def eval(self):
        """The model itself: calls are always in evaluation mode. For programs that say it."""
        return self


def _probabilities(scores, keep):
    bias = 0.0 if keep is None else F.padding_bias(keep, scores[0].dtype)
    return tuple(F.softmax_forward(s + bias)[0] for s in scores)
