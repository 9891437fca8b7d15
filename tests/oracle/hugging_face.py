"""Hugging Face's BERT classes, made for one of our configurations, in float64."""

import pytest

torch = pytest.importorskip("torch")

CLASSES = {
    None: "BertModel", "classification": "BertForSequenceClassification",
    "mlm": "BertForMaskedLM", "next_sentence": "BertForNextSentencePrediction",
    "tokens": "BertForTokenClassification", "span": "BertForQuestionAnswering",
}


def bert(config, head):
    """Its model in float64 evaluation mode, and its parameters under our names."""
    transformers = pytest.importorskip("transformers")
    size = config.layers[0]
    shape = transformers.BertConfig(
        vocab_size=config.vocab, hidden_size=config.hidden, num_hidden_layers=config.n_layers,
        num_attention_heads=size.heads, intermediate_size=size.ffn,
        max_position_embeddings=config.positions, layer_norm_eps=config.eps,
        num_labels=2 if head == "span" else config.classes, pad_token_id=config.pad_id,
        attn_implementation="eager",
    )
    model = getattr(transformers, CLASSES[head])(shape).double().eval()
    prefix = "bert." if head is None else ""
    return model, {prefix + name: p for name, p in model.named_parameters()}


def inputs(ids, segments, keep):
    """Our batch under its names; arrays or tensors."""
    return {
        "input_ids": torch.as_tensor(ids), "token_type_ids": torch.as_tensor(segments),
        "attention_mask": torch.as_tensor(keep).long(),
    }


def run(params, config, ids, segments, keep, head=None):
    """Its output on parameters that are tensors: gradients flow to these."""
    model, named = bert(config, head)
    prefix = "bert." if head is None else ""
    given = {name.removeprefix(prefix): params[name] for name in named}
    wanted = inputs(ids, segments, keep) | {"output_hidden_states": True, "output_attentions": True}
    return torch.func.functional_call(model, given, kwargs=wanted)


def logits_of(theirs):
    """A span's two are apart there."""
    if "start_logits" in theirs:
        return torch.stack([theirs.start_logits, theirs.end_logits], -1)
    return theirs.logits
