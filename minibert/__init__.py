"""TinyBERT from scratch in NumPy: every formula next to the code that computes it.

What is named here, and the packages beside it, is imported when it is first used, so that
``import minibert`` takes no time; the command ``minibert`` relies on it.
"""

import importlib

from minibert._version import __version__

TYPE_CHECKING = False  # tools that read programs take it for True; importing `typing` takes time
if TYPE_CHECKING:
    from minibert.config import BertConfig, LayerSize, preset
    from minibert.kernels import get_threads, set_threads
    from minibert.model import best_span
    from minibert.pretrained import (
        BertForMaskedLM,
        BertForNextSentencePrediction,
        BertForQuestionAnswering,
        BertForSequenceClassification,
        BertForTokenClassification,
        BertModel,
        TinyBERTForMaskedLM,
        TinyBertForMaskedLM,
        TinyBERTForNextSentencePrediction,
        TinyBertForNextSentencePrediction,
        TinyBERTForQuestionAnswering,
        TinyBertForQuestionAnswering,
        TinyBERTForSequenceClassification,
        TinyBertForSequenceClassification,
        TinyBERTForTokenClassification,
        TinyBertForTokenClassification,
        TinyBERTModel,
        TinyBertModel,
        load,
    )
    from minibert.text import BertTokenizer, TinyBERTTokenizer, TinyBertTokenizer

__all__ = [
    "BertConfig",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertModel",
    "BertTokenizer",
    "LayerSize",
    "TinyBERTForMaskedLM",
    "TinyBERTForNextSentencePrediction",
    "TinyBERTForQuestionAnswering",
    "TinyBERTForSequenceClassification",
    "TinyBERTForTokenClassification",
    "TinyBERTModel",
    "TinyBERTTokenizer",
    "TinyBertForMaskedLM",
    "TinyBertForNextSentencePrediction",
    "TinyBertForQuestionAnswering",
    "TinyBertForSequenceClassification",
    "TinyBertForTokenClassification",
    "TinyBertModel",
    "TinyBertTokenizer",
    "__version__",
    "best_span",
    "get_threads",
    "load",
    "preset",
    "set_threads",
]

# Where the names are defined, the quickest to import first.
_HOMES = ("config", "text", "kernels", "model", "pretrained")


def __getattr__(name: str):
    """A public name, or a package, asked for the first time."""
    if name in __all__:
        for home in _HOMES:
            package = importlib.import_module(f"minibert.{home}")
            if hasattr(package, name):
                globals()[name] = value = getattr(package, name)
                return value
    elif not name.startswith("_"):
        try:
            return importlib.import_module(f"minibert.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"minibert.{name}":  # it is there, but something that it needs is not
                raise
    raise AttributeError(f"module 'minibert' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
