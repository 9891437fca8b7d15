"""A model run over any number of texts: window by window, in the order of the input.

A window is tokenized, its texts sorted by length and run in batches, the longest first, so that
little is padded; its outputs are put back in order before the next window is begun. So a million
texts need the memory of one window.
"""

from tqdm import tqdm

from minibert.data import in_input_order, iterate_batches, sorted_plan
from minibert.recipes.examples import encode

WINDOW = 128  # batches


def length_limit(model, max_length=None):
    """The tokens that a text may have.

    Parameters
    ----------
    model : BertModel
        With a tokenizer.
    max_length : int, optional
        What was asked for; default: what the model and its tokenizer can take.

    Raises
    ------
    ValueError
        The model has fewer positions, or no text fits.
    """
    if max_length is None:
        return min(model.tokenizer.model_max_length, model.config.positions)
    if not 3 <= max_length <= model.config.positions:
        raise ValueError(
            f"--max-length is {max_length}; the model takes 3 to {model.config.positions} tokens"
        )
    return max_length


def run_texts(model, pick, table, *, max_length, batch_size=32, window=WINDOW):
    """Run a model on texts, with a progress bar on stderr.

    Parameters
    ----------
    model : BertModel
        With a tokenizer.
    pick : callable
        Takes the model's output for a batch, returns the array (B, ...) that is wanted.
    table : Table
        Texts, or pairs of texts.
    max_length : int
        Longer texts are cut to so many tokens.
    batch_size : int
    window : int
        Batches that are tokenized and sorted together.

    Yields
    ------
    picked : ndarray (texts, ...)
        Of one window, in the order of the texts.
    n_cut : int
        How many texts of the window were cut.
    """
    if batch_size < 1:
        raise ValueError(f"--batch-size is {batch_size}; it is at least 1")
    texts = table.texts if table.pairs is None else list(zip(table.texts, table.pairs, strict=True))
    with tqdm(total=len(texts), unit="text", disable=None) as bar:
        for start in range(0, len(texts), batch_size * window):
            rows = texts[start : start + batch_size * window]
            examples = encode(model.tokenizer, rows, max_length=max_length)
            plan = sorted_plan(examples.lengths, batch_size)
            picked = []
            for batch in iterate_batches(plan, examples.ids, segments=examples.segments):
                picked.append(pick(model(**batch)))
                bar.update(len(picked[-1]))
            yield in_input_order(picked, plan), examples.n_cut


def logits(output):
    """The `pick` of a classifier."""
    return output.logits


def cut_texts(n_cut, n_texts, max_length):
    """"12 of 1000 texts were longer than 128 tokens and were cut", or "" where none was."""
    if not n_cut:
        return ""
    return f"{n_cut} of {n_texts} texts were longer than {max_length} tokens and were cut"
