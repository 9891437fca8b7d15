"""The benchmark behind `minibert bench`: how fast, beside other engines on the same machine.

How to read its table:

work        what was done, with its sizes: (B,L) is texts and tokens a text
minibert    our median; beside it the peers' medians, with the same weights on the same inputs
x torch     PyTorch's median over ours: above 1 we are ahead. A ratio is between works that took
            turns in one run; a time alone says more about how busy the machine was. Of memory it
            is our share of PyTorch's: below 1 we are ahead
x best      the least of the ratios: to the fastest peer
must        what the library wants to reach, against the peers that its row is about, and in
go for      the next column what it would like to
reached     no; yes (must); or go for
of peak     the row's useful operations a second, as a share of one large float32 product's, by
            NumPy's BLAS or our own kernels, in the same turns. Of training, three times the
            forward's; of padded texts, those of their tokens
error       the largest distance to a peer's outputs, relative to their norm, found before timing;
            in int8 the largest distance of an engine from our float32

A line below a row says in which way the peer was fastest, and how memory was counted. Every engine
rests 20 ms before its turn, since threads of others keep spinning for a while; short works are
called once more, not counted, before a call that counts. The JSON holds the quartiles. If a warning
says that others use the machine, believe no ratio.

The parts: `timing` (turns), `rows`, `goals` and `table`; `ceiling`, `peak` and `memory`; `inputs`,
`compare` and `busy`; `peers`, the only one that knows the others' libraries; `engines`, a model in
all of them; `figures`; and a file a suite.
"""

SUITES = ("inference", "gemm", "training", "attention", "tokenizer", "startup")
