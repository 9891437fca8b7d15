"""Small models on disk."""

import pytest
from model.small import random_params, uniform, widths

from minibert.interop import write_directory
from minibert.interop.names import ARCHITECTURES
from minibert.text import SPECIAL_TOKENS

TOKENS = [*SPECIAL_TOKENS, "天", "气", "##é", "ß", "\u2028", "🙂", "a b", "\ufeffx", "\r", "ａ"]


@pytest.fixture(params=["uniform", "widths"])
def config(request):
    """A BERT that Hugging Face could hold, and one as pruning leaves it."""
    return {"uniform": uniform, "widths": widths}[request.param](
        classes=3, labels=("晴", "rain", "snow"), pooler="tinybert", eps=1e-7, dropout=0.25
    )


@pytest.fixture(params=ARCHITECTURES)
def head(request):
    return request.param


@pytest.fixture
def params(config, head):
    return random_params(config, head, dtype="float32")


@pytest.fixture
def saved(tmp_path):
    """A classifier in a folder."""
    config = uniform()
    params = random_params(config, "classification", dtype="float32")
    write_directory(tmp_path, params, config, "classification")
    return tmp_path
