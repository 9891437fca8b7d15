"""What a model costs, part by part: numbers to keep, and operations."""


def linear_size(inputs, outputs):
    """W (O,I) and b (O,)."""
    return outputs * inputs + outputs


def count_parameters(config, head, pooler):
    """Tables, layers, pooler and head; a LayerNorm has gamma and beta, D numbers each."""
    D = config.hidden
    n = (config.vocab + config.positions + config.segments) * D + 2 * D
    for size in config.layers:
        for _ in range(size.heads):
            n += 3 * linear_size(D, size.head_size)  # query, key, value
            n += D * size.head_size  # its columns of the output matrix
        n += D + 2 * D
        n += linear_size(D, size.ffn) + linear_size(size.ffn, D) + 2 * D
    if pooler:
        n += linear_size(D, D)
    if head == "mlm":
        n += linear_size(D, D) + 2 * D + config.vocab  # the word table is there already
    elif head in ("classification", "tokens"):
        n += linear_size(D, config.classes)
    elif head in ("next_sentence", "span"):
        n += linear_size(D, 2)
    return n


def product_flops(rows, inner, columns):
    """(rows, inner) times (inner, columns): a product and a sum for each of the triples."""
    return 2 * rows * inner * columns


def encoder_flops(config, L):
    """The matrix products of all layers for one sequence of L tokens."""
    D, n = config.hidden, 0
    for size in config.layers:
        for _ in range(size.heads):
            K = size.head_size
            n += 3 * product_flops(L, D, K)  # q, k, v
            n += product_flops(L, K, L)  # scores
            n += product_flops(L, L, K)  # context
            n += product_flops(L, K, D)  # its part of the output
        n += product_flops(L, D, size.ffn) + product_flops(L, size.ffn, D)
    return n
