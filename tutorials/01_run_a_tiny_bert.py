# %% [markdown]
# # 01 Run a tiny BERT and look inside
#
# BERT reads a text and returns numbers. In this lesson a BERT small enough to be looked at as a
# whole answers one question about a sentence, in English or Chinese: *is this a day to go out?*
#
# You will see
#
# - how a text becomes whole numbers, and these become vectors,
# - every array on the way to the answer, with its shape,
# - why the padding mask is needed, and a check that notices when it is forgotten,
# - what a few seconds of training change,
# - where the parameters of the real TinyBERT are.
#
# You need Python and matrix products. Lesson 03 takes attention apart; here it is one step of
# many.

# %%
import inspect

import numpy as np

from minibert import BertConfig, BertForSequenceClassification, BertTokenizer, ops, plot, preset
from minibert import kernels as F
from minibert.check import compare
from minibert.model import count_parameters, layer_view
from minibert.text import train_vocab
from minibert.train import TrainStep, fit

F.use("numpy")  # run the formulas as they are written, not their compiled forms
print("kernels:", F.level())

# %% [markdown]
# ## The texts
#
# Each sentence comes with its answer: 1 for "go out", 0 for "stay in". Many of the Chinese
# sentences come in pairs that differ in little more than 不, "not".

# %%
EXAMPLES = [
    ("The sun is out, let us walk along the river.", 1),
    ("What a mild evening, we eat in the garden.", 1),
    ("Clear sky and no wind: take the bicycle.", 1),
    ("It is warm enough to swim in the lake.", 1),
    ("The snow is fresh, the children build a snowman.", 1),
    ("A fine day for a picnic on the hill.", 1),
    ("It has rained all day, we stay in and read.", 0),
    ("A storm is coming, close the windows.", 0),
    ("Too cold to walk, let us stay at home.", 0),
    ("The fog is thick, nobody leaves the house.", 0),
    ("Hail and thunder: the picnic is off.", 0),
    ("The wind is so strong that the park is closed.", 0),
    ("天气真好，适合散步。", 1),
    ("天气不好，不适合散步。", 0),
    ("今天很暖和，适合去湖边游泳。", 1),
    ("今天太冷，不适合去湖边游泳。", 0),
    ("昨天阳光真好，我们去爬山。", 1),
    ("昨天下雨，我们不去爬山。", 0),
    ("微风吹来，适合户外骑车。", 1),
    ("风太大，不适合户外骑车。", 0),
    ("今天天气晴朗，大家出门活动。", 1),
    ("今天天气不好，活动取消了。", 0),
    ("昨天不冷，孩子们在公园踢球。", 1),
    ("昨天有雾，孩子们在家看书。", 0),
]
texts = [text for text, _ in EXAMPLES]
labels = np.array([label for _, label in EXAMPLES])
print(len(texts), "texts,", labels.sum(), "of them with the answer 1")

# %% [markdown]
# ## From text to ids
#
# BERT knows no words, only a list of *pieces*, its vocabulary. A word that is not in the list is
# cut into pieces that are; a piece that goes on with a word begins with `##`. Every Chinese
# character is a word of its own. We make a vocabulary from our texts.

# %%
tokenizer = BertTokenizer(train_vocab(texts, 300, min_count=1))
V = len(tokenizer)
print(V, "pieces; the first are", tokenizer.tokens[:12])
print(tokenizer.tokenize("It rains, so walking is out."))
print(tokenizer.tokenize("今天天气真好，适合户外活动。"))

# %% [markdown]
# The word "rains" occurs nowhere in our texts, and still it can be written in pieces.
#
# A model works on several texts at once, a *batch*: an array with a row for each text, and rows
# must be equally long. So the shorter text is filled up with `[PAD]`, and a second array, the
# attention mask, says what is text (1) and what is padding (0). `[CLS]` begins a text, `[SEP]`
# ends it.

# %%
batch = tokenizer(["It rains, so walking is out.", "天气真好。"])
for ids, mask in zip(batch.input_ids, batch.attention_mask, strict=True):
    print(tokenizer.convert_ids_to_tokens(ids))
    print(ids, mask, sep="\n")

# %% [markdown]
# ## The model
#
# A few letters name the sizes throughout minibert: batch $B$, sequence length $L$, hidden size
# $D$, heads $H$, head size $K = D/H$, feed-forward size $F$, vocabulary $V$, layers $N$, classes
# $C$. (In code, `F` is also how minibert names its module of operations.)
#
# The parameters are a plain dictionary of arrays. They start as random numbers.

# %%
config = BertConfig.uniform(
    vocab=V, hidden=24, n_layers=2, heads=3, ffn=48, positions=40, labels=("stay in", "go out")
)
model = BertForSequenceClassification(config, tokenizer=tokenizer, seed=0)
for name, p in model.params.items():
    if "layer.1" not in name:  # the second layer is like the first
        print(f"{name:55} {p.shape}")

# %% [markdown]
# ## One walk through the model
#
# ### Step 1: embeddings
#
# Each token becomes the sum of three rows: one for its piece, one for its place, one for the
# segment (the first or the second text of a pair; here always the first).
#
# $e_{b,l,d} = word_{ids_{b,l},\,d} + position_{l,d} + segment_{0,d}$
#
# Read aloud, that is three nested loops:

# %%
word, position, segment = (
    model.params[f"bert.embeddings.{table}_embeddings.weight"]
    for table in ("word", "position", "token_type")
)


def embedding_loops(ids):
    B, L = ids.shape
    e = np.empty((B, L, word.shape[1]), word.dtype)
    for b in range(B):
        for l in range(L):
            for d in range(word.shape[1]):
                e[b, l, d] = word[ids[b, l], d] + position[l, d] + segment[0, d]
    return e


e_loops = embedding_loops(batch.input_ids)
print("ids", batch.input_ids.shape, "-> embeddings", e_loops.shape)

# %% [markdown]
# The library has the same formula without loops. This is its code:

# %%
print(inspect.getsource(ops.embedding_forward))

# %%
e, _ = ops.embedding_forward(word, position, segment, batch.input_ids)
embeddings_agree = compare(e, e_loops, name="embeddings", rtol=1e-6, axes="BLD")
print(embeddings_agree)

# %% [markdown]
# Every operation of minibert returns two things: its result, and a *cache* of what the gradient
# will need. Without training we do not need the cache, hence the `_`.
#
# ### Step 2: one layer
#
# A layer lets the tokens look at each other (attention), then works on each token alone
# (feed-forward). After each half the input is added again, and LayerNorm brings every vector to
# mean 0 and variance 1. We go through the first layer by hand, and keep every array.

# %%
ids = batch.input_ids
keep = batch.attention_mask.astype(bool)  # (B,L)
p = layer_view(model.params, 0)  # the first layer's parameters under short names
H = config.layers[0].heads


def linear(x, name):
    return ops.linear_forward(x, p[f"{name}.weight"], p[f"{name}.bias"])[0]


def layernorm(x, name):
    gamma, beta = p[f"{name}.weight"], p[f"{name}.bias"]
    return ops.layernorm_forward(x, gamma, beta, config.eps)[0]


def split(x):
    """(B,L,D) -> (B,H,L,K): cut every vector into heads."""
    B, L, D = x.shape
    return x.reshape(B, L, H, D // H).swapaxes(1, 2)


def join(x):
    """(B,H,L,K) -> (B,L,D)."""
    B, H, L, K = x.shape
    return x.swapaxes(1, 2).reshape(B, L, H * K)


x0, _ = ops.layernorm_forward(
    e,
    model.params["bert.embeddings.LayerNorm.weight"],
    model.params["bert.embeddings.LayerNorm.bias"],
    config.eps,
)
q, k, v = (split(linear(x0, f"attention.self.{name}")) for name in ("query", "key", "value"))
scores = q @ k.swapaxes(-1, -2) / np.float32(np.sqrt(q.shape[-1]))  # how well query and key match
bias = ops.padding_bias(keep, scores.dtype)  # 0 on tokens, hugely negative on padding
probabilities, _ = ops.softmax_forward(scores + bias)
context = probabilities @ v  # each token's average of the values it looked at
x = layernorm(x0 + linear(join(context), "attention.output.dense"), "attention.output.LayerNorm")
a, _ = ops.gelu_forward(linear(x, "intermediate.dense"))
x1 = layernorm(x + linear(a, "output.dense"), "output.LayerNorm")

walk = {
    "ids": ids, "embeddings": e, "x0": x0, "q": q, "scores": scores, "bias": bias,
    "probabilities": probabilities, "context": context, "a": a, "x1": x1,
}
for name, array in walk.items():
    print(f"{name:14} {array.shape}")

# %% [markdown]
# Scores and probabilities have a number for every *pair* of tokens, in each head: that is the
# array that grows with the square of the length. Does our walk give what the model computes?

# %%
outputs = model(**batch, output_hidden_states=True, output_attentions=True)
layer_agrees = compare(
    x1, outputs.hidden_states[1], name="hidden state 1", rtol=1e-5, axes="BLD"
)
print(layer_agrees)

# %% [markdown]
# ### Step 3: the answer
#
# After the last layer the vector of `[CLS]` stands for the whole text. The *pooler* passes it
# through a matrix and tanh; the classifier turns that into one number a class, the *logits*.
# Softmax makes probabilities of them.

# %%
pooled = np.tanh(
    outputs.last_hidden_state[:, 0] @ model.params["bert.pooler.dense.weight"].T
    + model.params["bert.pooler.dense.bias"]
)
logits = pooled @ model.params["classifier.weight"].T + model.params["classifier.bias"]
print("last hidden", outputs.last_hidden_state.shape)
print("pooled     ", pooled.shape)
print("logits     ", logits.shape)
logits_agree = compare(logits, outputs.logits, name="logits", rtol=1e-5, axes="BC")
print(logits_agree)
print("probabilities of", config.labels)
print(ops.softmax_forward(logits)[0].round(3))

# %% [markdown]
# An untrained model has no opinion: all probabilities are near one half.
#
# ## The mask, from the text to the probabilities
#
# Padding is there for the array's sake, and must not change an answer. Follow the mask of the
# second text: 1 and 0, then true and false, then a bias that is added to the scores, and at last
# probabilities that are exactly zero on padding.

# %%
print("attention_mask", batch.attention_mask[1])
print("keep          ", keep[1].astype(int))
print("bias          ", [f"{b:.0e}" if b else "0" for b in bias[1, 0, 0]])
print("probabilities ", probabilities[1, 0, 0].round(2))
print("on padding    ", probabilities[1, :, :, ~keep[1]].max())

# %% [markdown]
# **The mistake.** Leave the mask out. Nothing fails: the shapes fit, and the numbers look like
# numbers. It is a mistake that one has to look for.
#
# **The check.** A text must get the same answer alone and beside a longer one.

# %%
alone = model(**tokenizer("天气真好。")).logits[0]
with_mask = model(batch.input_ids, batch.attention_mask).logits[1]
without_mask = model(batch.input_ids).logits[1]

masked = compare(with_mask, alone, name="with the mask", rtol=1e-5)
forgotten = compare(without_mask, alone, name="without the mask", rtol=1e-5)
print(masked)
print(forgotten)

# %% [markdown]
# The error is small, because an untrained model treats all tokens nearly alike. Nobody would
# notice it by reading numbers; the check does.
#
# ## A few seconds of training
#
# One step of training computes the loss (how wrong are the answers?), its gradient for every
# parameter (which way is less wrong?) and moves the parameters a little. Before we start we keep
# the attention of one sentence, to compare.

# %%
shown = tokenizer("It is warm enough to swim in the lake.")
before = model(**shown, output_attentions=True).attentions[0][0]  # layer 1, (H,L,L)
history = fit(
    TrainStep(model, lr=2e-3, seed=1),
    [dict(tokenizer(texts), labels=labels)],
    total_steps=80,
    description="go out?",
    progress=False,
)
after = model(**shown, output_attentions=True).attentions[0][0]
print(f"loss {history[0]['loss']:.3f} -> {history[-1]['loss']:.3f}")
print(f"a coin's loss would be log 2 = {np.log(2):.3f}")

# %%
curve = plot.loss_curves({"is this a day to go out?": history})
curve

# %% [markdown]
# Each small picture below is one head: a row for each token that looks, a column for each token
# that is looked at, darker where more of its attention goes. Before training the heads spread it
# almost evenly; training has made them choose.

# %%
figure = plot.attention_maps(
    tokenizer.convert_ids_to_tokens(shown.input_ids[0]),
    before,
    after,
    ("layer 1 before training", "layer 1 after training"),
)
figure

# %% [markdown]
# ## Questions it was not trained on
#
# The first two sentences are those of an article on TinyBERT that this project began with; the
# third is from another. None of them is among our examples.

# %%
questions = [
    "今天天气真好，适合户外活动。",
    "昨天天气不好，不适合户外活动。",
    "This is an example sentence.",
]
answers, _ = ops.softmax_forward(model(**tokenizer(questions)).logits)
for text, row in zip(questions, answers, strict=True):
    print(f"{config.labels[row.argmax()]:8} {row.max():.3f}  {text}")

# %% [markdown]
# The first two answers are right; of six seeds for dropout that were tried, two get the second one
# wrong. The third sentence says nothing about the weather, and it gets an answer with about the
# same confidence: a probability of a model is not a measure of what it knows. (Two dozen sentences
# are far too few for anything but a demonstration.)
#
# ## The real TinyBERT
#
# The published model with 4 layers is built exactly like ours. Its parameters can be counted by
# hand; a linear map from $n$ to $m$ numbers has $nm + m$ of them, and a LayerNorm $2D$:

# %%
tiny = preset("tinybert-4l-312")
V, D, N, F_size = tiny.vocab, tiny.hidden, tiny.n_layers, tiny.layers[0].ffn
groups = {
    "word table": V * D,
    "position and segment tables": (tiny.positions + tiny.segments) * D,
    "LayerNorm of the embeddings": 2 * D,
    f"attention, {N} layers": N * (4 * (D * D + D) + 2 * D),
    f"feed-forward, {N} layers": N * ((D * F_size + F_size) + (F_size * D + D) + 2 * D),
    "pooler": D * D + D,
}
total = sum(groups.values())
for name, count in groups.items():
    print(f"{name:28} {count:10,}  {count / total:6.1%}")
print(f"{'all':28} {total:10,}")

# %% [markdown]
# Most of this model is its list of words. That is worth remembering when models are made smaller:
# fewer layers save time, but the table stays.
#
# ## What must hold
#
# Every lesson ends with what it claimed, as assertions.

# %%
assert all([embeddings_agree, layer_agrees, logits_agree])
assert np.abs(probabilities.sum(-1) - 1).max() < 1e-5
assert probabilities[1, :, :, ~keep[1]].max() == 0.0
assert masked
assert not forgotten
assert history[-1]["loss"] < 0.1 * history[0]["loss"]
assert [config.labels[i] for i in answers[:2].argmax(1)] == ["go out", "stay in"]
assert total == count_parameters(tiny) == 14_350_248
