"""The classes are tested on the formulas; a tokenizer to save with them."""

import pytest

from minibert import kernels as F
from minibert.text import SPECIAL_TOKENS, BertTokenizer

TOKENS = [*SPECIAL_TOKENS, *"天气好不.，é🙂wxyz", "sun", "rain", "##y", "##z", "##x", "##w"]


@pytest.fixture(autouse=True, scope="module")
def _formulas():
    with F.use("numpy"):
        yield


@pytest.fixture
def tokenizer():
    return BertTokenizer(TOKENS, do_lower_case=False, model_max_length=6)
