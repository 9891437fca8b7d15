"""BertTokenizer: text to the arrays that BERT takes, and ids back to text.

``[CLS] a [SEP]``, or for a pair ``[CLS] a [SEP] b [SEP]``; the segment (token type) is 0 up to the
first [SEP] and 1 after it; the attention mask is 1 on tokens and 0 on padding, which stands at
the end (Devlin et al. 2018, section 3).

The special tokens are recognised in the text as well, written exactly so ("Paris is [MASK]."),
before anything else is done to it.
"""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from minibert.text.arguments import choice, pairs
from minibert.text.basic import basic_tokenize
from minibert.text.batch import BatchEncoding, pad_rows, to_array
from minibert.text.files import read_tokenizer_files
from minibert.text.truncation import STRATEGIES, truncated_lengths
from minibert.text.vocabulary import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, write_text, write_vocab
from minibert.text.wordpiece import CONTINUES, UNKNOWN, wordpiece

CACHE_WORDS = 1 << 16  # words whose pieces are remembered; about 20 MB when full


class BertTokenizer:
    """BERT's tokenizer: basic tokenization, then WordPiece.

    Parameters
    ----------
    tokens : list of str
        The vocabulary; the place in the list is the id.
    do_lower_case : bool
        False for the "cased" models.
    strip_accents : bool, optional
        None means: if lower-casing.
    tokenize_chinese_chars : bool
        Whether each CJK ideograph is a word of its own.
    model_max_length : int
        What ``truncation=True`` cuts to when a call names no `max_length`.

    Attributes
    ----------
    tokens : list of str
    vocab : dict of str to int
    pad_token_id, unk_token_id, cls_token_id, sep_token_id : int
    mask_token_id : int or None
        None if the vocabulary has no [MASK].
    all_special_ids : list of int

    Raises
    ------
    ValueError
        If the vocabulary lacks [PAD], [UNK], [CLS] or [SEP].

    Examples
    --------
    >>> tok = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tiny", "##bert", "."])
    >>> batch = tok(["TinyBERT.", "Tiny"])
    >>> batch.input_ids
    array([[2, 5, 6, 7, 3],
           [2, 5, 3, 0, 0]])
    >>> batch["attention_mask"][1]
    array([1, 1, 1, 0, 0])
    >>> tok.decode(batch.input_ids[0], skip_special_tokens=True)
    'tinybert .'
    """

    def __init__(
        self,
        tokens: list[str],
        *,
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool = True,
        model_max_length: int = 512,
    ):
        if isinstance(tokens, (str, os.PathLike)):
            raise TypeError(
                f"tokens is a list of pieces, not {tokens!r}; "
                "BertTokenizer.from_pretrained(folder) reads files"
            )
        self.tokens = list(tokens)
        self.vocab = {token: i for i, token in enumerate(self.tokens)}
        missing = [t for t in (PAD, UNKNOWN, CLS, SEP) if t not in self.vocab]
        if missing:
            raise ValueError(
                f"the vocabulary of {len(self.tokens)} tokens lacks {', '.join(missing)}; "
                "is it a BERT vocabulary, one token a line?"
            )
        self.rules = {
            "do_lower_case": bool(do_lower_case),
            "strip_accents": strip_accents,
            "tokenize_chinese_chars": bool(tokenize_chinese_chars),
        }
        self.model_max_length = model_max_length
        self.pad_token_id, self.unk_token_id, self.cls_token_id, self.sep_token_id = (
            self.vocab[t] for t in (PAD, UNKNOWN, CLS, SEP)
        )
        self.mask_token_id = self.vocab.get(MASK)
        specials = [t for t in SPECIAL_TOKENS if t in self.vocab]
        self.all_special_ids = [self.vocab[t] for t in specials]
        self._specials = re.compile("(" + "|".join(map(re.escape, specials)) + ")")
        self._cache: dict[str, list[int]] = {}

    # Files

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, **changes) -> "BertTokenizer":
        """Read a saved tokenizer.

        Parameters
        ----------
        folder : path
            Holds vocab.txt or tokenizer.json, and perhaps tokenizer_config.json. Nothing is
            downloaded.
        **changes
            Settings of the constructor that shall differ from the files'.
        """
        tokens, settings = read_tokenizer_files(folder)
        return cls(tokens, **settings | changes)

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Write vocab.txt and tokenizer_config.json into `folder`, making it if need be."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_vocab(folder / "vocab.txt", self.tokens)
        saved = {"tokenizer_class": "BertTokenizer", **self.settings}
        write_text(folder / "tokenizer_config.json", json.dumps(saved, indent=2) + "\n")

    @property
    def settings(self) -> dict:
        """What ``BertTokenizer(tokens, **settings)`` needs to be the same tokenizer again."""
        return {**self.rules, "model_max_length": self.model_max_length}

    # Text to pieces and ids

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    @property
    def vocab_size(self) -> int:
        """Number of tokens: `V`."""
        return len(self.tokens)

    def tokenize(self, text: str) -> list[str]:
        """Split `text` into pieces, no special tokens added."""
        return [self.tokens[i] for i in self._ids(text)]

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int]:
        """One token to its id, or several to a list; what is not in the vocabulary is [UNK]."""
        if isinstance(tokens, str):
            return self.vocab.get(tokens, self.unk_token_id)
        return [self.vocab.get(token, self.unk_token_id) for token in tokens]

    def convert_ids_to_tokens(self, ids: int | Iterable[int]) -> str | list[str]:
        """One id to its token, or several to a list."""
        if not isinstance(ids, Iterable):
            return self.tokens[ids]
        return [self.tokens[i] for i in ids]

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """Join the pieces of one sequence: "##" goes on with the word, all else gets a space."""
        if skip_special_tokens:
            ids = [i for i in ids if i not in self.all_special_ids]
        return " ".join(self.convert_ids_to_tokens(ids)).replace(" " + CONTINUES, "")

    def _ids(self, text: str) -> list[int]:
        """The ids of `text`, special tokens in it recognised."""
        ids = []
        for i, part in enumerate(self._specials.split(text)):
            if i % 2:  # re.split puts what matched at the odd places
                ids.append(self.vocab[part])
                continue
            for word in basic_tokenize(part, **self.rules):
                known = self._cache.get(word)
                ids += self._look_up(word) if known is None else known
        return ids

    def _look_up(self, word: str) -> list[int]:
        """The ids of one word, remembered."""
        if len(self._cache) >= CACHE_WORDS:
            self._cache.clear()
        ids = [self.vocab[piece] for piece in wordpiece(word, self.vocab)]
        self._cache[word] = ids
        return ids

    # Text to a batch

    def __call__(
        self,
        text: str | list,
        text_pair: str | list | None = None,
        *,
        padding: bool | str | None = None,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        return_tensors: str | None = "np",
        add_special_tokens: bool = True,
    ) -> BatchEncoding:
        """Encode one text or many.

        Parameters
        ----------
        text : str, or list of str, or list of pairs of str
            One string gives a batch of one. A pair is a tuple (or list) of two strings.
        text_pair : str or list of str, optional
            The second texts, given apart.
        padding : bool or {"longest", "max_length"}, optional
            True is "longest". None, the default, pads if arrays are asked for.
        truncation : bool or {"longest_first", "only_first", "only_second"}, optional
            True is "longest_first". None, the default, cuts if a `max_length` is given.
        max_length : int, optional
            Tokens a row, special ones included; `model_max_length` if not given.
        return_tensors : {"np", None}
            None gives lists of lists.
        add_special_tokens : bool
            Whether to add [CLS] and [SEP].

        Returns
        -------
        BatchEncoding
            `input_ids`, `token_type_ids`, `attention_mask`, int64 (B,L).

        Raises
        ------
        TypeError
            If an item of the batch is no text; its index is named.
        ValueError
            If an option is unknown, or the rows do not make an array.
        """
        if return_tensors not in ("np", None):
            raise ValueError(
                f'return_tensors={return_tensors!r}: minibert computes in NumPy; use "np"'
            )
        pad_to = choice("padding", padding, "longest", ("longest", "max_length"))
        if truncation is None:
            truncation = max_length is not None
        cut = choice("truncation", truncation, "longest_first", STRATEGIES)
        if max_length is None:
            max_length = self.model_max_length
        input_ids, token_type_ids = [], []
        for i, (a, b) in enumerate(pairs(text, text_pair)):
            first, second = self._ids(a), None if b is None else self._ids(b)
            if cut:
                first, second = self._cut(first, second, max_length, cut, add_special_tokens, i)
            ids, segments = self._join(first, second, add_special_tokens)
            input_ids.append(ids)
            token_type_ids.append(segments)
        mask = [[1] * len(row) for row in input_ids]
        rows = {"input_ids": input_ids, "token_type_ids": token_type_ids, "attention_mask": mask}
        if pad_to or (padding is None and return_tensors):
            longest = max(map(len, input_ids), default=0)
            length = max_length if pad_to == "max_length" else longest
            values = {"input_ids": self.pad_token_id}
            rows = {name: pad_rows(r, length, values.get(name, 0)) for name, r in rows.items()}
        if return_tensors:
            rows = {name: to_array(r) for name, r in rows.items()}
        return BatchEncoding(rows)

    def _cut(self, first, second, max_length, strategy, add_special_tokens, index):
        """Shorten one text or pair so that it fits `max_length` with its special tokens."""
        n_special = (2 if second is None else 3) if add_special_tokens else 0
        if max_length < n_special:
            raise ValueError(f"max_length={max_length} has no room for {n_special} special tokens")
        try:
            n_first, n_second = truncated_lengths(
                len(first), len(second or ()), max_length - n_special, strategy
            )
        except ValueError as error:
            raise ValueError(f"text at index {index}: {error}") from None
        return first[:n_first], None if second is None else second[:n_second]

    def _join(self, first, second, add_special_tokens):
        """Put special tokens around; return ids and segments."""
        if add_special_tokens:
            first = [self.cls_token_id, *first, self.sep_token_id]
            second = second if second is None else [*second, self.sep_token_id]
        second = second or []
        return first + second, [0] * len(first) + [1] * len(second)
