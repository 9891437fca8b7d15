"""Text to ids: BERT's WordPiece tokenizer and the training of its vocabulary."""

from minibert.text.basic import basic_tokenize
from minibert.text.batch import BatchEncoding
from minibert.text.disk import write_text
from minibert.text.tokenizer import BertTokenizer
from minibert.text.training import train_vocab
from minibert.text.vocabulary import SPECIAL_TOKENS, check_fits, read_vocab, write_vocab
from minibert.text.wordpiece import wordpiece

TinyBertTokenizer = TinyBERTTokenizer = BertTokenizer  # the spellings found in articles

__all__ = [
    "SPECIAL_TOKENS",
    "BatchEncoding",
    "BertTokenizer",
    "TinyBERTTokenizer",
    "TinyBertTokenizer",
    "basic_tokenize",
    "check_fits",
    "read_vocab",
    "train_vocab",
    "wordpiece",
    "write_text",
    "write_vocab",
]
