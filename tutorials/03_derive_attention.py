# %% [markdown]
# # 03 Derive attention, and its gradient
#
# Attention is the one place where the tokens of a text meet. This lesson begins with the formula
# for it that an article prints, finds out what that formula does, arrives at the right one,
# writes it as loops, derives its gradient, and checks everything.
#
# Letters: $L$ tokens, each a vector of $D$ numbers; $K$ the size of queries, keys and values
# (called $d_k$ in many texts); later also a batch $B$ and heads $H$.

# %%
import inspect
import math

import numpy as np

from minibert import BertConfig, BertModel, ops, plot
from minibert import kernels as F
from minibert.check import compare, gradcheck, spec

F.use("numpy")  # run the formulas as they are written, not their compiled forms
print("kernels:", F.level())

# %% [markdown]
# Five tokens, each a random vector, and three random matrices that make a query (what do I look
# for?), a key (what do I offer?) and a value (what do I hand over?) of every token.

# %%
tokens = ["the", "snow", "melts", "in", "spring"]
L, D, K = len(tokens), 7, 4
rng = np.random.default_rng(6)
x = rng.standard_normal((L, D))
wq, wk, wv = (rng.standard_normal((K, D)) / math.sqrt(D) for _ in range(3))
q, k, v = x @ wq.T, x @ wk.T, x @ wv.T
print("x", x.shape, " q, k, v", q.shape)

# %% [markdown]
# ## The formula as printed
#
# Two articles on TinyBERT stand at the beginning of this project. The first prints
#
# $\text{Attention}(Q, K, V) = \dfrac{Q K^T}{\sqrt{d_k}} \times V$
#
# Two matrix products. We write it down as it stands, and look at the weights by which the values
# are multiplied.


# %%
def weights_as_printed(q, k):
    return q @ k.T / math.sqrt(q.shape[-1])


def attention_as_printed(q, k, v):
    return weights_as_printed(q, k) @ v


w = weights_as_printed(q, k)
print(w.round(2))
print("sums of the rows", w.sum(1).round(2))

# %% [markdown]
# These are no shares of attention: some are negative, and no row sums to 1. It is also a strange
# function. It is linear in each of $Q$, $K$ and $V$, and all three come from the same $X$. So it
# is *cubic*: make the input twice as large, and the output grows by 2 times 2 times 2.


# %%
def layer_as_printed(x):
    return attention_as_printed(x @ wq.T, x @ wk.T, x @ wv.T)


growth = layer_as_printed(2 * x) / layer_as_printed(x)
print("f(2x) / f(x) is everywhere", growth.min().round(6), "to", growth.max().round(6))

# %% [markdown]
# One layer cubes a ratio of sizes, and layers are stacked. Below, the same layer is applied again
# and again to $x$ and to $2x$ (with square matrices, so that the output fits the input).

# %%
squares = [rng.standard_normal((D, D)) / math.sqrt(D) for _ in range(3)]
small, large = x, 2 * x
for depth in range(1, 4):
    small, large = (attention_as_printed(*(y @ s.T for s in squares)) for y in (small, large))
    ratio = np.linalg.norm(large) / np.linalg.norm(small)
    print(f"after layer {depth}: {ratio:.6g} times as large")

# %% [markdown]
# ## What is missing
#
# The second article prints, in one place,
#
# $A = \text{softmax}\left(\dfrac{Q K^T}{\sqrt{d_k}}\right)$
#
# which is right. (Its text calls $K$ "dense vectors", means keys; it introduces positions that
# the formula does not use; and it writes $A$ as $n$ numbers, where it has one for every pair of
# tokens.) Softmax makes positive numbers of the scores and divides every row by its sum:
#
# $p_{ij} = \dfrac{e^{s_{ij}}}{\sum_m e^{s_{im}}}$
#
# A larger score still means more attention, but now a row is a division of one whole. Each
# token's output is an average of the values.

# %%
p, _ = ops.softmax_forward(weights_as_printed(q, k))
print(p.round(2))
print("sums of the rows", p.sum(1).round(12))
context = p @ v
inside = (context >= v.min(0)) & (context <= v.max(0))
print("every output lies between the smallest and the largest value:", inside.all())

# %%
figure = plot.heatmaps(
    {"as printed": w, "with softmax": p}, tokens, tokens, row_label="query", column_label="key"
)
figure

# %% [markdown]
# In another place the second article prints a formula for *self*-attention:
#
# $A = \text{softmax}\left(\dfrac{X W_q^T}{\sqrt{d_k}}\right)$
#
# There are no keys in it. Its result has $K$ columns, not one for each token, and a row of it
# knows nothing of the other tokens: change the last token, and the first row stays as it was.

# %%
changed = x.copy()
changed[-1] += 1.0


def without_keys(x):
    return ops.softmax_forward(x @ wq.T / math.sqrt(K))[0]


def with_keys(x):
    return ops.softmax_forward(weights_as_printed(x @ wq.T, x @ wk.T))[0]


moved = {f.__name__: np.abs(f(changed)[0] - f(x)[0]).max() for f in (without_keys, with_keys)}
print("shapes", without_keys(x).shape, with_keys(x).shape)
print("the first row moves by", {name: float(change.round(4)) for name, change in moved.items()})

# %% [markdown]
# So the whole is, for self-attention with $q = x W_q^T$, $k = x W_k^T$ and $v = x W_v^T$ (small
# letters, as in the code; $K$ is from here on only the size of a head),
#
# $s = \dfrac{q\,k^T}{\sqrt{K}}, \qquad p = \text{softmax}(s + bias), \qquad context = p\,v$
#
# (Vaswani and others 2017, equation 1). The bias hides keys: very negative where a key is
# padding.
#
# ## Why the square root
#
# A score is a sum of $K$ products. If queries and keys have entries of standard deviation 1, the
# sum has standard deviation $\sqrt{K}$. Softmax of large scores is nearly all or nothing, and
# where it is, its gradient vanishes: nothing can be learned there. The division keeps the scores'
# size the same for every $K$.

# %%
sizes = 2 ** np.arange(1, 11)
largest = {"scores divided by the root of K": [], "not divided": []}
for size in sizes:
    queries, keys = rng.standard_normal((200, 1, size)), rng.standard_normal((200, 10, size))
    s = (queries * keys).sum(-1)  # 200 queries, each with 10 keys of its own
    for name, divisor in zip(largest, (math.sqrt(size), 1.0), strict=True):
        largest[name].append(ops.softmax_forward(s / divisor)[0].max(1).mean())
    if size in (4, 64, 1024):
        print(f"K = {size:4}: standard deviation {s.std():5.2f}, root of K {math.sqrt(size):5.2f}")

# %%
saturation = plot.lines(
    {name: (sizes, y) for name, y in largest.items()},
    x_label="K", y_label="largest of 10 probabilities, mean", log_x=True,
)
saturation

# %% [markdown]
# ## The loop form
#
# Before trusting any fast code, write the formula as one would compute it by hand. This is the
# library's own loop form; every faster version is tested against it.

# %%
print(inspect.getsource(spec.attention_forward))

# %% [markdown]
# And this is the function that the model uses when no compiled one is at hand. Each line ends in
# its shape and in the number of its formula. (It can also drop out probabilities and switch heads
# off; both are left out by default.)

# %%
print(inspect.getsource(ops.attention_forward))

# %% [markdown]
# The two must agree. The sizes are different primes, so that no mixed-up axis can fit by
# accident, and two keys of the second text are hidden.

# %%
B, H, L, K = 2, 3, 5, 7
q, k, v = rng.standard_normal((3, B, H, L, K))
keep = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
bias = ops.padding_bias(keep, q.dtype)  # (B,1,1,L)

(context, scores), cache = ops.attention_forward(q, k, v, bias, want_scores=True)
full_bias = np.broadcast_to(bias, (B, H, L, L))
context_loops, scores_loops = spec.attention_forward(q, k, v, full_bias, np.ones(H))

forward_agrees = [
    compare(context, context_loops, name="context", axes="BHLK"),
    compare(scores, scores_loops, name="scores", axes="BHLL"),
]
print(*forward_agrees, sep="\n")

# %% [markdown]
# And the formula as printed? The comparison says which numbers differ, and where most.

# %%
printed = np.empty_like(context)
for b in range(B):
    for h in range(H):
        printed[b, h] = attention_as_printed(q[b, h], k[b, h], v[b, h])
printed_agrees = compare(printed, context_loops, name="context as printed", axes="BHLK")
print(printed_agrees)

# %% [markdown]
# ## The gradient
#
# Training asks: if the loss wants the output to change by so much, how should the inputs change?
# `dcontext` is the loss's derivative by every entry of the output, and we look for `dq`, `dk` and
# `dv`. We go backwards, one line of the formula at a time.
#
# **The average**, $context = p\,v$. An entry of $v$ was multiplied by a probability, so its
# derivative is that probability, and the other way round:
#
# $dv = p^T\,dcontext, \qquad dp = dcontext\,v^T$
#
# **The softmax.** Raising one score raises its own probability and lowers all others of the row:
#
# $\dfrac{\partial p_i}{\partial s_j} = p_i\,(\delta_{ij} - p_j)$
#
# where $\delta_{ij}$ is 1 if $i = j$ and 0 if not. Sum over everything that $s_j$ moves:
#
# $ds_j = \sum_i dp_i\,p_i\,(\delta_{ij} - p_j) = p_j\,\left(dp_j - \sum_i dp_i\,p_i\right)$
#
# The bracket compares a key with the row's average: what matters is whether this key deserves
# *more than the others*. Adding one number to all scores of a row changes nothing, and indeed the
# $ds_j$ of a row sum to zero.
#
# **The scores**, $s = q\,k^T/\sqrt{K}$. A product again, and the constant stays:
#
# $dq = \dfrac{ds\,k}{\sqrt{K}}, \qquad dk = \dfrac{ds^T\,q}{\sqrt{K}}$
#
# As code, for all batches and heads at once:


# %%
def attention_gradient(dcontext, q, k, v, bias):
    scale = 1 / math.sqrt(q.shape[-1])
    p, _ = ops.softmax_forward(q @ k.swapaxes(-1, -2) * scale + bias)
    dv = p.swapaxes(-1, -2) @ dcontext
    dp = dcontext @ v.swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    dq = ds @ k * scale
    dk = ds.swapaxes(-1, -2) @ q * scale
    return dq, dk, dv, ds


dcontext = rng.standard_normal(context.shape)
*mine, ds = attention_gradient(dcontext, q, k, v, bias)
print("largest sum over a row of ds:", f"{np.abs(ds.sum(-1)).max():.0e}")

# %% [markdown]
# The library does the same, from the cache of the forward pass:

# %%
print(inspect.getsource(ops.attention_backward))

# %%
theirs = ops.attention_backward(ops.Attended(dcontext, None), cache)[:3]
loops = spec.attention_backward(dcontext, np.zeros_like(scores), q, k, v, full_bias, np.ones(H))[:3]
gradients_agree = [
    compare(gradient, reference, name=f"{who} {name}", rtol=1e-9, axes="BHLK")
    for who, gradients in (("our", mine), ("the library's", theirs))
    for name, gradient, reference in zip(("dq", "dk", "dv"), gradients, loops, strict=True)
]
print(*gradients_agree, sep="\n")

# %% [markdown]
# ## Asking the function itself
#
# Three versions agree, but all come from one derivation; had it a mistake, all would share it.
# There is an independent judge. A derivative says what happens to the output if an input moves a
# little, so move it a little:
#
# $dx_i \approx \dfrac{\langle dy,\; f(x + h\,e_i) - f(x - h\,e_i)\rangle}{2h}$
#
# `gradcheck` does this for every single entry, with a random `dy`. It also gives the scores a
# cotangent of their own, since distillation will have a loss on them. (The bias gets no gradient,
# hence the None.)

# %%
right = gradcheck(
    ops.attention_forward, ops.attention_backward, (q, k, v, bias),
    {"want_scores": True}, wrt=(0, 1, 2, None),
)
print(right)

# %% [markdown]
# **The mistake.** The forward divides by $\sqrt{K}$, and the backward forgets to. The gradient
# has the right shape and the right direction, and training even works: `dq` and `dk` are only too
# large.


# %%
def forgets_the_root(dout, cache):
    dq, dk, dv, dhead_mask = ops.attention_backward(dout, cache)
    return dq * math.sqrt(K), dk * math.sqrt(K), dv, dhead_mask


wrong = gradcheck(
    ops.attention_forward, forgets_the_root, (q, k, v, bias),
    {"want_scores": True}, wrt=(0, 1, 2, None),
)
print(wrong)
print("root of K =", round(math.sqrt(K), 5))

# %% [markdown]
# **A check that cannot fail.** Why a random `dy`, and not simply the sum of all outputs, which is
# `dy` = 1? A row of probabilities always sums to 1, whatever the scores: that sum's true gradient
# is zero. Under it a backward of softmax that returns nothing but zeros would look right.


# %%
def only_zeros(dp, cache):
    return np.zeros_like(dp)


s = rng.standard_normal((5, 7))
_, softmax_cache = ops.softmax_forward(s)
true_gradient = ops.softmax_backward(np.ones_like(s), softmax_cache)
print("true gradient of the sum, largest entry:", f"{np.abs(true_gradient).max():.0e}")
zeros = gradcheck(ops.softmax_forward, only_zeros, (s,))
print(zeros)

# %% [markdown]
# ## Your own attention in a model
#
# `kernels.swap` puts any function in the place of an operation. Here a BERT runs with the loop
# form inside, and then with the formula as printed.


# %%
def attention_by_loops(q, k, v, bias=None, **_):
    shape = (*q.shape[:3], k.shape[2])
    bias = np.broadcast_to(0.0 if bias is None else bias, shape)
    context, _ = spec.attention_forward(q, k, v, bias, np.ones(q.shape[1], q.dtype))
    return ops.Attended(context, None), None


def attention_without_softmax(q, k, v, bias=None, **_):
    context = q @ k.swapaxes(-1, -2) / np.float32(math.sqrt(q.shape[-1])) @ v
    return ops.Attended(context, None), None


config = BertConfig.uniform(vocab=11, hidden=12, n_layers=2, heads=3, ffn=17, init_std=0.5)
model = BertModel(config, seed=5)
ids = np.array([[2, 7, 10, 5, 3]])
hidden = model(ids).last_hidden_state
with F.swap(attention_forward=attention_by_loops):
    loops_in_model = compare(model(ids).last_hidden_state, hidden, name="loops", rtol=1e-5)
with F.swap(attention_forward=attention_without_softmax):
    printed_in_model = compare(model(ids).last_hidden_state, hidden, name="as printed", rtol=1e-5)
print(loops_in_model)
print(printed_in_model)

# %% [markdown]
# ## What must hold

# %%
assert np.abs(growth - 8).max() < 1e-6
assert np.abs(w.sum(1) - 1).min() > 0.01
assert np.abs(p.sum(1) - 1).max() < 1e-12
assert inside.all()
assert moved["without_keys"] < 1e-12
assert moved["with_keys"] > 1e-3
assert all(forward_agrees)
assert all(gradients_agree)
assert not printed_agrees
assert right.ok
assert not wrong.ok
assert abs(wrong.rows[0].ratio - math.sqrt(K)) < 1e-6
assert not zeros.ok
assert np.abs(true_gradient).max() < 1e-15
assert loops_in_model
assert not printed_in_model
