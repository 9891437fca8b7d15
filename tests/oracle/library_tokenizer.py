"""The same tokenizer made of the `tokenizers` library's parts, and real texts to compare on."""

import json

import pytest

from minibert.text import SPECIAL_TOKENS

tokenizers = pytest.importorskip("tokenizers")


def library_tokenizer(tok):
    """A `tokenizers.Tokenizer` with the vocabulary and the rules of a `BertTokenizer`."""
    model = tokenizers.models.WordPiece(
        tok.vocab, unk_token="[UNK]", max_input_chars_per_word=100, continuing_subword_prefix="##"
    )
    library = tokenizers.Tokenizer(model)
    library.normalizer = tokenizers.normalizers.BertNormalizer(
        lowercase=tok.rules["do_lower_case"],
        strip_accents=tok.rules["strip_accents"],
        handle_chinese_chars=tok.rules["tokenize_chinese_chars"],
    )
    library.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    library.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", tok.cls_token_id), ("[SEP]", tok.sep_token_id)],
    )
    library.add_special_tokens(list(SPECIAL_TOKENS))
    return library


def differing_texts(tok, library, texts):
    """Those of `texts` whose ids, offsets or words are not the library's."""
    ours = tok(texts, return_tensors=None, return_offsets_mapping=True)
    return [
        text
        for i, (text, theirs) in enumerate(zip(texts, library.encode_batch(texts), strict=True))
        if ours.input_ids[i] != theirs.ids
        or ours.offset_mapping[i] != theirs.offsets
        or ours.word_ids(i) != theirs.word_ids
    ]


def titles(data_dir):
    """Chinese headlines."""
    lines = (data_dir / "thucnews" / "dev.txt").read_bytes().decode("utf-8").split("\n")
    return [line.rpartition("\t")[0] for line in lines if line]


def questions(data_dir):
    """(question, context) in Chinese; the contexts are far longer than a headline."""
    cmrc = json.loads((data_dir / "cmrc2018" / "cmrc2018_dev.json").read_bytes())
    paragraphs = [p for article in cmrc["data"] for p in article["paragraphs"]]
    return [(q["question"], p["context"]) for p in paragraphs for q in p["qas"]]


def commands(data_dir):
    """English voice commands."""
    found = []
    for path in sorted((data_dir / "snips").glob("*.json")):
        intents = json.loads(path.read_bytes().decode("utf-8", errors="replace"))
        for examples in intents.values():
            found += ["".join(part["text"] for part in e["data"]) for e in examples]
    return found
