"""Text: transformers' BertTokenizer, which is the `tokenizers` library's WordPiece."""

import torch

from ..harness import reference


@reference("wordpiece", source="transformers.BertTokenizer (tokenizers.models.WordPiece)")
def wordpiece(
    texts, pairs, *, tokens, lower, truncation, max_length, padding, strip=None, alone=True,
    added=(),
):
    from transformers import AddedToken, BertTokenizer

    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = BertTokenizer(
        vocab=vocab, do_lower_case=lower, strip_accents=strip, tokenize_chinese_chars=alone
    )
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in added])
    options = {"truncation": truncation, "max_length": max_length, "padding": padding}
    batch = tokenizer(texts, pairs, **options, return_token_type_ids=True)
    names = ("input_ids", "token_type_ids", "attention_mask")
    return {name: torch.tensor(batch[name]) for name in names}
