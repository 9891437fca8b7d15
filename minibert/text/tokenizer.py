"""BertTokenizer: text to the arrays that BERT takes, and ids back to text.

``[CLS] a [SEP]``, or for a pair ``[CLS] a [SEP] b [SEP]``; the segment (token type) is 0 up to the
first [SEP] and 1 after it; the attention mask is 1 on tokens and 0 on padding, which stands at
the end (Devlin et al. 2018, section 3). The special tokens are recognised in the text as well,
written exactly so ("Paris is [MASK]."), before anything else is done to it.
"""

import os
from collections.abc import Iterable

from minibert.text.arguments import (
    added_lists,
    check_length,
    check_one,
    check_whole,
    checked_rules,
    choice,
    pairs,
)
from minibert.text.batch import BatchEncoding
from minibert.text.encode import encode_batch
from minibert.text.files import read_tokenizer_files, write_tokenizer_files
from minibert.text.pieces import PieceFinder
from minibert.text.truncation import STRATEGIES
from minibert.text.vocabulary import CLS, MASK, PAD, SEP, SPECIAL_TOKENS
from minibert.text.wordpiece import CONTINUES, UNKNOWN


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
    added_tokens : iterable of str
        Tokens of the vocabulary that are found in texts as the special tokens are, before words
        are split off.
    additional_special_tokens, normalized_tokens : iterable of str
        Those of `added_tokens` that `decode` can skip; those that are found in other letters too,
        if lower-casing makes them the same.

    Attributes
    ----------
    tokens : list of str
    vocab : dict of str to int
        If a token stands in the vocabulary twice, its last place counts.
    pad_token_id, unk_token_id, cls_token_id, sep_token_id : int
    mask_token_id : int or None
        None if the vocabulary has no [MASK].
    all_special_ids : list of int

    Raises
    ------
    ValueError
        If the vocabulary lacks [PAD], [UNK], [CLS], [SEP] or one of `added_tokens`, or a setting
        is none; its name is told.

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
        added_tokens: Iterable[str] = (),
        additional_special_tokens: Iterable[str] = (),
        normalized_tokens: Iterable[str] = (),
    ):
        if isinstance(tokens, (str, os.PathLike)):
            raise TypeError(
                f"tokens is a list of pieces, not {tokens!r}; "
                "BertTokenizer.from_pretrained(folder) reads files"
            )
        self.tokens = list(tokens)
        self.vocab = {token: i for i, token in enumerate(self.tokens)}
        self.added = added_lists(added_tokens, additional_special_tokens, normalized_tokens)
        needed = (PAD, UNKNOWN, CLS, SEP, *self.added["added_tokens"])
        missing = [token for token in needed if token not in self.vocab]
        if missing:
            raise ValueError(
                f"the vocabulary of {len(self.tokens)} tokens lacks {', '.join(missing)}; "
                "is it a BERT vocabulary, one token a line?"
            )
        rules = {
            "do_lower_case": do_lower_case,
            "strip_accents": strip_accents,
            "tokenize_chinese_chars": tokenize_chinese_chars,
        }
        self.rules = checked_rules(rules)
        check_whole("model_max_length", model_max_length)
        self.model_max_length = int(model_max_length)
        self.pad_token_id, self.unk_token_id, self.cls_token_id, self.sep_token_id = (
            self.vocab[t] for t in (PAD, UNKNOWN, CLS, SEP)
        )
        self.mask_token_id = self.vocab.get(MASK)
        specials = [t for t in SPECIAL_TOKENS if t in self.vocab]
        skipped = [*specials, *self.added["additional_special_tokens"]]
        self.all_special_ids = [self.vocab[t] for t in dict.fromkeys(skipped)]
        self._pieces = PieceFinder(self.tokens, specials, self.added, self.rules)

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
        """Write vocab.txt, tokenizer.json and tokenizer_config.json into `folder`.

        The folder is made if need be. tokenizer.json is for transformers, which needs nothing
        else; vocab.txt is for readers.
        """
        write_tokenizer_files(folder, self.tokens, self._pieces.pieces, self.settings)

    @property
    def settings(self) -> dict:
        """What ``BertTokenizer(tokens, **settings)`` needs to be the same tokenizer again."""
        return {**self.rules, "model_max_length": self.model_max_length, **self.added}

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
        return [self.tokens[i] for i in self._pieces.ids(text)]

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int]:
        """One token to its id, or several to a list; what is not in the vocabulary is [UNK]."""
        if isinstance(tokens, str):
            return self.vocab.get(tokens, self.unk_token_id)
        return [self.vocab.get(token, self.unk_token_id) for token in tokens]

    def convert_ids_to_tokens(self, ids: int | Iterable[int]) -> str | list[str]:
        """One id to its token, or several to a list.

        Raises
        ------
        ValueError
            If the vocabulary does not have an id; a label of -100 is none.
        """
        if isinstance(ids, Iterable):
            return [self.convert_ids_to_tokens(i) for i in ids]
        if not 0 <= ids < len(self.tokens):
            raise ValueError(f"id {ids} is not in the vocabulary: 0 to {len(self.tokens) - 1}")
        return self.tokens[ids]

    def convert_tokens_to_string(self, tokens: Iterable[str]) -> str:
        """Join pieces: one with "##" goes on with the word, every other begins a new one."""
        return " ".join(tokens).replace(" " + CONTINUES, "")

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """Turn one row of ids into text.

        It is not the text they came from: case and accents are gone, what was [UNK] is, and a
        space stands between all words, punctuation and Chinese characters among them.
        """
        if skip_special_tokens:
            ids = [i for i in ids if i not in self.all_special_ids]
        return self.convert_tokens_to_string(self.convert_ids_to_tokens(ids))

    def batch_decode(self, rows: Iterable, skip_special_tokens: bool = False) -> list[str]:
        """Decode every row."""
        return [self.decode(row, skip_special_tokens) for row in rows]

    def encode(self, text: str, text_pair: str | None = None, **options) -> list[int]:
        """The ids of one text, or pair; `options` as for a call."""
        check_one(text, options.get("is_split_into_words", False))
        return self(text, text_pair, **options, return_tensors=None).input_ids[0]

    # Text to a batch

    def __call__(
        self,
        text: str | list,
        text_pair: str | list | None = None,
        *,
        padding: bool | str | None = None,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        return_tensors: str | None = "np",
        return_overflowing_tokens: bool = False,
        return_offsets_mapping: bool = False,
        return_special_tokens_mask: bool = False,
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
        stride : int
            Pieces that neighbouring windows share.
        is_split_into_words : bool
            Whether each text is a list of words, not a string.
        return_tensors : {"np", None}
            None gives lists of lists.
        return_overflowing_tokens : bool
            Whether a text that is too long becomes several rows, windows that overlap, instead
            of being cut. Without `max_length` and `truncation` none is too long: one row a text.
        return_offsets_mapping, return_special_tokens_mask : bool
            Whether to return these.
        add_special_tokens : bool
            Whether to add [CLS] and [SEP].

        Returns
        -------
        BatchEncoding
            `input_ids`, `token_type_ids`, `attention_mask`, int64 (B,L). If asked for,
            `special_tokens_mask` (B,L), 1 at what was added; `offset_mapping` (B,L,2), the first
            and last + 1 character of each token in its text (in its word, if words were given),
            (0, 0) at what was added; `overflow_to_sample_mapping` (B,), the text of each row.

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
        if padding is None and return_tensors:
            pad_to = "longest"
        if truncation is None:
            truncation = max_length is not None
        strategy = choice("truncation", truncation, "longest_first", STRATEGIES)
        max_length = self.model_max_length if max_length is None else max_length
        check_length(max_length, stride, return_overflowing_tokens)
        return encode_batch(
            self._pieces,
            pairs(text, text_pair, is_split_into_words),
            ends=(self.cls_token_id, self.sep_token_id) if add_special_tokens else None,
            pad_id=self.pad_token_id,
            max_length=max_length,
            strategy=strategy,
            stride=stride if return_overflowing_tokens else None,
            pad_to=pad_to,
            arrays=return_tensors is not None,
            offsets=return_offsets_mapping,
            special_mask=return_special_tokens_mask,
        )
